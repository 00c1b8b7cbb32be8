from __future__ import annotations

import random
from collections.abc import Callable
from heapq import heapify, heapreplace
from math import exp, log, sqrt
from statistics import fmean, pstdev
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity.kinds import Lane
from domain.shared.act import Language
from domain.shared.clock import MINUTE, SECOND, uuid7
from domain.tickets import rules
from domain.tickets.kinds import Priority
from domain.tickets.waiting import (
    EXACT_PLACES,
    AgentAtWork,
    Answer,
    Line,
    QueueState,
    ServiceTimes,
    is_worth_telling,
    wait_quantiles,
)
from tests.domain.examples import examples

lanes, priorities = st.sampled_from(list(Lane)), st.sampled_from(list(Priority))
moments = st.integers(0, 10**15)


@given(came=moments, lane=lanes, priority=priorities)
def test_nobody_counts_as_later_than_they_came_or_earlier_than_the_bound_of_their_lane(
    came: int, lane: Lane, priority: Priority
) -> None:
    assert came - rules.largest_boost(lane) <= rules.rank(came, lane, priority) <= came


@given(first=moments, later_by=st.integers(1, 10**11), lane=lanes, other=lanes, priority=priorities, high=priorities)
def test_whoever_came_earlier_by_more_than_the_bound_of_the_others_lane_is_never_overtaken(
    *, first: int, later_by: int, lane: Lane, other: Lane, priority: Priority, high: Priority
) -> None:
    came_later = first + rules.largest_boost(other) + later_by
    assert rules.rank(first, lane, priority) < rules.rank(came_later, other, high)


@given(came=moments, gap=st.integers(1, 10**9), lane=lanes, priority=priorities)
def test_equals_are_served_as_they_came(came: int, gap: int, lane: Lane, priority: Priority) -> None:
    assert rules.rank(came, lane, priority) < rules.rank(came + gap, lane, priority)


def test_a_higher_priority_never_counts_less() -> None:
    boosts = [rules.PRIORITY_BOOST[priority] for priority in Priority]
    assert boosts == sorted(boosts)


agents_at_work = st.builds(
    AgentAtWork,
    id=st.uuids(),
    name=st.sampled_from(["Ann", "Bob", "Cyd"]),
    capacity=st.integers(1, 4),
    busy=st.integers(0, 6),
    oldest_taken_at=st.none() | st.integers(0, 10**9),
)
services = st.none() | st.builds(ServiceTimes, mean=st.floats(1, 10**10), deviation=st.floats(0, 10**10))


def a_line(waiting: list[UUID], agents: list[AgentAtWork], service: ServiceTimes | None, *, now: int = 10**9) -> Line:
    return Line(queue_id=uuid7(), now=now, waiting=waiting, agents=agents, service=service)


@examples(200)
@given(
    waiting=st.lists(st.uuids(), max_size=12, unique=True),
    agents=st.lists(agents_at_work, max_size=4, unique_by=lambda agent: agent.id),
    service=services,
)
def test_a_line_answers_everybody_in_it_and_nobody_else(
    waiting: list[UUID], agents: list[AgentAtWork], service: ServiceTimes | None
) -> None:
    line = a_line(waiting, agents, service)
    assert line.answer(uuid7()) is None
    told = [line.answer(ticket_id) for ticket_id in waiting]
    assert [answer.position for answer in told if answer] == list(range(1, len(waiting) + 1))
    known = service is not None and bool(agents)
    halves = [answer.wait_p50_seconds for answer in told if answer]
    nineties = [answer.wait_p90_seconds for answer in told if answer]
    if not known:
        assert set(halves) | set(nineties) <= {None}
        return
    pairs = list(zip(halves, nineties, strict=True))
    assert all(half is not None and ninety is not None and 0 <= half <= ninety for half, ninety in pairs)
    assert halves == sorted(halves, key=lambda half: half or 0), "further back, yet sooner"


def test_the_agent_named_is_the_idlest_then_the_one_who_began_first() -> None:
    ann = AgentAtWork(id=uuid7(), name="Ann", capacity=4, busy=2, oldest_taken_at=5)
    bob = AgentAtWork(id=uuid7(), name="Bob", capacity=2, busy=0, oldest_taken_at=None)
    cyd = AgentAtWork(id=uuid7(), name="Cyd", capacity=1, busy=1, oldest_taken_at=50)
    dee = AgentAtWork(id=uuid7(), name="Dee", capacity=1, busy=1, oldest_taken_at=10)
    service = ServiceTimes(mean=100, deviation=1)
    named = [
        line.next_free.name if line.next_free else None
        for line in (
            a_line([], [ann, bob, cyd], service, now=60),
            a_line([], [cyd, dee], service, now=60),
            a_line([], [cyd, dee], None, now=60),
            a_line([], [], service, now=60),
        )
    ]
    assert named == ["Bob", "Dee", None, None]


def waiting_at(place: int | None, seconds: int = 60) -> Answer:
    return Answer(state=QueueState.WAITING, position=place, wait_p50_seconds=seconds, wait_p90_seconds=seconds)


@given(told=st.integers(1, 2000), now=st.integers(1, 2000), is_due=st.booleans())
def test_what_is_told_is_never_far_from_the_truth_for_long(told: int, now: int, is_due: bool) -> None:
    is_told = is_worth_telling(waiting_at(told), waiting_at(now), is_due=is_due)
    if told == now:
        assert not is_told
    elif now <= EXACT_PLACES or is_due or abs(told - now) * 10 >= told:
        assert is_told
    else:
        assert not is_told


def test_a_change_of_state_is_always_told_and_an_equal_answer_never() -> None:
    taken = Answer(state=QueueState.TAKEN, agent_name="Ann")
    assert is_worth_telling(waiting_at(900), taken, is_due=False)
    assert not is_worth_telling(taken, taken, is_due=True)
    assert is_worth_telling(waiting_at(900, 60), waiting_at(900, 120), is_due=True)
    assert not is_worth_telling(waiting_at(900, 60), waiting_at(900, 120), is_due=False)


def test_the_sentence_says_the_place_and_the_minutes_and_the_agent_when_known() -> None:
    answer = Answer(state=QueueState.WAITING, position=2, wait_p50_seconds=290, wait_p90_seconds=600, agent_name="小王")
    assert answer.message(Language.ZH) == "当前排第 2 位，约 5 分钟内客服小王将为您服务"
    for language in Language:
        assert "2" in answer.message(language)
        assert "小王" in answer.message(language)
        assert "5" in answer.message(language)


# How often the truth lies below what was told, in a simulation of agents who are all at work.

Draw = Callable[[random.Random], float]
MEAN = 6 * MINUTE


def _lognormal(variation: float) -> Draw:
    spread = sqrt(log(1 + variation**2))
    return lambda dice: MEAN * exp(dice.gauss(-(spread**2) / 2, spread))


DISTRIBUTIONS: dict[str, Draw] = {
    "always the same": lambda _: float(MEAN),
    "nearly the same": lambda dice: dice.gammavariate(16, MEAN / 16),
    "even": lambda dice: dice.uniform(0, 2 * MEAN),
    "exponential": lambda dice: dice.expovariate(1 / MEAN),
    "lognormal 0.5": _lognormal(0.5),
    "lognormal 1": _lognormal(1.0),
    "lognormal 1.5": _lognormal(1.5),
    "short or long": lambda dice: dice.expovariate(1 / MEAN) * (0.5 if dice.random() < 0.9 else 5.5),
}
SLOTS, PLACES = (1, 2, 3, 5, 10), (1, 2, 3, 5, 10, 20, 30)


def waits(draw: Draw, slots: int, dice: random.Random) -> list[float]:
    """When each of the first thirty in line is taken, seen at a moment in the middle of the work."""
    ends = [_rest(draw, dice) for _ in range(slots)]
    heapify(ends)
    taken = []
    for _ in range(max(PLACES)):
        taken.append(ends[0])
        heapreplace(ends, ends[0] + draw(dice))
    return taken


def _rest(draw: Draw, dice: random.Random) -> float:
    """What is left of a service that a stranger walks in on: long ones are met more often."""
    moment = dice.uniform(20, 40) * MEAN
    passed = 0.0
    while passed <= moment:
        passed += draw(dice)
    return passed - moment


def coverage(draw: Draw, slots: int, *, rounds: int, seed: int) -> dict[int, tuple[float, float]]:
    """For each place: the shares of waits that stayed within the told median and the told 90th percentile."""
    dice = random.Random(seed)
    seen = [draw(dice) for _ in range(2000)]
    service = ServiceTimes(mean=fmean(seen), deviation=pstdev(seen))
    told = {place: wait_quantiles(place, slots, service) for place in PLACES}
    within = {place: [0, 0] for place in PLACES}
    for _ in range(rounds):
        taken = waits(draw, slots, dice)
        for place in PLACES:
            for i in (0, 1):
                within[place][i] += taken[place - 1] <= told[place][i]
    return {place: (counts[0] / rounds, counts[1] / rounds) for place, counts in within.items()}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_what_is_told_about_the_wait_comes_true_as_often_as_it_says(name: str) -> None:
    """The bands are what the simulation gives, with room for chance; a rare very long service is the hardest."""
    least_90 = 0.68 if name == "short or long" else 0.78
    for slots in SLOTS:
        measured = coverage(DISTRIBUTIONS[name], slots, rounds=500, seed=slots)
        for place, (half, ninety) in measured.items():
            assert 0.34 <= half <= 0.66, (name, slots, place, half)
            assert least_90 <= ninety, (name, slots, place, ninety)


def test_a_queue_whose_services_took_no_time_tells_no_wait() -> None:
    assert wait_quantiles(3, 2, ServiceTimes(mean=0, deviation=0)) == (0, 0)


def test_told_seconds_are_whole_steps_that_do_not_flicker() -> None:
    agent = AgentAtWork(id=uuid7(), name="Ann", capacity=1, busy=1, oldest_taken_at=0)
    for mean in range(1, 2000, 37):
        line = a_line([uuid7()], [agent], ServiceTimes(mean=mean * SECOND, deviation=mean * SECOND / 2))
        told = line.wait_seconds(1)
        assert told is not None
        for seconds in told:
            assert seconds % (5 if seconds <= 60 else 15 if seconds <= 600 else 60) == 0

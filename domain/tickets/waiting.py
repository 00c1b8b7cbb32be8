"""How long somebody in line will wait: a pure answer from facts about the queue.

The p-th in line is taken at the p-th release of s slots, each of which frees itself after service times of mean m
and coefficient of variation c. Whoever asks walks in on work in hand, so the first release of one slot comes after
m (1 + c²) / 2 (Cox, "Renewal Theory", 1962), and releases of many slots together look like a Poisson process: their
index of dispersion goes from 1 to c² as each slot turns over, as I = c² + (1 - c²) / (1 + 6 p / (s (1 + c²))), which
has the right ends for gamma distributed services. The wait then has the mean (p - 1/2 + I/2) m / s and a variance of
the same kind. Its quantiles are those of a Gamma distribution, by the cube-root formula of Wilson and Hilferty (1931,
"The Distribution of Chi-Square", PNAS 17:684-688). Its coverage is measured in tests/domain/test_waiting.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Any
from uuid import UUID

from domain.shared.act import Language
from domain.shared.clock import DAY, HOUR, MINUTE, SECOND
from domain.shared.described import Described
from domain.shared.messages import say

Row = dict[str, Any]

Z90 = 1.2816
ENOUGH_SPANS = 5
WINDOWS = (10 * MINUTE, 2 * HOUR, 21 * DAY)
EXACT_PLACES = 50


class QueueState(Described):
    WAITING = "WAITING", "In line."
    TAKEN = "TAKEN", "An agent has the ticket; the last payload of the stream."
    CLOSED = "CLOSED", "Nobody will take the ticket any more; the last payload of the stream."


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTimes:
    """Of one queue lately: how long a ticket occupied an agent, in microseconds."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAtWork:
    id: UUID
    name: str
    capacity: int
    busy: int
    oldest_taken_at: int | None

    def free_at(self, service_mean: float, *, now: int) -> int:
        if self.busy < self.capacity or self.oldest_taken_at is None:
            return now
        return max(now, self.oldest_taken_at + int(service_mean))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What somebody in line is told. Two equal answers need not be told twice."""

    state: QueueState
    position: int | None = None
    wait_p50_seconds: int | None = None
    wait_p90_seconds: int | None = None
    agent_name: str | None = None

    def message(self, language: Language) -> str:
        facts = {"position": self.position, "agent_name": self.agent_name, "minutes": 0}
        if self.state is QueueState.CLOSED:
            return say(language, "WAITING_CLOSED", facts)
        if self.state is QueueState.TAKEN:
            return say(language, "WAITING_TAKEN" if self.agent_name else "WAITING_HANDLED", facts)
        if self.wait_p50_seconds is None:
            return say(language, "WAITING_POSITION", facts)
        facts["minutes"] = max(1, -(-self.wait_p50_seconds // 60))
        key = "WAITING_POSITION_TIME_AGENT" if self.agent_name else "WAITING_POSITION_TIME"
        return say(language, key, facts)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A queue at one moment, for all who stand in it."""

    queue_id: UUID
    now: int
    waiting: Sequence[UUID]
    agents: Sequence[AgentAtWork]
    service: ServiceTimes | None
    heads: Sequence[Row] = ()

    @cached_property
    def places(self) -> dict[UUID, int]:
        return {ticket_id: place for place, ticket_id in enumerate(self.waiting, start=1)}

    @cached_property
    def slots(self) -> int:
        return sum(agent.capacity for agent in self.agents)

    @cached_property
    def next_free(self) -> AgentAtWork | None:
        """The agent expected to be free first; unknown while nobody is at work or nothing was measured yet."""
        if not self.agents:
            return None
        free = [agent for agent in self.agents if agent.busy < agent.capacity]
        if free:
            return min(free, key=lambda a: (a.busy / a.capacity, a.name, a.id))
        if self.service is None:
            return None
        mean = self.service.mean
        return min(self.agents, key=lambda a: (a.free_at(mean, now=self.now), a.name, a.id))

    def wait_seconds(self, place: int) -> tuple[int, int] | None:
        """Median and 90th percentile of the wait, or None while nobody can say."""
        if self.service is None or self.slots == 0:
            return None
        median, ninetieth = wait_quantiles(place, self.slots, self.service)
        return _rounded(median), _rounded(ninetieth)

    def answer(self, ticket_id: UUID) -> Answer | None:
        """None when the ticket is not in this line."""
        place = self.places.get(ticket_id)
        if place is None:
            return None
        wait = self.wait_seconds(place)
        return Answer(
            state=QueueState.WAITING,
            position=place,
            wait_p50_seconds=wait[0] if wait else None,
            wait_p90_seconds=wait[1] if wait else None,
            agent_name=self.next_free.name if self.next_free else None,
        )


def wait_quantiles(place: int, slots: int, service: ServiceTimes) -> tuple[float, float]:
    """Microseconds, at the median and at the 90th percentile."""
    if not service.mean:
        return 0.0, 0.0
    squared = (service.deviation / service.mean) ** 2
    dispersion = squared + (1 - squared) / (1 + 6 * place / (slots * (1 + squared)))
    step = service.mean / slots
    mean = place - 0.5 + dispersion / 2
    variance = (place - 1) * dispersion + (1 + dispersion) * (1 + 5 * dispersion) / 12
    shape = mean**2 / variance
    return step * mean * _gamma_factor(shape, 0.0), step * mean * _gamma_factor(shape, Z90)


def _gamma_factor(shape: float, z: float) -> float:
    return float(max(0.0, 1 - 1 / (9 * shape) + z / (3 * sqrt(shape))) ** 3)


def _rounded(micros: float) -> int:
    """Seconds, in steps that a person cares about, so that the told answer does not flicker."""
    seconds = micros / SECOND
    step = 5 if seconds < 60 else 15 if seconds < 600 else 60
    return int(-(-seconds // step) * step)


def is_worth_telling(told: Answer, now: Answer, *, is_due: bool) -> bool:
    """Near the front every change; further back a change of place by a tenth, or any change once it is due."""
    if told == now:
        return False
    if told.state is not now.state or told.position is None or now.position is None:
        return True
    if now.position <= EXACT_PLACES or is_due:
        return True
    return abs(told.position - now.position) >= told.position / 10

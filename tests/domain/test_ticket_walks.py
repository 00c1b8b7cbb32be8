"""Any sequence of things that people do to tickets, beside a pure model of what each of them may do."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest

from domain.identity.kinds import Lane, Presence
from domain.shared.act import Act, Role
from domain.shared.errors import DomainError, Forbidden, RequestError
from domain.shared.events import body_of, events_after
from domain.shared.models import EventRecord, Job
from domain.shared.sql import EVERYTHING, Row, fetch, select
from domain.tickets import rules
from domain.tickets.actions import ending, talking, working
from domain.tickets.kinds import Priority, TicketStatus
from domain.tickets.models import Message, Rating, ServiceSpan, Ticket
from tests.builders.scene import Person, Scene

NEW, OPEN, PENDING, ON_HOLD, RESOLVED, CLOSED = TicketStatus
CAPACITY = {"ann": 2, "bob": 1, "sue": 1}
STAFF = tuple(CAPACITY)
TABLES = (Ticket, EventRecord, Message, Rating, ServiceSpan, Job)


@dataclass(frozen=True)
class Known:
    """What the model knows of one ticket."""

    status: TicketStatus = NEW
    agent: str | None = None
    is_waiting: bool = True
    queue: int = 0
    resolutions: int = 0
    rated: int = 0
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True)
class Step:
    verb: str
    who: str
    ticket: int
    to: str
    flag: bool
    priority: Priority


class Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Model:
    """The rules as a person would tell them; `do` answers the ticket as it should stand, or raises Refused."""

    def __init__(self) -> None:
        self.tickets: list[Known] = []
        self.presence = dict.fromkeys(STAFF, True)

    def require_room(self, who: str) -> None:
        if not self.presence[who]:
            raise Refused("AGENT_AWAY")
        if sum(t.agent == who and t.status is OPEN for t in self.tickets) >= CAPACITY[who]:
            raise Refused("AT_CAPACITY")

    @staticmethod
    def require_handler(ticket: Known, who: str) -> None:
        if ticket.agent not in (None, who) and who != "sue":
            raise Refused("ASSIGNED_TO_OTHER")

    @staticmethod
    def taken(ticket: Known, who: str) -> Known:
        return replace(ticket, status=OPEN, agent=who, is_waiting=False)

    @staticmethod
    def back_in_line(ticket: Known) -> Known:
        return replace(ticket, status=OPEN, agent=None, is_waiting=True)

    def do(self, step: Step, ticket: Known) -> Known:
        answer: Known = getattr(self, step.verb)(step, ticket)
        return answer

    def write(self, step: Step, ticket: Known) -> Known:
        if ticket.status is CLOSED:
            raise Refused("TICKET_CLOSED")
        if ticket.status is RESOLVED:
            return self.back_in_line(ticket)
        return replace(ticket, status=OPEN) if ticket.status is PENDING else ticket

    def answer(self, step: Step, ticket: Known) -> Known:
        if ticket.status is CLOSED:
            raise Refused("TICKET_CLOSED")
        self.require_handler(ticket, step.who)
        return replace(ticket, status=PENDING) if step.flag and ticket.status is OPEN else ticket

    def note(self, step: Step, ticket: Known) -> Known:
        return ticket

    def assign(self, step: Step, ticket: Known) -> Known:
        if step.who not in {step.to, "sue"}:
            raise Refused("FORBIDDEN")
        self.require_handler(ticket, step.who)
        if ticket.agent == step.to and ticket.status is OPEN:
            return ticket
        if ticket.status in rules.ENDED:
            raise Refused("WRONG_STATE")
        self.require_room(step.to)
        return self.taken(ticket, step.to)

    def transfer(self, step: Step, ticket: Known) -> Known:
        self.require_handler(ticket, step.who)
        if ticket.status in rules.ENDED:
            raise Refused("WRONG_STATE")
        self.require_room(step.to)
        return self.taken(ticket, step.to)

    def move(self, step: Step, ticket: Known) -> Known:
        self.require_handler(ticket, step.who)
        if ticket.status in rules.ENDED:
            raise Refused("WRONG_STATE")
        moved = replace(ticket, agent=None, is_waiting=True, queue=int(step.flag))
        return moved if ticket.status is NEW else replace(moved, status=OPEN)

    def resolve(self, step: Step, ticket: Known) -> Known:
        self.require_handler(ticket, step.who)
        if ticket.status in rules.ENDED:
            raise Refused("WRONG_STATE")
        return replace(ticket, status=RESOLVED, is_waiting=False, resolutions=ticket.resolutions + 1)

    def reopen(self, step: Step, ticket: Known) -> Known:
        if ticket.status is CLOSED:
            raise Refused("TICKET_CLOSED")
        if ticket.status is not RESOLVED:
            raise Refused("WRONG_STATE")
        return self.back_in_line(ticket)

    def close(self, step: Step, ticket: Known) -> Known:
        return replace(ticket, status=CLOSED) if ticket.status is RESOLVED else ticket

    def rate(self, step: Step, ticket: Known) -> Known:
        if ticket.resolutions == 0:
            raise Refused("WRONG_STATE")
        if ticket.rated == ticket.resolutions:
            raise Refused("ALREADY_RATED")
        return replace(ticket, rated=ticket.resolutions)

    def hurry(self, step: Step, ticket: Known) -> Known:
        if step.who != "sue":
            raise Refused("FORBIDDEN")
        if ticket.status in rules.ENDED:
            raise Refused("WRONG_STATE")
        if rules.PRIORITY_BOOST[step.priority] < rules.PRIORITY_BOOST[ticket.priority]:
            raise Refused("INVALID")
        return replace(ticket, priority=step.priority)


@dataclass
class Play:
    """The model and the real thing, side by side."""

    scene: Scene
    model: Model
    buyer: Person
    staff: dict[str, Person]
    queues: list[UUID]
    ids: list[UUID]
    done: set[str] = field(default_factory=set)

    def name_of(self, agent_id: UUID | None) -> str | None:
        return next((name for name, person in self.staff.items() if person.id == agent_id), None)

    async def rows(self) -> list[Row]:
        found = {row["id"]: row for row in await fetch(select(Ticket, EVERYTHING))}
        return [found[key] for key in self.ids]

    async def all_rows(self) -> dict[str, list[Row]]:
        whole = {}
        for model in TABLES:
            whole[model.__name__] = sorted(await fetch(select(model, EVERYTHING)), key=lambda row: str(row["id"]))
        return whole

    def act(self, who: str) -> Act:
        return self.scene.act(self.buyer if who == "buyer" else self.staff.get(who))

    async def really(self, step: Step) -> object:
        act, key = self.act(step.who), self.ids[step.ticket]
        to = self.staff[step.to].id
        deeds: dict[str, Callable[[], Awaitable[object]]] = {
            "write": lambda: talking.add_message(act, ticket_id=key, text="hello"),
            "answer": lambda: talking.add_message(act, ticket_id=key, text="hi", awaits_buyer=step.flag),
            "note": lambda: talking.add_message(act, ticket_id=key, text="psst", is_internal=True),
            "assign": lambda: working.assign_ticket(act, ticket_id=key, agent_id=to),
            "transfer": lambda: working.transfer_ticket(act, ticket_id=key, agent_id=to, note="yours"),
            "move": lambda: working.transfer_ticket(act, ticket_id=key, queue_id=self.queues[step.flag]),
            "resolve": lambda: ending.resolve_ticket(act, ticket_id=key, text="done"),
            "reopen": lambda: ending.reopen_ticket(act, ticket_id=key, text="no" if step.flag else None),
            "close": lambda: ending.close_ticket(
                self.scene.act(), ticket_id=key, resolution=self.model.tickets[step.ticket].resolutions
            ),
            "rate": lambda: ending.rate_ticket(act, ticket_id=key, score=4),
            "hurry": lambda: working.raise_priority(act, ticket_id=key, priority=step.priority),
        }
        return await deeds[step.verb]()

    async def open(self) -> None:
        self.ids.append(await self.scene.ticket(self.buyer))
        self.model.tickets.append(Known())

    async def claim(self, who: str) -> None:
        waiting = [row for row in await self.rows() if row["is_waiting"]]
        first = min(waiting, key=lambda row: (row["rank_at"], row["id"]), default=None)
        before = await self.all_rows()
        try:
            self.model.require_room(who)
        except Refused as expected:
            await self.assert_refused(lambda: working.claim_next(self.act(who)), expected.code, before)
            return
        claimed = await working.claim_next(self.act(who))
        assert claimed == (first["id"] if first else None)
        if claimed is None:
            assert await self.all_rows() == before
            return
        place = self.ids.index(claimed)
        self.model.tickets[place] = self.model.taken(self.model.tickets[place], who)

    async def presence(self, who: str, *, is_online: bool) -> None:
        status = Presence.ONLINE if is_online else Presence.AWAY
        await working.set_presence(self.act(who), presence=status, capacity=None)
        self.model.presence[who] = is_online

    async def assert_refused(self, deed: Callable[[], Awaitable[object]], code: str, before: Any) -> None:
        try:
            await deed()
        except Forbidden:
            said = "FORBIDDEN"
        except (DomainError, RequestError) as error:
            said = str(error.code)
        else:
            raise AssertionError(f"was not refused with {code}")
        assert said == code
        assert await self.all_rows() == before

    async def take(self, step: Step) -> None:
        before = await self.all_rows()
        old_row = (await self.rows())[step.ticket]
        known = self.model.tickets[step.ticket]
        try:
            self.model.tickets[step.ticket] = self.model.do(step, known)
        except Refused as expected:
            await self.assert_refused(lambda: self.really(step), expected.code, before)
            return
        await self.really(step)
        self.done.add(step.verb)
        self.assert_place(old_row, (await self.rows())[step.ticket], known)

    @staticmethod
    def assert_place(old: Row, new: Row, known: Known) -> None:
        """Only what brings a resolved ticket back begins a new wait."""
        if known.status is RESOLVED and new["status"] == OPEN:
            assert new["entered_at"] >= old["entered_at"]
        elif known.is_waiting or new["is_waiting"]:
            assert new["entered_at"] == old["entered_at"]
            assert new["rank_at"] <= old["rank_at"]

    async def assert_invariants(self) -> None:
        rows = await self.rows()
        for key, row, known in zip(self.ids, rows, self.model.tickets, strict=True):
            stands = (row["status"], self.name_of(row["agent_id"]), row["is_waiting"], row["queue_id"], row["priority"])
            queue_id = self.queues[known.queue]
            # A ticket that is over keeps the agent who ended it; the model does not care who that was.
            assert stands == (known.status, known.agent, known.is_waiting, queue_id, known.priority)
            is_over = row["status"] in rules.ENDED
            assert row["is_waiting"] == (row["agent_id"] is None and not is_over)
            assert row["rank_at"] <= row["entered_at"]
            assert row["rank_at"] >= row["entered_at"] - rules.largest_boost(Lane(row["lane"]))
            assert (row["taken_at"] is not None) == (row["status"] == OPEN and row["agent_id"] is not None)
            assert row["resolution_count"] == known.resolutions
            await self.assert_log(key, row)

    @staticmethod
    async def assert_log(key: UUID, row: Row) -> None:
        log = await events_after(key, 0)
        assert [event["seq"] for event in log] == list(range(1, row["version"] + 1))
        status: str | None = None
        for event in log:
            body = body_of(event)
            if status is not None and body.get("from_status"):
                assert body["from_status"] == status
                moved = body["to_status"] != body["from_status"]
                assert not moved or rules.may_move(TicketStatus(body["from_status"]), TicketStatus(body["to_status"]))
            status = body.get("to_status", status)
        assert status == row["status"]


BY_BUYER = ["write", "write", "reopen", "rate"]
BY_STAFF = ["answer", "answer", "note", "assign", "transfer", "move", "move", "resolve", "reopen", "hurry", "close"]
BY_STAFF += ["claim", "claim", "presence"]
LENGTH, AT_ONCE = 90, 3


async def deed(play: Play, dice: random.Random) -> None:
    """One thing that somebody does, allowed or not; mostly to tickets that are not over for good."""
    who = dice.choice([*STAFF, "buyer"])
    if len([ticket for ticket in play.model.tickets if ticket.status is not CLOSED]) < AT_ONCE or dice.random() < 0.02:
        await play.open()
    verb = dice.choice(BY_BUYER if who == "buyer" else BY_STAFF)
    if verb == "claim":
        await play.claim(who)
    elif verb == "presence":
        await play.presence(who, is_online=dice.random() < 0.8)
    else:
        place = dice.randrange(max(0, len(play.ids) - 2 * AT_ONCE), len(play.ids))
        priority = dice.choice([Priority.NORMAL, Priority.HIGH, Priority.URGENT])
        await play.take(Step(verb, who, place, dice.choice(STAFF), dice.random() < 0.5, priority))


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_people_do_a_ticket_keeps_its_rules(scene: Scene, seed: int) -> None:
    play, dice = await a_play(scene), random.Random(seed)
    for _ in range(LENGTH):
        await deed(play, dice)
        await play.assert_invariants()
    assert len(play.done) > 4, "a walk that got nowhere"


async def a_play(scene: Scene) -> Play:
    queues = [scene.queue_id, await scene.queue("other")]
    roles = {"ann": Role.AGENT, "bob": Role.AGENT, "sue": Role.SUPERVISOR}
    staff = {name: await scene.agent(name, role=role, capacity=CAPACITY[name]) for name, role in roles.items()}
    return Play(scene, Model(), await scene.buyer(), staff, queues, [])

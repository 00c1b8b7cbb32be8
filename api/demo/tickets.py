"""Tickets of the demo shop in every state, each played from its opening to where it stands today."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import cycle
from uuid import UUID

from api.demo.people import Crew, Worker
from api.demo.stage import Stage
from api.demo.stories import STORIES, Speaker, Story
from domain.orders.facts import OrderDraft
from domain.orders.queries import orders_by_id
from domain.shared.act import ContactKind, Role, Viewer
from domain.shared.clock import DAY, HOUR, MINUTE, SECOND
from domain.shared.sql import Row
from domain.shared.transact import Tx, transact
from domain.tickets.actions import ending, opening, talking, working
from domain.tickets.events import TicketEventType, ticket_event
from domain.tickets.kinds import TicketStatus
from domain.tickets.placing import load_ticket, release
from domain.tickets.rules import CLOSES_AFTER


class End(Enum):
    CLOSED = auto()
    RESOLVED = auto()
    PENDING = auto()
    ON_HOLD = auto()
    OPEN = auto()
    REOPENED = auto()
    WAITING = auto()


# How long ago such a ticket was opened.
AGES: dict[End, tuple[int, int]] = {
    End.CLOSED: (8 * DAY, 45 * DAY),
    End.RESOLVED: (2 * HOUR, 6 * DAY),
    End.PENDING: (3 * HOUR, 2 * DAY),
    End.ON_HOLD: (4 * HOUR, 3 * DAY),
    End.OPEN: (25 * MINUTE, 100 * MINUTE),
    End.REOPENED: (5 * HOUR, 2 * DAY),
    End.WAITING: (MINUTE, 22 * MINUTE),
}
SHARES: dict[End, int] = {
    End.CLOSED: 46,
    End.RESOLVED: 30,
    End.PENDING: 10,
    End.ON_HOLD: 6,
    End.OPEN: 11,
    End.REOPENED: 3,
    End.WAITING: 14,
}
MOST = sum(SHARES.values())
_RATED = {5: 9, 4: 5, 3: 2, 2: 1, 1: 1}


@dataclass(frozen=True, slots=True)
class Sold:
    order_id: UUID
    draft: OrderDraft


@dataclass(frozen=True, slots=True)
class Case:
    end: End
    story: Story
    sold: Sold
    opened_at: int


def plan(stage: Stage, sold: Sequence[Sold]) -> list[Case]:
    """Every end at least once, each ticket about an order of its own that fits the story where there is one."""
    share = min(1.0, len(sold) / (4 * MOST))
    ends = [end for end, count in SHARES.items() for _ in range(max(1, round(count * share)))]
    moments = sorted(((stage.now - stage.dice.randrange(*AGES[end]), end) for end in ends), key=lambda one: one[0])
    placed = [one.draft.placed_at for one in sold]
    free = dict(enumerate(sold))
    cases = []
    for (opened_at, end), story in zip(moments, cycle(STORIES), strict=False):
        place = _order_before(free, bisect_right(placed, opened_at - MINUTE), story)
        cases.append(Case(end, story, free.pop(place), opened_at))
    return cases


def in_line(cases: Sequence[Case]) -> list[Sold]:
    """The orders of those who will be waiting."""
    return [case.sold for case in cases if case.end is End.WAITING]


def _order_before(free: dict[int, Sold], beyond: int, story: Story) -> int:
    """The newest order of that time which fits; else the newest of a buyer who speaks so, else any."""
    earlier = [place for place in sorted(free, reverse=True) if place < beyond] or list(free)
    spoken = [place for place in earlier if free[place].draft.buyer.language is story.language]
    fitting = [place for place in spoken if story.fits(free[place].draft)]
    return (fitting or spoken or earlier)[0]


async def play_all(stage: Stage, crew: Crew, cases: Sequence[Case], *, advance: Callable[[], None]) -> None:
    """One ticket at a time, so that an agent who claims the next one gets it; then the line, which nobody claims."""
    rows = await orders_by_id(Viewer.system(stage.shop_id), [case.sold.order_id for case in cases])
    closed, reopened, waiting = [], [], []
    shifts: Counter[str] = Counter()
    for case in cases:
        queue = crew.queue_of(case.story.category)
        able = crew.on(queue, at_work=case.end in {End.OPEN, End.PENDING, End.ON_HOLD})
        worker = min(able, key=lambda one: shifts[f"{case.end} {one.post.email}"])
        shifts[f"{case.end} {worker.post.email}"] += 1
        play = _Play(stage, case, _buyer(rows[case.sold.order_id]), worker, crew.queues[queue])
        if case.end is End.WAITING:
            waiting.append(play)
            continue
        ticket_id = await play.run()
        if case.end is End.CLOSED:
            closed.append(ticket_id)
        elif case.end is End.REOPENED:
            reopened.append((play, ticket_id))
        advance()
    for play, ticket_id in reopened:
        await play.reopen(ticket_id)
    for play in waiting:
        await play.open()
        advance()
    await _forget_timers(stage, closed)


def _buyer(order: Row) -> Viewer:
    return Viewer(
        role=Role.BUYER,
        shop_id=order["shop_id"],
        principal_id=order["buyer_id"],
        contact_id=order["email_id"] or order["phone_id"],
        contact_kind=ContactKind.EMAIL if order["email_id"] else ContactKind.PHONE,
    )


async def _forget_timers(stage: Stage, closed: Sequence[UUID]) -> None:
    """What was closed in the past needs no job that would close it."""

    async def work(tx: Tx) -> None:
        if closed:
            tx.cancel(*map(talking.close_key, closed))

    await transact(stage.act(stage.now), work)


class _Play:
    """One ticket; `at` is the moment that the play has reached."""

    def __init__(self, stage: Stage, case: Case, buyer: Viewer, worker: Worker, queue_id: UUID) -> None:
        self._stage = stage
        self._case = case
        self._story = case.story
        self._buyer = buyer
        self._worker = worker
        self._queue_id = queue_id
        self._at = case.opened_at

    async def run(self) -> UUID:
        ticket_id = await self.open()
        await self._claim(ticket_id)
        await self._talk(ticket_id)
        match self._case.end:
            case End.PENDING:
                await self._say(ticket_id, Speaker.AGENT, self._story.question, awaits_buyer=True)
            case End.ON_HOLD:
                await self._hold(ticket_id)
            case End.CLOSED | End.RESOLVED | End.REOPENED:
                await self._resolve(ticket_id)
        return ticket_id

    def _pass(self, least: int, most: int) -> int:
        self._at = min(self._at + self._stage.dice.randrange(least, most), self._stage.now - SECOND)
        return self._at

    async def open(self) -> UUID:
        return await opening.open_ticket(
            self._stage.act(self._at, self._buyer, self._story.language),
            text=self._stage.dice.choice(self._story.opening),
            order_id=self._case.sold.order_id,
            category=self._story.category,
            language=self._story.language,
        )

    async def _claim(self, ticket_id: UUID) -> None:
        act = self._stage.act(self._pass(MINUTE, 9 * MINUTE), self._worker.viewer)
        claimed = await working.claim_next(act, queue_id=self._queue_id)
        assert claimed == ticket_id, "the past is played one ticket at a time"

    async def _talk(self, ticket_id: UUID) -> None:
        is_at_start = self._case.end in {End.OPEN, End.PENDING, End.ON_HOLD}
        for speaker, text in self._story.turns[:2] if is_at_start else self._story.turns:
            await self._say(ticket_id, speaker, text)

    async def _say(self, ticket_id: UUID, speaker: Speaker, text: str, *, awaits_buyer: bool = False) -> None:
        viewer = self._buyer if speaker is Speaker.BUYER else self._worker.viewer
        await talking.add_message(
            self._stage.act(self._pass(40 * SECOND, 4 * MINUTE), viewer),
            ticket_id=ticket_id,
            text=text,
            is_internal=speaker is Speaker.NOTE,
            awaits_buyer=awaits_buyer,
        )

    async def _hold(self, ticket_id: UUID) -> None:
        """No action puts a ticket on hold yet; this one writes what such an action would."""
        await self._say(ticket_id, Speaker.NOTE, "等供应商回复，先挂起。")

        async def work(tx: Tx) -> None:
            ticket = await load_ticket(tx, ticket_id)
            release(tx, ticket)
            ticket.status, ticket.updated_at = TicketStatus.ON_HOLD, tx.act.now
            moved = ticket_event(
                TicketEventType.STATUS_CHANGED, from_status=TicketStatus.OPEN, to_status=TicketStatus.ON_HOLD
            )
            tx.record(ticket, moved)

        await transact(self._stage.act(self._at, self._worker.viewer), work)

    async def _resolve(self, ticket_id: UUID) -> None:
        act = self._stage.act(self._pass(MINUTE, 4 * MINUTE), self._worker.viewer)
        await ending.resolve_ticket(act, ticket_id=ticket_id, text=self._story.resolution)
        resolved_at, dice = self._at, self._stage.dice
        if dice.random() < 0.6:
            (score,) = dice.choices(list(_RATED), list(_RATED.values()))
            act = self._stage.act(self._pass(5 * MINUTE, HOUR), self._buyer)
            comment = self._story.thanks if score > 3 and dice.random() < 0.5 else None
            await ending.rate_ticket(act, ticket_id=ticket_id, score=score, comment=comment)
        if self._case.end is End.CLOSED:
            act = self._stage.act(resolved_at + CLOSES_AFTER)
            await ending.close_ticket(act, ticket_id=ticket_id, resolution=1)

    async def reopen(self, ticket_id: UUID) -> None:
        act = self._stage.act(self._pass(HOUR, 3 * HOUR), self._buyer)
        await ending.reopen_ticket(act, ticket_id=ticket_id, text=self._story.again)

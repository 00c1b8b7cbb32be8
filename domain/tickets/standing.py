"""Where one ticket stands in line, for as long as it does: what is told, and when."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID

from domain.identity.queries import agents_by_id
from domain.shared.act import Viewer
from domain.shared.clock import SECOND
from domain.shared.errors import Missing
from domain.shared.sql import Row
from domain.tickets.queries import ticket_by_id
from domain.tickets.rules import ENDED
from domain.tickets.waiting import Answer, Line, QueueState, is_worth_telling

TOLD_AGAIN_AFTER = 5 * SECOND
Lines = Callable[[Sequence[UUID]], AsyncGenerator[Line, None]]


@dataclass(frozen=True, slots=True)
class Standing:
    answer: Answer


async def _off_the_line(viewer: Viewer, ticket: Row) -> Answer:
    if ticket["status"] in ENDED:
        return Answer(state=QueueState.CLOSED)
    agent = (await agents_by_id(viewer, [ticket["agent_id"]])).get(ticket["agent_id"]) if ticket["agent_id"] else None
    return Answer(state=QueueState.TAKEN, agent_name=agent["name"] if agent else None)


async def _seen(viewer: Viewer, ticket_id: UUID) -> Row:
    ticket = await ticket_by_id(viewer, ticket_id)
    if ticket is None:
        raise Missing("There is no such ticket.")
    return ticket


async def standing_of(viewer: Viewer, ticket_id: UUID, lines: Lines) -> AsyncGenerator[Standing, None]:
    """Follows the ticket through transfers, from line to line, until it is taken or closed."""
    told: Answer | None = None
    while True:
        ticket = await _seen(viewer, ticket_id)
        if not ticket["is_waiting"]:
            yield Standing(await _off_the_line(viewer, ticket))
            return
        told_at = 0
        async with aclosing(lines([ticket["queue_id"]])) as states:
            async for line in states:
                answer = line.answer(ticket_id)
                if answer is None:
                    break
                is_due = line.now - told_at >= TOLD_AGAIN_AFTER
                if told is None or is_worth_telling(told, answer, is_due=is_due):
                    told, told_at = answer, line.now
                    yield Standing(answer)

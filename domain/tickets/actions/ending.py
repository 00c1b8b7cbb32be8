"""Resolving, rating, reopening and closing."""

from __future__ import annotations

from uuid import UUID

from domain.shared import checks
from domain.shared.act import STAFF, Act, Role
from domain.shared.errors import WrongState
from domain.shared.jobs import JobOrder
from domain.shared.sql import sql
from domain.shared.transact import Tx, transact
from domain.tickets import rules
from domain.tickets.actions.talking import bring_back, close_key
from domain.tickets.errors import AlreadyRated, TicketClosed
from domain.tickets.events import TicketEventType, ticket_event
from domain.tickets.kinds import TicketStatus
from domain.tickets.models import Rating, Ticket
from domain.tickets.placing import leave_line, load_ticket, release, require_handler
from domain.tickets.writing import new_message

CLOSE_JOB = "ticket.close"


async def resolve_ticket(act: Act, *, ticket_id: UUID, text: str) -> UUID:
    """Tells the buyer how it was solved. The ticket closes by itself a week later unless it is reopened."""
    act.viewer.require(*STAFF)
    text = checks.text(text, ["text"], most=rules.LONGEST_MESSAGE)

    async def work(tx: Tx) -> UUID:
        ticket = await load_ticket(tx, ticket_id)
        require_handler(act.viewer, ticket)
        resolve(tx, ticket, text)
        return ticket.id

    return await transact(act, work)


def resolve(tx: Tx, ticket: Ticket, text: str) -> None:
    before = ticket.status
    if not rules.may_move(TicketStatus(before), TicketStatus.RESOLVED):
        raise WrongState(["ticketId"])
    message = new_message(tx, ticket.id, text)
    tx.add(message)
    release(tx, ticket)
    leave_line(tx, ticket)
    ticket.status = TicketStatus.RESOLVED
    ticket.resolved_at = ticket.updated_at = tx.act.now
    ticket.resolution_count += 1
    ticket.resolution_message_id = message.id
    if ticket.first_replied_at is None:
        ticket.first_replied_at = tx.act.now
    tx.record(
        ticket,
        ticket_event(TicketEventType.RESOLVED, message_id=message.id, from_status=before, to_status=ticket.status),
    )
    due_at = tx.act.now + rules.CLOSES_AFTER
    payload = {"ticket": str(ticket.id), "resolution": ticket.resolution_count}
    tx.schedule(JobOrder(kind=CLOSE_JOB, key=close_key(ticket.id), due_at=due_at, payload=payload))


async def close_ticket(act: Act, *, ticket_id: UUID, resolution: int) -> None:
    """The timer's end of a resolution; one that was reopened since is left alone."""

    async def work(tx: Tx) -> None:
        ticket = await tx.load_one(Ticket, sql("id = {} AND shop_id = {}", ticket_id, act.viewer.shop_id))
        if ticket is None or ticket.status != TicketStatus.RESOLVED or ticket.resolution_count != resolution:
            return
        ticket.status = TicketStatus.CLOSED
        ticket.closed_at = ticket.updated_at = act.now
        tx.record(
            ticket,
            ticket_event(TicketEventType.CLOSED, from_status=TicketStatus.RESOLVED, to_status=TicketStatus.CLOSED),
        )

    await transact(act, work)


async def reopen_ticket(act: Act, *, ticket_id: UUID, text: str | None = None) -> UUID:
    act.viewer.require(Role.BUYER, *STAFF)
    reason = checks.optional_text(text, ["text"], most=rules.LONGEST_MESSAGE)

    async def work(tx: Tx) -> UUID:
        ticket = await load_ticket(tx, ticket_id)
        if ticket.status == TicketStatus.CLOSED:
            raise TicketClosed(["ticketId"])
        if ticket.status != TicketStatus.RESOLVED:
            raise WrongState(["ticketId"])
        if reason:
            message = new_message(tx, ticket.id, reason)
            tx.add(message)
            tx.record(ticket, ticket_event(TicketEventType.MESSAGE_ADDED, message_id=message.id))
        await bring_back(tx, ticket)
        return ticket.id

    return await transact(act, work)


async def rate_ticket(act: Act, *, ticket_id: UUID, score: int, comment: str | None = None) -> UUID:
    """Once for each resolution, by the buyer alone."""
    act.viewer.require(Role.BUYER)
    checks.number(score, ["score"], least=1, most=5)
    said = checks.optional_text(comment, ["comment"], most=1000)

    async def work(tx: Tx) -> UUID:
        ticket = await load_ticket(tx, ticket_id)
        if ticket.resolution_count == 0:
            raise WrongState(["ticketId"])
        rated = sql("ticket_id = {} AND resolution = {}", ticket.id, ticket.resolution_count)
        if await tx.load(Rating, rated):
            raise AlreadyRated(["ticketId"])
        rating_id = act.new_id()
        tx.add(
            Rating(
                id=rating_id,
                shop_id=ticket.shop_id,
                ticket_id=ticket.id,
                resolution=ticket.resolution_count,
                agent_id=ticket.agent_id,
                score=score,
                sealed_comment=act.keyring.seal(said, f"rating:{rating_id}") if said else None,
                at=act.now,
            )
        )
        ticket.updated_at = act.now
        tx.record(ticket, ticket_event(TicketEventType.RATED, score=score))
        return ticket.id

    return await transact(act, work)

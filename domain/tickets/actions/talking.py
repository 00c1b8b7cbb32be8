"""Messages between the buyer and the staff, and notes among the staff."""

from __future__ import annotations

from uuid import UUID

from domain.shared import checks
from domain.shared.act import Act, Role
from domain.shared.errors import Forbidden
from domain.shared.idempotency import earlier_subject
from domain.shared.transact import Tx, transact
from domain.tickets import rules
from domain.tickets.errors import TicketClosed
from domain.tickets.events import TicketEventType, ticket_event
from domain.tickets.kinds import TicketStatus
from domain.tickets.models import Ticket
from domain.tickets.placing import enter_line, load_ticket, moment, occupy, release, require_handler
from domain.tickets.writing import new_message


async def add_message(
    act: Act,
    *,
    ticket_id: UUID,
    text: str,
    is_internal: bool = False,
    awaits_buyer: bool = False,
    idempotency_key: str | None = None,
) -> UUID:
    """The message's id. `awaits_buyer` puts the ticket to PENDING, which frees the agent for another one."""
    act.viewer.require(Role.BUYER, Role.AGENT, Role.SUPERVISOR, Role.ADMIN)
    if act.viewer.is_buyer and (is_internal or awaits_buyer):
        raise Forbidden("Internal notes are for staff.")
    text = checks.text(text, ["text"], most=rules.LONGEST_MESSAGE)
    await act.throttle.hit(f"message:{act.viewer.principal_id}", limit=120, seconds=600)
    message_id = act.new_id()
    given = {"ticket": ticket_id, "text": text, "internal": is_internal, "awaits": awaits_buyer}

    async def work(tx: Tx) -> UUID:
        earlier = await earlier_subject(tx, "messageAdd", idempotency_key, given, message_id)
        if earlier:
            return earlier
        ticket = await load_ticket(tx, ticket_id)
        if ticket.status == TicketStatus.CLOSED and not is_internal:
            raise TicketClosed(["ticketId"])
        tx.add(new_message(tx, ticket.id, text, is_internal=is_internal, message_id=message_id))
        ticket.updated_at = act.now
        if is_internal:
            tx.record(ticket, ticket_event(TicketEventType.NOTE_ADDED, message_id=message_id))
        elif act.viewer.is_buyer:
            await _from_buyer(tx, ticket, message_id)
        else:
            _from_staff(tx, ticket, message_id, awaits_buyer=awaits_buyer)
        return message_id

    return await transact(act, work)


def _from_staff(tx: Tx, ticket: Ticket, message_id: UUID, *, awaits_buyer: bool) -> None:
    require_handler(tx.act.viewer, ticket)
    before = ticket.status
    if ticket.first_replied_at is None:
        ticket.first_replied_at = tx.act.now
    if awaits_buyer and rules.may_move(TicketStatus(before), TicketStatus.PENDING):
        release(tx, ticket)
        ticket.status = TicketStatus.PENDING
    _record_message(tx, ticket, message_id, before)


async def _from_buyer(tx: Tx, ticket: Ticket, message_id: UUID) -> None:
    """An answer brings the ticket back to its agent; to a resolved ticket it is a reopening."""
    before = ticket.status
    if before == TicketStatus.RESOLVED:
        _record_message(tx, ticket, message_id, before)
        await bring_back(tx, ticket)
        return
    if before in (TicketStatus.PENDING, TicketStatus.ON_HOLD):
        if ticket.agent_id:
            occupy(tx, ticket, ticket.agent_id)
        else:
            ticket.status = TicketStatus.OPEN  # nobody has it, so it still stands in line, where it stood
    _record_message(tx, ticket, message_id, before)


def _record_message(tx: Tx, ticket: Ticket, message_id: UUID, before: str) -> None:
    changed = before != ticket.status
    tx.record(
        ticket,
        ticket_event(
            TicketEventType.MESSAGE_ADDED,
            message_id=message_id,
            from_status=before if changed else None,
            to_status=ticket.status if changed else None,
        ),
    )


async def bring_back(tx: Tx, ticket: Ticket) -> None:
    """A resolved ticket is open again: in line at the present moment, for whoever is free first."""
    before = ticket.status
    ticket.agent_id = None
    ticket.resolved_at = None
    ticket.status = TicketStatus.OPEN
    ticket.updated_at = tx.act.now
    enter_line(tx, ticket, queue_id=ticket.queue_id, at=await moment(tx))
    tx.cancel(close_key(ticket.id))
    tx.record(
        ticket,
        ticket_event(TicketEventType.REOPENED, from_status=before, to_status=ticket.status, queue_id=ticket.queue_id),
    )


def close_key(ticket_id: UUID) -> str:
    return f"ticket.close:{ticket_id}"

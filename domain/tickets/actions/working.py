"""Who works on a ticket: claiming, giving, passing on, and moving forward in line."""

from __future__ import annotations

from uuid import UUID

from domain.identity.kinds import Presence
from domain.shared import checks
from domain.shared.act import LEADS, STAFF, Act
from domain.shared.errors import Forbidden, Invalid, NotFound, WrongState
from domain.shared.sql import among, sql
from domain.shared.transact import Tx, transact
from domain.tickets import rules
from domain.tickets.events import TicketEventType, ticket_event
from domain.tickets.kinds import Lane, Priority, TicketStatus
from domain.tickets.models import Queue, Ticket
from domain.tickets.placing import (
    FIRST_IN_LINE,
    enter_line,
    load_agent,
    load_ticket,
    occupy,
    queue_topic,
    queues_of_agent,
    release,
    require_handler,
    require_room,
)
from domain.tickets.writing import new_message

RISING = list(Priority)


async def set_presence(act: Act, *, presence: Presence, capacity: int | None) -> UUID:
    act.viewer.require(*STAFF)
    if capacity is not None:
        checks.number(capacity, ["capacity"], least=0, most=50)

    async def work(tx: Tx) -> UUID:
        agent = await load_agent(tx, act.viewer.principal_id)
        if agent.presence != presence:
            agent.presence, agent.presence_at = presence, act.now
        if capacity is not None:
            agent.capacity = capacity
        for queue_id in await queues_of_agent(tx, agent.id):
            tx.touch(queue_topic(queue_id))
        return agent.id

    return await transact(act, work)


async def claim_next(act: Act, *, queue_id: UUID | None = None) -> UUID | None:
    """The first in line of the agent's queues; None when nobody waits.

    Two agents never get the same ticket: rows that another claim holds are skipped, and looked at again by nobody.
    """
    act.viewer.require(*STAFF)

    async def work(tx: Tx) -> UUID | None:
        agent = await load_agent(tx, act.viewer.principal_id)
        queues = await queues_of_agent(tx, agent.id)
        if queue_id is not None:
            if queue_id not in queues:
                raise NotFound(["queueId"])
            queues = [queue_id]
        await require_room(tx, agent, "queueId")
        waiting = sql("queue_id {} AND is_waiting = {}", among(queues), True)
        first = await tx.load(Ticket, waiting, order=FIRST_IN_LINE, limit=1, skip_locked=True)
        if not first:
            return None
        ticket = first[0]
        _take(tx, ticket, agent.id, TicketEventType.CLAIMED)
        return ticket.id

    return await transact(act, work)


def _take(tx: Tx, ticket: Ticket, agent_id: UUID, type_: TicketEventType) -> None:
    before = ticket.status
    occupy(tx, ticket, agent_id)
    ticket.updated_at = tx.act.now
    tx.record(
        ticket,
        ticket_event(type_, agent_id=agent_id, queue_id=ticket.queue_id, from_status=before, to_status=ticket.status),
    )


async def assign_ticket(act: Act, *, ticket_id: UUID, agent_id: UUID | None = None) -> UUID:
    """To oneself, or by a lead to anybody who is online and has room."""
    act.viewer.require(*STAFF)
    to = agent_id or act.viewer.principal_id
    if to != act.viewer.principal_id and not act.viewer.is_lead:
        raise Forbidden("Only a supervisor gives tickets to others; transfer it instead.")

    async def work(tx: Tx) -> UUID:
        agent = await load_agent(tx, to)
        ticket = await load_ticket(tx, ticket_id)
        require_handler(act.viewer, ticket)
        if ticket.agent_id == agent.id and ticket.status == TicketStatus.OPEN:
            return ticket.id
        if ticket.status in rules.ENDED:
            raise WrongState(["ticketId"])
        await require_room(tx, agent, "agentId")
        release(tx, ticket)
        _take(tx, ticket, agent.id, TicketEventType.ASSIGNED)
        return ticket.id

    return await transact(act, work)


async def transfer_ticket(
    act: Act,
    *,
    ticket_id: UUID,
    queue_id: UUID | None = None,
    agent_id: UUID | None = None,
    note: str | None = None,
) -> UUID:
    """To another queue, where it keeps the place that its waiting earned, or to an agent who has room."""
    act.viewer.require(*STAFF)
    if (queue_id is None) == (agent_id is None):
        raise Invalid(["queueId"], rule="ONE_OF", fields="queueId, agentId")
    text = checks.optional_text(note, ["note"], most=rules.LONGEST_MESSAGE)

    async def work(tx: Tx) -> UUID:
        agent = await load_agent(tx, agent_id) if agent_id else None
        ticket = await load_ticket(tx, ticket_id)
        require_handler(act.viewer, ticket)
        if ticket.status in rules.ENDED:
            raise WrongState(["ticketId"])
        if text:
            message = new_message(tx, ticket.id, text, is_internal=True)
            tx.add(message)
            tx.record(ticket, ticket_event(TicketEventType.NOTE_ADDED, message_id=message.id))
        release(tx, ticket)
        if agent:
            await require_room(tx, agent, "agentId")
            _take(tx, ticket, agent.id, TicketEventType.TRANSFERRED)
        else:
            await _to_queue(tx, ticket, queue_id)
        return ticket.id

    return await transact(act, work)


async def _to_queue(tx: Tx, ticket: Ticket, queue_id: UUID | None) -> None:
    shop_id = tx.act.viewer.shop_id
    if await tx.load_one(Queue, sql("id = {} AND shop_id = {}", queue_id, shop_id)) is None:
        raise NotFound(["queueId"])
    assert queue_id is not None
    before, ticket.agent_id = ticket.status, None
    tx.touch(queue_topic(ticket.queue_id))
    enter_line(tx, ticket, queue_id=queue_id, at=ticket.entered_at)
    ticket.status = TicketStatus.NEW if before == TicketStatus.NEW else TicketStatus.OPEN
    ticket.updated_at = tx.act.now
    tx.record(
        ticket,
        ticket_event(TicketEventType.TRANSFERRED, queue_id=queue_id, from_status=before, to_status=ticket.status),
    )


async def raise_priority(act: Act, *, ticket_id: UUID, priority: Priority) -> UUID:
    """Moves a waiting ticket forward, never back, and never beyond its lane's bound."""
    act.viewer.require(*LEADS)

    async def work(tx: Tx) -> UUID:
        ticket = await load_ticket(tx, ticket_id)
        if ticket.status in rules.ENDED:
            raise WrongState(["ticketId"])
        rank_at = rules.rank(ticket.entered_at, Lane(ticket.lane), priority)
        if rank_at > ticket.rank_at or RISING.index(priority) < RISING.index(Priority(ticket.priority)):
            raise Invalid(["priority"], rule="ONLY_FORWARD")
        ticket.priority, ticket.rank_at, ticket.updated_at = priority, rank_at, act.now
        tx.touch(queue_topic(ticket.queue_id))
        tx.record(ticket, ticket_event(TicketEventType.PRIORITY_RAISED, priority=priority))
        return ticket.id

    return await transact(act, work)

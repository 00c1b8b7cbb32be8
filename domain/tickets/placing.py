"""Where a ticket is: in line, or with an agent. The only code that changes these columns."""

from __future__ import annotations

from uuid import UUID

from domain.identity.kinds import Presence
from domain.identity.models import Agent
from domain.shared.act import Viewer
from domain.shared.errors import NotFound
from domain.shared.sql import Row, Sql, database_now, sql
from domain.shared.transact import Tx
from domain.tickets import rules
from domain.tickets.errors import AgentAway, AssignedToOther, AtCapacity
from domain.tickets.kinds import Lane, Priority, TicketStatus
from domain.tickets.models import ServiceSpan, Ticket
from domain.tickets.queries import tickets_visible_to


def queue_topic(queue_id: UUID) -> str:
    return f"queue:{queue_id}"


async def load_ticket(tx: Tx, ticket_id: UUID, path: str = "ticketId") -> Ticket:
    """Locked, within the viewer's reach."""
    ticket = await tx.load_one(Ticket, sql("id = {}", ticket_id) & tickets_visible_to(tx.act.viewer))
    if ticket is None:
        raise NotFound([path])
    return ticket


async def load_agent(tx: Tx, agent_id: UUID | None, path: str = "agentId") -> Agent:
    """Locked: whoever gives tickets to an agent locks the agent first, so that the capacity holds."""
    own = sql("id = {} AND shop_id = {} AND is_active = {}", agent_id, tx.act.viewer.shop_id, True)
    agent = await tx.load_one(Agent, own)
    if agent is None:
        raise NotFound([path])
    return agent


async def busy_with(tx: Tx, agent_id: UUID) -> int:
    row = await tx.fetch_one(
        sql(
            "SELECT count(*) AS busy FROM ticket WHERE agent_id = {} AND status = {}",
            agent_id, TicketStatus.OPEN,
        )
    )  # fmt: skip
    assert row is not None
    return int(row["busy"])


async def require_room(tx: Tx, agent: Agent, path: str) -> None:
    if agent.presence != Presence.ONLINE:
        raise AgentAway([path])
    if await busy_with(tx, agent.id) >= agent.capacity:
        raise AtCapacity([path], capacity=agent.capacity)


async def moment(tx: Tx) -> int:
    """The database's time: ranks of tickets that different servers took in must be comparable."""
    row = await tx.fetch_one(sql("SELECT {} AS now", database_now(tx.db)))
    assert row is not None
    return int(row["now"])


def enter_line(tx: Tx, ticket: Ticket, *, queue_id: UUID, at: int) -> None:
    """`at` is when the wait began, which a transfer keeps."""
    ticket.queue_id = queue_id
    ticket.entered_at = at
    ticket.rank_at = rules.rank(at, Lane(ticket.lane), Priority(ticket.priority))
    ticket.is_waiting = True
    tx.touch(queue_topic(queue_id))


def leave_line(tx: Tx, ticket: Ticket) -> None:
    if ticket.is_waiting:
        ticket.is_waiting = False
        tx.touch(queue_topic(ticket.queue_id))


def occupy(tx: Tx, ticket: Ticket, agent_id: UUID) -> None:
    """The agent begins to work on the ticket."""
    leave_line(tx, ticket)
    ticket.agent_id = agent_id
    ticket.status = TicketStatus.OPEN
    ticket.taken_at = tx.act.now
    tx.touch(queue_topic(ticket.queue_id))


def release(tx: Tx, ticket: Ticket) -> None:
    """The agent's slot is free; how long it was taken is remembered for the estimates."""
    if ticket.agent_id is None or ticket.taken_at is None:
        return
    tx.add(
        ServiceSpan(
            id=tx.act.new_id(),
            queue_id=ticket.queue_id,
            ended_at=tx.act.now,
            length=max(0, tx.act.now - ticket.taken_at),
        )
    )
    ticket.taken_at = None
    tx.touch(queue_topic(ticket.queue_id))


def require_handler(viewer: Viewer, ticket: Ticket) -> None:
    """An agent works on own tickets and on those that nobody has; leads on all."""
    if ticket.agent_id is not None and ticket.agent_id != viewer.principal_id and not viewer.is_lead:
        raise AssignedToOther(["ticketId"])


async def queue_for(tx: Tx, category: str) -> Row:
    """The queue that knows the category, else the shop's default, with the database's time beside it."""
    rows = await tx.fetch(
        sql(
            "SELECT id, categories, is_default, {} AS now FROM queue WHERE shop_id = {} ORDER BY created_at, id",
            database_now(tx.db), tx.act.viewer.shop_id,
        )
    )  # fmt: skip
    for row in rows:
        if category in row["categories"].split():
            return row
    default = [row for row in rows if row["is_default"]] or rows
    if not default:
        raise RuntimeError("the shop has no queue")
    return default[0]


async def queues_of_agent(tx: Tx, agent_id: UUID) -> list[UUID]:
    rows = await tx.fetch(sql("SELECT queue_id FROM queue_member WHERE agent_id = {} ORDER BY queue_id", agent_id))
    return [row["queue_id"] for row in rows]


FIRST_IN_LINE = Sql("ORDER BY rank_at, id")

"""Reading a queue as it stands, once for all who watch it."""

from __future__ import annotations

from uuid import UUID

from domain.identity.kinds import Presence
from domain.shared.sql import Row, among, fetch, fetch_one, select, sql
from domain.tickets.kinds import TicketStatus
from domain.tickets.models import Ticket
from domain.tickets.waiting import ENOUGH_SPANS, WINDOWS, AgentAtWork, Line, ServiceTimes

HEADS = 20


async def read_line(queue_id: UUID, *, now: int) -> Line:
    waiting = await fetch(
        sql(
            "SELECT id FROM ticket WHERE queue_id = {} AND is_waiting = {} ORDER BY rank_at, id",
            queue_id,
            True,
        )
    )
    in_line = [row["id"] for row in waiting]
    return Line(
        queue_id=queue_id,
        now=now,
        waiting=in_line,
        heads=await _heads(in_line),
        agents=await _agents_at_work(queue_id),
        service=await _service_times(queue_id, now=now),
    )


async def _agents_at_work(queue_id: UUID) -> list[AgentAtWork]:
    rows = await fetch(
        sql(
            "SELECT agent.id, agent.name, agent.capacity, count(ticket.id) AS busy, min(ticket.taken_at) AS oldest"
            " FROM queue_member JOIN agent ON agent.id = queue_member.agent_id"
            " LEFT JOIN ticket ON ticket.agent_id = agent.id AND ticket.status = {}"
            " WHERE queue_member.queue_id = {} AND agent.presence = {} AND agent.is_active = {} AND agent.capacity > 0"
            " GROUP BY agent.id, agent.name, agent.capacity",
            TicketStatus.OPEN, queue_id, Presence.ONLINE, True,
        )
    )  # fmt: skip
    return [
        AgentAtWork(
            id=row["id"],
            name=row["name"],
            capacity=row["capacity"],
            busy=row["busy"],
            oldest_taken_at=row["oldest"],
        )
        for row in rows
    ]


async def _service_times(queue_id: UUID, *, now: int) -> ServiceTimes | None:
    """From the newest window that holds enough; so a change of pace is seen within minutes."""
    for window in WINDOWS:
        row = await fetch_one(
            sql(
                "SELECT count(*) AS spans, avg(length * 1.0) AS mean, avg(length * 1.0 * length) AS square"
                " FROM service_span WHERE queue_id = {} AND ended_at > {}",
                queue_id, now - window,
            )
        )  # fmt: skip
        assert row is not None
        if row["spans"] >= ENOUGH_SPANS:
            mean = float(row["mean"])
            return ServiceTimes(mean=mean, deviation=max(0.0, float(row["square"]) - mean**2) ** 0.5)
    return None


async def _heads(waiting: list[UUID]) -> list[Row]:
    """The first in line, whole: what an agent sees before taking one."""
    first = waiting[:HEADS]
    rows = {row["id"]: row for row in await fetch(select(Ticket, sql("id {}", among(first))))} if first else {}
    return [rows[ticket_id] for ticket_id in first if ticket_id in rows]

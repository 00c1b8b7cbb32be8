"""What an incident does to one ticket."""

from __future__ import annotations

from uuid import UUID

from domain.shared.act import Viewer
from domain.shared.sql import Row, select, sql
from domain.shared.transact import Tx
from domain.tickets.events import TicketEventType, ticket_event
from domain.tickets.kinds import IncidentStatus
from domain.tickets.models import Incident, Ticket
from domain.tickets.writing import new_message

# How far the news of an incident have come on a ticket.
JOINED, TOLD, SOLVED = 0, 1, 2


def text_place(incident_id: UUID, part: str) -> str:
    return f"incident:{part}:{incident_id}"


async def fitting_incident(tx: Tx, ticket: Ticket, order: Row | None) -> Incident | None:
    """An open incident about the product that was bought and, if it names one, this category."""
    if order is None:
        return None
    row = await tx.fetch_one(
        select(
            Incident,
            sql(
                "shop_id = {} AND product_id = {} AND status = {} AND (category IS NULL OR category = {})",
                ticket.shop_id, order["product_id"], IncidentStatus.OPEN, ticket.category,
            ),
            tail="ORDER BY opened_at, id LIMIT 1",
        )
    )  # fmt: skip
    return Incident._init_from_db(**row) if row else None


def join(tx: Tx, ticket: Ticket, incident: Incident, *, by: Viewer | None = None) -> None:
    ticket.incident_id = incident.id
    ticket.incident_stage = JOINED
    ticket.updated_at = tx.act.now
    joined = ticket_event(TicketEventType.INCIDENT_JOINED, incident_id=incident.id)
    tx.record(ticket, joined, by=by)


def tell_notice(tx: Tx, ticket: Ticket, incident: Incident) -> None:
    notice = tx.act.keyring.unseal(incident.sealed_notice, text_place(incident.id, "notice"))
    machine = Viewer.system(ticket.shop_id)
    message = new_message(tx, ticket.id, notice, by=machine)
    tx.add(message)
    ticket.incident_stage = TOLD
    tx.record(ticket, ticket_event(TicketEventType.MESSAGE_ADDED, message_id=message.id), by=machine)

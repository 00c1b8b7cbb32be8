"""Tickets with one cause: one notice and one resolution reach all of them, later arrivals too."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domain.orders.queries import products_by_id
from domain.shared import checks
from domain.shared.act import LEADS, Act
from domain.shared.errors import NotFound
from domain.shared.jobs import JobOrder
from domain.shared.sql import among, sql
from domain.shared.transact import Tx, transact
from domain.tickets import rules
from domain.tickets.actions.ending import resolve
from domain.tickets.errors import IncidentResolved
from domain.tickets.incidents import JOINED, SOLVED, TOLD, join, tell_notice, text_place
from domain.tickets.kinds import IncidentStatus, TicketCategory, TicketStatus
from domain.tickets.models import Incident, Ticket
from domain.tickets.queries import tickets_visible_to

SPREAD_JOB = "incident.spread"
SPREAD_AT_ONCE = 25
MOST_TICKETS = 100


async def open_incident(
    act: Act,
    *,
    title: str,
    notice: str,
    ticket_ids: Sequence[UUID] = (),
    product_id: UUID | None = None,
    category: TicketCategory | None = None,
) -> UUID:
    """With a product, tickets about it (of the category, if one is named) join by themselves from now on."""
    act.viewer.require(*LEADS)
    title = checks.text(title, ["title"], most=120)
    notice = checks.text(notice, ["notice"], most=rules.LONGEST_MESSAGE)
    checks.count(ticket_ids, ["ticketIds"], most=MOST_TICKETS)
    if product_id and product_id not in await products_by_id(act.viewer, [product_id]):
        raise NotFound(["productId"])

    async def work(tx: Tx) -> UUID:
        incident_id = act.new_id()
        incident = Incident(
            id=incident_id,
            shop_id=act.viewer.shop_id,
            version=0,
            title=title,
            status=IncidentStatus.OPEN,
            product_id=product_id,
            category=category,
            sealed_notice=act.keyring.seal(notice, text_place(incident_id, "notice")),
            opened_at=act.now,
        )
        tx.add(incident)
        await _join_all(tx, incident, ticket_ids)
        return incident_id

    return await transact(act, work)


async def join_incident(act: Act, *, incident_id: UUID, ticket_ids: Sequence[UUID]) -> UUID:
    """Tickets that joined before are left as they are; those of a resolved incident are resolved with it."""
    act.viewer.require(*LEADS)
    checks.count(ticket_ids, ["ticketIds"], least=1, most=MOST_TICKETS)

    async def work(tx: Tx) -> UUID:
        incident = await _load(tx, incident_id)
        await _join_all(tx, incident, ticket_ids)
        return incident.id

    return await transact(act, work)


async def resolve_incident(act: Act, *, incident_id: UUID, text: str) -> UUID:
    """The text resolves every ticket of the incident that is not over, within seconds, by a job."""
    act.viewer.require(*LEADS)
    text = checks.text(text, ["text"], most=rules.LONGEST_MESSAGE)

    async def work(tx: Tx) -> UUID:
        incident = await _load(tx, incident_id)
        if incident.status == IncidentStatus.RESOLVED:
            raise IncidentResolved(["incidentId"])
        incident.status, incident.resolved_at = IncidentStatus.RESOLVED, act.now
        incident.sealed_resolution = act.keyring.seal(text, text_place(incident.id, "resolution"))
        tx.schedule(_spreading(incident, act.now))
        return incident.id

    return await transact(act, work)


async def _load(tx: Tx, incident_id: UUID) -> Incident:
    own = sql("id = {} AND shop_id = {}", incident_id, tx.act.viewer.shop_id)
    incident = await tx.load_one(Incident, own)
    if incident is None:
        raise NotFound(["incidentId"])
    return incident


async def _join_all(tx: Tx, incident: Incident, ticket_ids: Sequence[UUID]) -> None:
    wanted = set(ticket_ids)
    if not wanted:
        return
    visible = tickets_visible_to(tx.act.viewer) & sql("id {}", among(sorted(wanted, key=str)))
    tickets = await tx.load(Ticket, visible)
    if len(tickets) < len(wanted):
        raise NotFound(["ticketIds"])
    for ticket in tickets:
        if ticket.incident_id != incident.id:
            join(tx, ticket, incident)
    tx.schedule(_spreading(incident, tx.act.now))


def _spreading(incident: Incident, due_at: int) -> JobOrder:
    return JobOrder(
        kind=SPREAD_JOB,
        key=f"{SPREAD_JOB}:{incident.id}",
        due_at=due_at,
        payload={"incident": str(incident.id)},
    )


async def spread_incident(act: Act, *, incident_id: UUID) -> None:
    """Brings the news to some tickets at a time, each once; orders itself again until all have them."""

    async def work(tx: Tx) -> bool:
        incident = await _load(tx, incident_id)
        stage = SOLVED if incident.status == IncidentStatus.RESOLVED else TOLD
        behind = sql("incident_id = {} AND incident_stage < {}", incident.id, stage)
        tickets = await tx.load(Ticket, behind, limit=SPREAD_AT_ONCE)
        for ticket in tickets:
            _bring_news(tx, ticket, incident)
        return len(tickets) == SPREAD_AT_ONCE

    while await transact(act, work):
        pass


def _bring_news(tx: Tx, ticket: Ticket, incident: Incident) -> None:
    if ticket.incident_stage == JOINED:
        tell_notice(tx, ticket, incident)
    if incident.sealed_resolution is None:
        return
    if rules.may_move(TicketStatus(ticket.status), TicketStatus.RESOLVED):
        text = tx.act.keyring.unseal(incident.sealed_resolution, text_place(incident.id, "resolution"))
        resolve(tx, ticket, text)
    ticket.incident_stage = SOLVED

"""Reading tickets: what a viewer may see is one criterion, in the query; `may_see` is its twin for pushes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from domain.shared.act import ContactKind, Role, Viewer
from domain.shared.events import audiences_of
from domain.shared.models import EventRecord
from domain.shared.paging import Order, Page, Slice, sliced, window
from domain.shared.sql import (
    EVERYTHING,
    NOTHING,
    Row,
    Sql,
    among,
    columns_of,
    fetch,
    fetch_one,
    joined,
    select,
    sql,
)
from domain.tickets.events import lifted
from domain.tickets.kinds import Priority, TicketCategory, TicketStatus
from domain.tickets.models import Incident, Message, Queue, Rating, Ticket

NEWEST = Order("tickets-newest", "opened_at")
OLDEST = Order("tickets-oldest", "opened_at", descending=False)
UPDATED = Order("tickets-updated", "updated_at")
MESSAGES = Order("messages", "at", descending=False)
EVENTS = Order("events", "seq", descending=False)
INCIDENTS = Order("incidents-newest", "opened_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFilter:
    status: Sequence[TicketStatus] | None = None
    category: TicketCategory | None = None
    priority: Priority | None = None
    queue_id: UUID | None = None
    agent_id: UUID | None = None
    order_id: UUID | None = None
    buyer_id: UUID | None = None
    incident_id: UUID | None = None
    number: str | None = None


def _reads_all(viewer: Viewer) -> bool:
    return viewer.is_staff or (viewer.role is Role.INTEGRATOR and "tickets:read" in viewer.scopes)


def tickets_visible_to(viewer: Viewer) -> Sql:
    if _reads_all(viewer):
        return sql("shop_id = {}", viewer.shop_id)
    if viewer.is_buyer:
        column = "email_id" if viewer.contact_kind is ContactKind.EMAIL else "phone_id"
        return sql(f"{column} = {{}} AND shop_id = {{}}", viewer.contact_id, viewer.shop_id)
    return NOTHING


def may_see(viewer: Viewer, ticket: Row) -> bool:
    """`tickets_visible_to` for a row that is at hand."""
    if ticket["shop_id"] != viewer.shop_id:
        return False
    if _reads_all(viewer):
        return True
    if not viewer.is_buyer or viewer.contact_id is None:
        return False
    column = "email_id" if viewer.contact_kind is ContactKind.EMAIL else "phone_id"
    return bool(ticket[column] == viewer.contact_id)


def _filtered(wanted: TicketFilter) -> Sql:
    whole = EVERYTHING
    for name in (
        "category",
        "priority",
        "queue_id",
        "agent_id",
        "order_id",
        "buyer_id",
        "incident_id",
        "number",
    ):
        value = getattr(wanted, name)
        if value is not None:
            whole = whole & sql(f"{name} = {{}}", value)
    if wanted.status:
        whole = whole & sql("status {}", among([str(s) for s in wanted.status]))
    return whole


async def ticket_page(viewer: Viewer, wanted: TicketFilter, page: Page) -> Slice:
    beyond, tail = window(page)
    criterion = tickets_visible_to(viewer) & _filtered(wanted) & beyond
    return sliced(await fetch(select(Ticket, criterion) + tail), page)


async def tickets_by_id(viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, Row]:
    rows = await fetch(select(Ticket, tickets_visible_to(viewer) & sql("id {}", among(ids))))
    return {row["id"]: row for row in rows}


async def ticket_by_id(viewer: Viewer, ticket_id: UUID) -> Row | None:
    return await fetch_one(select(Ticket, tickets_visible_to(viewer) & sql("id = {}", ticket_id)))


async def _pages_by_parent(
    model: type[Message | EventRecord | Ticket], parent: str, ids: Iterable[UUID], criterion: Sql, page: Page
) -> dict[UUID, Slice]:
    """One page for each parent in one statement: a window of `size` + 1 rows within each."""
    ids = list(ids)
    columns = ", ".join(columns_of(model))
    beyond, _ = window(page)
    direction = "DESC" if page.order.descending != page.backwards else "ASC"
    rows = await fetch(
        sql(
            f"SELECT {columns} FROM (SELECT {columns}, row_number() OVER (PARTITION BY {parent}"
            f" ORDER BY {page.order.column} {direction}, id {direction}) AS place FROM {model._meta.db_table}"
            f" WHERE {parent} {{}} AND {{}} AND {{}}) AS numbered WHERE place <= {{}} ORDER BY {parent}, place",
            among(ids), criterion, beyond, page.size + 1,
        )
    )  # fmt: skip
    groups: dict[UUID, list[Row]] = {key: [] for key in ids}
    for row in rows:
        groups[row[parent]].append(row)
    return {key: sliced(group, page) for key, group in groups.items()}


async def messages_of_tickets(viewer: Viewer, ids: Iterable[UUID], page: Page) -> dict[UUID, Slice]:
    """Of tickets that the viewer has been shown; internal notes for staff alone."""
    shown = EVERYTHING if viewer.is_staff else sql("is_internal = {}", False)
    return await _pages_by_parent(Message, "ticket_id", ids, shown, page)


async def events_of_tickets(viewer: Viewer, ids: Iterable[UUID], page: Page) -> dict[UUID, Slice]:
    """Of tickets that the viewer has been shown; the events of the viewer's audience."""
    shown = sql("audience {}", among([str(a) for a in audiences_of(viewer)]))
    found = await _pages_by_parent(EventRecord, "subject_id", ids, shown, page)
    return {key: replace(part, rows=[lifted(row) for row in part.rows]) for key, part in found.items()}


async def messages_by_id(viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, Row]:
    own = sql("ticket_id IN (SELECT id FROM ticket WHERE {})", tickets_visible_to(viewer))
    shown = EVERYTHING if viewer.is_staff else sql("is_internal = {}", False)
    rows = await fetch(select(Message, sql("id {}", among(ids)) & own & shown))
    return {row["id"]: row for row in rows}


async def ratings_of_tickets(_viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
    ids = list(ids)
    rows = await fetch(select(Rating, sql("ticket_id {}", among(ids))) + Sql("ORDER BY ticket_id, resolution"))
    groups: dict[UUID, list[Row]] = {key: [] for key in ids}
    for row in rows:
        groups[row["ticket_id"]].append(row)
    return groups


async def queues_of_shop(viewer: Viewer) -> list[Row]:
    return await fetch(select(Queue, sql("shop_id = {}", viewer.shop_id)) + Sql("ORDER BY created_at, id"))


async def queues_by_id(viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, Row]:
    rows = await fetch(select(Queue, sql("shop_id = {} AND id {}", viewer.shop_id, among(ids))))
    return {row["id"]: row for row in rows}


async def ticket_versions(ids: Iterable[UUID]) -> dict[UUID, int]:
    rows = await fetch(sql("SELECT id, version FROM ticket WHERE id {}", among(ids)))
    return {row["id"]: row["version"] for row in rows}


async def tickets_for_feed(ids: Iterable[UUID]) -> dict[UUID, Row]:
    """Tickets as they stand, for the feed; `may_see` decides who gets them."""
    return {row["id"]: row for row in await fetch(select(Ticket, sql("id {}", among(ids))))}


async def latest_tickets_of_orders(viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
    """The newest ten tickets of each order, as far as the viewer may see them."""
    ids = list(ids)
    columns = joined(Sql(c) for c in columns_of(Ticket)).text
    rows = await fetch(
        sql(
            f"SELECT {columns} FROM (SELECT {columns}, row_number() OVER (PARTITION BY order_id"
            " ORDER BY opened_at DESC, id DESC) AS place FROM ticket WHERE order_id {} AND {}) AS numbered"
            " WHERE place <= 10 ORDER BY order_id, place",
            among(ids), tickets_visible_to(viewer),
        )
    )  # fmt: skip
    groups: dict[UUID, list[Row]] = {key: [] for key in ids}
    for row in rows:
        groups[row["order_id"]].append(row)
    return groups


def incidents_visible_to(viewer: Viewer) -> Sql:
    if _reads_all(viewer):
        return sql("shop_id = {}", viewer.shop_id)
    return sql("id IN (SELECT incident_id FROM ticket WHERE {})", tickets_visible_to(viewer))


async def incident_page(viewer: Viewer, page: Page) -> Slice:
    beyond, tail = window(page)
    criterion = incidents_visible_to(viewer) & beyond
    return sliced(await fetch(select(Incident, criterion) + tail), page)


async def incidents_by_id(viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, Row]:
    rows = await fetch(select(Incident, incidents_visible_to(viewer) & sql("id {}", among(ids))))
    return {row["id"]: row for row in rows}


async def tickets_of_incidents(viewer: Viewer, ids: Iterable[UUID], page: Page) -> dict[UUID, Slice]:
    return await _pages_by_parent(Ticket, "incident_id", ids, tickets_visible_to(viewer), page)

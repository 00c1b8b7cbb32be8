"""Reading orders: what a viewer may see is one criterion, in the query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from domain.orders.kinds import DeliveryStatus, PaymentStatus
from domain.orders.models import Card, Delivery, Order, OrderState, Product
from domain.shared.act import ContactKind, Role, Viewer
from domain.shared.paging import Order as ListOrder
from domain.shared.paging import Page, Slice, sliced, window
from domain.shared.sql import EVERYTHING, NOTHING, Row, Sql, among, fetch, fetch_one, select, sql

NEWEST = ListOrder("orders-newest", "placed_at")
OLDEST = ListOrder("orders-oldest", "placed_at", descending=False)
PRODUCTS_NEWEST = ListOrder("products-newest", "seen_at")
MOST_PARTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    payment_status: PaymentStatus | None = None
    delivery_status: DeliveryStatus | None = None
    placed_from: int | None = None
    placed_before: int | None = None
    buyer_id: UUID | None = None
    product_id: UUID | None = None


def orders_visible_to(viewer: Viewer) -> Sql:
    if viewer.is_staff or (viewer.role is Role.INTEGRATOR and "orders:read" in viewer.scopes):
        return sql("shop_id = {}", viewer.shop_id)
    if viewer.is_buyer:
        column = "email_id" if viewer.contact_kind is ContactKind.EMAIL else "phone_id"
        return sql(f"{column} = {{}} AND shop_id = {{}}", viewer.contact_id, viewer.shop_id)
    return NOTHING


def staff_reads(viewer: Viewer) -> Sql:
    """For what only the shop itself sees."""
    may = viewer.is_staff or (viewer.role is Role.INTEGRATOR and "orders:read" in viewer.scopes)
    return sql("shop_id = {}", viewer.shop_id) if may else NOTHING


def _filtered(wanted: OrderFilter) -> Sql:
    criteria = [
        sql(f"{column} {sign} {{}}", value)
        for column, sign, value in (
            ("payment_status", "=", wanted.payment_status),
            ("delivery_status", "=", wanted.delivery_status),
            ("placed_at", ">=", wanted.placed_from),
            ("placed_at", "<", wanted.placed_before),
            ("buyer_id", "=", wanted.buyer_id),
            ("product_id", "=", wanted.product_id),
        )
        if value is not None
    ]
    whole = EVERYTHING
    for criterion in criteria:
        whole = whole & criterion
    return whole


async def order_page(viewer: Viewer, wanted: OrderFilter, page: Page) -> Slice:
    beyond, tail = window(page)
    criterion = orders_visible_to(viewer) & _filtered(wanted) & beyond
    return sliced(await fetch(select(Order, criterion) + tail), page)


async def orders_by_id(viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, Row]:
    rows = await fetch(select(Order, orders_visible_to(viewer) & sql("id {}", among(ids))))
    return {row["id"]: row for row in rows}


async def find_order(viewer: Viewer, *, number: str | None = None, payment_serial: str | None = None) -> Row | None:
    """The newest one where a shop's systems share a number."""
    named = sql("number = {}", number) if number else sql("payment_serial = {}", payment_serial)
    criterion = orders_visible_to(viewer) & sql("shop_id = {}", viewer.shop_id) & named
    return await fetch_one(select(Order, criterion) + Sql("ORDER BY placed_at DESC, id DESC LIMIT 1"))


async def find_by_proof(viewer: Viewer, *, named: Sql, email_id: UUID | None, phone_tail_keys: Sql) -> Row | None:
    """For a guest: the order that bears this name and this proof, or nothing; one statement whatever is wrong."""
    proof = sql("email_id = {}", email_id) if email_id else phone_tail_keys
    criterion = sql("shop_id = {}", viewer.shop_id) & named & proof
    return await fetch_one(select(Order, criterion) + Sql("ORDER BY placed_at DESC, id DESC LIMIT 1"))


async def _parts(model: type[Card | Delivery | OrderState], ids: Iterable[UUID], order: str) -> list[Row]:
    return await fetch(select(model, sql("order_id {}", among(ids))) + Sql(f"ORDER BY {order}"))


def _grouped(rows: list[Row], ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
    groups: dict[UUID, list[Row]] = {order_id: [] for order_id in ids}
    for row in rows:
        group = groups[row["order_id"]]
        if len(group) < MOST_PARTS:
            group.append(row)
    return groups


async def cards_of_orders(_viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
    """Of orders that the viewer has been shown. Never the secret itself."""
    ids = list(ids)
    rows = await fetch(
        sql(
            "SELECT id, order_id, external_key, batch, supplier, issued_at,"
            " sealed_secret IS NOT NULL AS has_secret FROM card WHERE order_id {} ORDER BY order_id, id",
            among(ids),
        )
    )
    return _grouped(rows, ids)


async def deliveries_of_orders(_viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
    ids = list(ids)
    return _grouped(await _parts(Delivery, ids, "order_id, at, id"), ids)


async def states_of_orders(_viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
    ids = list(ids)
    return _grouped(await _parts(OrderState, ids, "order_id, version"), ids)


async def product_page(viewer: Viewer, page: Page) -> Slice:
    beyond, tail = window(page)
    return sliced(await fetch(select(Product, staff_reads(viewer) & beyond) + tail), page)


async def products_by_id(viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, Row]:
    """A product of an order that was shown is shown to whoever sees the order."""
    rows = await fetch(select(Product, sql("shop_id = {} AND id {}", viewer.shop_id, among(ids))))
    return {row["id"]: row for row in rows}

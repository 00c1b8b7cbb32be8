"""The rows of orders that come in, a statement a table. What is older than what is here changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tortoise.models import Model

from domain.identity.contacts import keep_buyers, keep_contacts
from domain.identity.kinds import ContactText
from domain.orders.facts import OrderFacts
from domain.orders.models import Card, Delivery, Order, OrderState, Product
from domain.shared.act import Act
from domain.shared.sql import Row, Sql, among, insert, sql
from domain.shared.transact import Tx

_NAMES = UUID("6f0d9a52-93a1-4c0e-8a55-0d2f3f3d7f10")
# Both databases refuse a statement with more than 32,767 parameters or so.
MOST_PARAMETERS = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How an order stands after the call: `version` is the one in the database."""

    order_id: UUID
    version: int
    has_landed: bool
    is_new: bool


async def keep_orders(tx: Tx, source: str, orders: Mapping[str, OrderFacts]) -> dict[str, Kept]:
    given = [c for facts in orders.values() for c in (facts.email, facts.phone) if c]
    contacts = await keep_contacts(tx, given)
    buyers = await _keep_buyers(tx, orders, contacts)
    known = _Known(contacts, buyers, await _keep_products(tx, source, orders))
    rows = [_order_row(tx.act, source, facts, known) for facts in orders.values()]
    landed = {row["external_key"]: row["id"] for row in await _upsert_orders(tx, rows)}
    await _keep_parts(tx, orders, landed)
    proposed = {row["external_key"]: row["id"] for row in rows}
    kept = {
        key: Kept(
            order_id=order_id,
            version=orders[key].draft.version,
            has_landed=True,
            is_new=order_id == proposed[key],
        )
        for key, order_id in landed.items()
    }
    return kept | await _left_alone(tx, source, [key for key in orders if key not in landed])


async def _left_alone(tx: Tx, source: str, keys: list[str]) -> dict[str, Kept]:
    if not keys:
        return {}
    rows = await tx.fetch(
        sql(
            "SELECT id, external_key, version FROM shop_order WHERE shop_id = {} AND source = {} AND external_key {}",
            tx.act.viewer.shop_id, source, among(keys),
        )
    )  # fmt: skip
    return {
        row["external_key"]: Kept(order_id=row["id"], version=row["version"], has_landed=False, is_new=False)
        for row in rows
    }


async def _keep_buyers(
    tx: Tx, orders: Mapping[str, OrderFacts], contacts: Mapping[ContactText, UUID]
) -> dict[UUID, UUID]:
    known_by = {contacts[facts.contact]: facts for facts in orders.values() if facts.contact}
    return await keep_buyers(
        tx,
        {contact_id: facts.contact for contact_id, facts in known_by.items() if facts.contact},
        external_keys={contact_id: facts.draft.buyer.external_key for contact_id, facts in known_by.items()},
        languages={contact_id: facts.draft.buyer.language for contact_id, facts in known_by.items()},
    )


async def _keep_products(tx: Tx, source: str, orders: Mapping[str, OrderFacts]) -> dict[str, UUID]:
    """A product is described by the order that was placed last."""
    latest: dict[str, OrderFacts] = {}
    for facts in sorted(orders.values(), key=lambda f: f.draft.placed_at):
        latest[facts.draft.product.external_key] = facts
    rows = [
        {
            "id": tx.act.new_id(),
            "shop_id": tx.act.viewer.shop_id,
            "source": source,
            "external_key": key,
            "name": facts.draft.product.name,
            "category": facts.draft.product.category,
            "warranty_hours": facts.draft.product.warranty_hours,
            "seen_at": facts.draft.placed_at,
        }
        for key, facts in sorted(latest.items())
    ]
    newer = Sql(
        "ON CONFLICT (shop_id, source, external_key) DO UPDATE SET name = excluded.name,"
        " category = excluded.category, warranty_hours = excluded.warranty_hours, seen_at = excluded.seen_at"
        " WHERE excluded.seen_at > product.seen_at"
    )
    await _insert_many(tx, Product, rows, newer)
    found = await tx.fetch(
        sql(
            "SELECT id, external_key FROM product WHERE shop_id = {} AND source = {} AND external_key {}",
            tx.act.viewer.shop_id, source, among(latest),
        )
    )  # fmt: skip
    return {row["external_key"]: row["id"] for row in found}


def phone_tail_key(act: Act, number: str, tail: str) -> str:
    """Bound to the order's number: four digits alone would be found by trying ten thousand."""
    return act.keyring.blind_index("phone-tail", str(act.viewer.shop_id), number, tail)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the orders of a call refer to, by what they call it."""

    contacts: Mapping[ContactText, UUID]
    buyers: Mapping[UUID, UUID]
    products: Mapping[str, UUID]


def _order_row(act: Act, source: str, facts: OrderFacts, known: _Known) -> Row:
    draft, order_id, contacts = facts.draft, act.new_id(), known.contacts
    contact_id = contacts[facts.contact] if facts.contact else None
    return {
        "id": order_id,
        "shop_id": act.viewer.shop_id,
        "source": source,
        "external_key": draft.external_key,
        "version": draft.version,
        "number": draft.number,
        "payment_serial": draft.payment_serial,
        "payment_method": draft.payment_method,
        "payment_status": draft.payment_status,
        "delivery_status": draft.delivery_status,
        "placed_at": draft.placed_at,
        "paid_at": draft.paid_at,
        "product_id": known.products[draft.product.external_key],
        "product_name": draft.product.name,
        "unit_price_minor": facts.unit_price.minor if facts.unit_price else None,
        "warranty_hours": draft.product.warranty_hours,
        "quantity": draft.quantity,
        "total_minor": facts.total.minor,
        "currency": facts.total.currency,
        "buyer_id": known.buyers[contact_id] if contact_id else None,
        "email_id": contacts[facts.email] if facts.email else None,
        "phone_id": contacts[facts.phone] if facts.phone else None,
        "phone_tail_key": phone_tail_key(act, draft.number, facts.phone.normal[-4:]) if facts.phone else None,
        "seller_key": draft.seller.external_key if draft.seller else None,
        "seller_name": draft.seller.name if draft.seller else None,
        "sealed_origin": _origin(act, source, facts),
        "updated_at": act.now,
    }


def _origin(act: Act, source: str, facts: OrderFacts) -> bytes | None:
    """Where the purchase came from. Bound to the shop's key of the order, which is known before the row's id is."""
    buyer = facts.draft.buyer
    origin = {"ip": buyer.ip, "device": buyer.device, "user_agent": buyer.user_agent}
    given = {name: value for name, value in origin.items() if value}
    place = f"origin:{act.viewer.shop_id}:{source}:{facts.draft.external_key}"
    return act.keyring.seal_facts(given, place) if given else None


_FIXED = {"id", "shop_id", "source", "external_key"}


async def _upsert_orders(tx: Tx, rows: list[Row]) -> list[Row]:
    sets = ", ".join(f"{column} = excluded.{column}" for column in rows[0] if column not in _FIXED)
    newer = Sql(
        f"ON CONFLICT (shop_id, source, external_key) DO UPDATE SET {sets}"
        " WHERE excluded.version > shop_order.version RETURNING id, external_key"
    )
    landed: list[Row] = []
    for some in _portions(rows):
        landed += await tx.fetch(insert(Order, some, newer))
    return landed


async def _keep_parts(tx: Tx, orders: Mapping[str, OrderFacts], landed: Mapping[str, UUID]) -> None:
    """The history, the cards and the delivery log of the orders that landed, in the order of their ids."""
    states, cards, deliveries = [], [], []
    for key in sorted(landed):
        facts, order_id = orders[key], landed[key]
        states.append(_state_row(tx.act, facts, order_id))
        cards += _card_rows(tx.act, facts, order_id)
        deliveries += _delivery_rows(tx.act, facts, order_id)
    await _insert_many(tx, OrderState, states, Sql("ON CONFLICT (order_id, version) DO NOTHING"))
    newest = Sql(
        "ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, supplier = excluded.supplier,"
        " issued_at = excluded.issued_at, sealed_secret = coalesce(excluded.sealed_secret, card.sealed_secret)"
    )
    await _insert_many(tx, Card, list({row["id"]: row for row in cards}.values()), newest)
    once = Sql("ON CONFLICT (id) DO NOTHING")
    await _insert_many(tx, Delivery, list({row["id"]: row for row in deliveries}.values()), once)


def _state_row(act: Act, facts: OrderFacts, order_id: UUID) -> Row:
    return {
        "id": act.new_id(),
        "order_id": order_id,
        "version": facts.draft.version,
        "payment_status": facts.draft.payment_status,
        "delivery_status": facts.draft.delivery_status,
        "at": act.now,
    }


def _named(*parts: object) -> UUID:
    """The same parts always give the same id, so a part that is sent again meets its row."""
    return uuid.uuid5(_NAMES, "\x1f".join(map(str, parts)))


def card_place(shop_id: UUID, card_id: UUID) -> str:
    return f"card:{shop_id}:{card_id}"


def _card_rows(act: Act, facts: OrderFacts, order_id: UUID) -> list[Row]:
    rows = []
    for card in facts.draft.cards:
        card_id = _named("card", order_id, card.external_key)
        sealed = act.keyring.seal(card.secret, card_place(act.viewer.shop_id, card_id)) if card.secret else None
        rows.append(
            {
                "id": card_id,
                "shop_id": act.viewer.shop_id,
                "order_id": order_id,
                "external_key": card.external_key,
                "sealed_secret": sealed,
                "batch": card.batch,
                "supplier": card.supplier,
                "issued_at": card.issued_at,
            }
        )
    return rows


def _delivery_rows(act: Act, facts: OrderFacts, order_id: UUID) -> list[Row]:
    return [
        {
            "id": _named("delivery", order_id, d.at, d.channel, d.destination, d.status, d.provider_key),
            "shop_id": act.viewer.shop_id,
            "order_id": order_id,
            "at": d.at,
            "channel": d.channel,
            "masked_destination": d.destination or "",
            "status": d.status,
            "provider_key": d.provider_key,
        }
        for d in facts.draft.deliveries
    ]


def _portions(rows: list[Row]) -> list[list[Row]]:
    size = MOST_PARAMETERS // len(rows[0])
    return [rows[i : i + size] for i in range(0, len(rows), size)]


async def _insert_many(tx: Tx, model: type[Model], rows: list[dict[str, Any]], conflict: Sql) -> None:
    for some in _portions(rows) if rows else []:
        await tx.execute(insert(model, some, conflict))

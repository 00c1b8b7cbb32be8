"""Shops, buyers and agents, as far as a viewer may see them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from domain.shared.act import Role, Viewer
from domain.shared.sql import Row, Sql, among, fetch, fetch_one, sql

BUYER_COLUMNS = "id, masked_contact, contact_kind, lane, language, external_key, created_at"
AGENT_COLUMNS = "id, name, role, presence, presence_at, capacity, is_active"


def buyers_visible_to(viewer: Viewer) -> Sql:
    if viewer.is_buyer:
        return sql("id = {} AND shop_id = {}", viewer.principal_id, viewer.shop_id)
    if viewer.is_staff or (viewer.role is Role.INTEGRATOR and viewer.scopes & {"orders:read", "tickets:read"}):
        return sql("shop_id = {}", viewer.shop_id)
    return sql("1 = 0")


async def buyers_by_id(viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, Row]:
    rows = await fetch(
        sql(f"SELECT {BUYER_COLUMNS} FROM buyer WHERE {{}} AND id {{}}", buyers_visible_to(viewer), among(ids))
    )
    return {row["id"]: row for row in rows}


async def agents_by_id(viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, Row]:
    """Everybody may know the name of the person who works on their case."""
    rows = await fetch(
        sql(f"SELECT {AGENT_COLUMNS} FROM agent WHERE shop_id = {{}} AND id {{}}", viewer.shop_id, among(ids))
    )
    return {row["id"]: row for row in rows}


async def shop_by_slug(slug: str) -> Row | None:
    return await fetch_one(sql("SELECT id, slug, name, language FROM shop WHERE slug = {}", slug))


async def shop_by_id(shop_id: UUID) -> Row | None:
    return await fetch_one(sql("SELECT id, slug, name, language FROM shop WHERE id = {}", shop_id))


async def only_shop() -> Row | None:
    """The shop of a server that has just one."""
    rows = await fetch(Sql("SELECT id, slug, name, language FROM shop ORDER BY created_at LIMIT 2"))
    return rows[0] if len(rows) == 1 else None


async def shops_by_id(viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, Row]:
    wanted = sql("SELECT id, slug, name, language FROM shop WHERE id = {} AND id {}", viewer.shop_id, among(ids))
    return {row["id"]: row for row in await fetch(wanted)}

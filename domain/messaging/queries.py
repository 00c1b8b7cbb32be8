"""In-site messages of the viewer."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from domain.messaging.models import InboxItem
from domain.shared.act import Viewer
from domain.shared.paging import Order, Page, Slice, sliced, window
from domain.shared.sql import NOTHING, Row, Sql, among, fetch, select, sql

NEWEST = Order("inbox-newest", "created_at")


def items_visible_to(viewer: Viewer) -> Sql:
    if viewer.principal_id is None:
        return NOTHING
    return sql("owner_id = {} AND shop_id = {}", viewer.principal_id, viewer.shop_id)


async def inbox_items(viewer: Viewer, page: Page) -> Slice:
    beyond, tail = window(page)
    return sliced(await fetch(select(InboxItem, items_visible_to(viewer) & beyond) + tail), page)


async def items_by_id(viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, Row]:
    rows = await fetch(select(InboxItem, items_visible_to(viewer) & sql("id {}", among(ids))))
    return {row["id"]: row for row in rows}


async def inbox_versions(owner_ids: Iterable[UUID]) -> dict[UUID, int]:
    rows = await fetch(sql("SELECT id, version FROM inbox WHERE id {}", among(owner_ids)))
    return {row["id"]: row["version"] for row in rows}


async def inbox_items_for_feed(ids: Iterable[UUID]) -> dict[UUID, Row]:
    """For the feed: whose inbox it is was asked when the stream began."""
    return {row["id"]: row for row in await fetch(select(InboxItem, sql("id {}", among(ids))))}

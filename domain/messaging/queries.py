"""In-site messages of the viewer, and what was written to addresses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from domain.messaging.actions import letter_of
from domain.messaging.models import InboxItem, Outgoing
from domain.messaging.ports import Letter
from domain.shared.act import Viewer
from domain.shared.crypto import Keyring
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


async def inbox_versions(owner_ids: Iterable[UUID]) -> dict[UUID, int]:
    rows = await fetch(sql("SELECT id, version FROM inbox WHERE id {}", among(owner_ids)))
    return {row["id"]: row["version"] for row in rows}


async def inbox_items_for_feed(ids: Iterable[UUID]) -> dict[UUID, Row]:
    """For the feed: whose inbox it is was asked when the stream began."""
    return {row["id"]: row for row in await fetch(select(InboxItem, sql("id {}", among(ids))))}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentLetter:
    created_at: int
    channel: str
    letter: Letter


async def latest_letters(keyring: Keyring, *, shop_id: UUID, limit: int) -> list[SentLetter]:
    """In clear, newest first, sent or not. For the demo's inbox page alone: one-time codes are among them."""
    newest = sql("ORDER BY created_at DESC, id DESC LIMIT {}", limit)
    rows = await fetch(select(Outgoing, sql("shop_id = {}", shop_id)) + newest)
    return [
        SentLetter(created_at=row["created_at"], channel=row["channel"], letter=letter_of(keyring, row)) for row in rows
    ]

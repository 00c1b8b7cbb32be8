"""The logs that can be followed, each read once for all its followers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from domain.messaging.queries import inbox_items_for_feed, inbox_versions
from domain.shared.events import body_of, events_after
from domain.shared.sql import Row
from domain.tickets.queries import messages_for_events, ticket_versions, tickets_for_feed


class LogSource(Protocol):
    async def versions(self, ids: Iterable[UUID]) -> dict[UUID, int]:
        """The number of the newest event of each."""
        ...

    async def subject(self, subject_id: UUID) -> Row | None:
        """The aggregate as it stands, with its `version`."""
        ...

    async def events(self, subject_id: UUID, after: int) -> list[Row]:
        """The next events, with what their payloads show already read."""
        ...


class TicketSource:
    async def versions(self, ids: Iterable[UUID]) -> dict[UUID, int]:
        return await ticket_versions(ids)

    async def subject(self, subject_id: UUID) -> Row | None:
        return (await tickets_for_feed([subject_id])).get(subject_id)

    async def events(self, subject_id: UUID, after: int) -> list[Row]:
        rows = await events_after(subject_id, after)
        wanted = {row["id"]: UUID(key) for row in rows if (key := body_of(row).get("message_id"))}
        messages = await messages_for_events(wanted.values()) if wanted else {}
        for row in rows:
            row["message"] = messages.get(wanted[row["id"]]) if row["id"] in wanted else None
        return rows


class InboxSource:
    async def versions(self, ids: Iterable[UUID]) -> dict[UUID, int]:
        return await inbox_versions(ids)

    async def subject(self, subject_id: UUID) -> Row | None:
        found = await inbox_versions([subject_id])
        return {"id": subject_id, "version": found.get(subject_id, 0)}

    async def events(self, subject_id: UUID, after: int) -> list[Row]:
        rows = await events_after(subject_id, after)
        wanted = {row["id"]: UUID(body_of(row)["item_id"]) for row in rows}
        items = await inbox_items_for_feed(wanted.values()) if wanted else {}
        for row in rows:
            row["item"] = items.get(wanted[row["id"]])
        return rows

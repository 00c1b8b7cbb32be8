"""The logs that can be followed, each read once for all its followers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol
from uuid import UUID

from domain.identity.queries import agents_by_id
from domain.messaging.queries import inbox_items_for_feed, inbox_versions
from domain.shared.act import Viewer
from domain.shared.events import ActorKind, body_of, events_after
from domain.shared.sql import Row
from domain.tickets.events import lifted
from domain.tickets.queries import messages_by_id, ticket_versions, tickets_for_feed
from resolvers.shared.feed import Known


class LogSource(Protocol):
    async def versions(self, ids: Iterable[UUID]) -> dict[UUID, int]:
        """The number of the newest event of each."""
        ...

    async def subject(self, subject_id: UUID) -> Row | None:
        """The aggregate as it stands, with its `version`."""
        ...

    async def events(self, subject_id: UUID, after: int) -> list[Row]:
        """The next events, in the newest shape of their types."""
        ...

    async def known(self, subject: Row, events: Sequence[Row]) -> Known:
        """What payloads of these events usually show, read once for all who watch."""
        ...


class TicketSource:
    async def versions(self, ids: Iterable[UUID]) -> dict[UUID, int]:
        return await ticket_versions(ids)

    async def subject(self, subject_id: UUID) -> Row | None:
        return (await tickets_for_feed([subject_id])).get(subject_id)

    async def events(self, subject_id: UUID, after: int) -> list[Row]:
        return [lifted(row) for row in await events_after(subject_id, after)]

    async def known(self, subject: Row, events: Sequence[Row]) -> Known:
        machine = Viewer.system(subject["shop_id"])
        messages = _ids(events, "message_id")
        agents = _ids([*events, subject], "agent_id") | {
            event["actor_id"] for event in events if event["actor_kind"] == ActorKind.AGENT
        }
        found: dict[tuple[Any, UUID], Row] = {}
        for query, ids in ((messages_by_id, messages), (agents_by_id, agents)):
            rows = await query(machine, ids) if ids else {}
            found |= {(query, key): row for key, row in rows.items()}
        return found


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
        return [row | {"item": items[wanted[row["id"]]]} for row in rows]

    async def known(self, subject: Row, events: Sequence[Row]) -> Known:
        return {}


def _ids(rows: Iterable[Row], column: str) -> set[UUID]:
    return {row[column] for row in rows if row[column] is not None}

"""Facts that have been committed: numbered per aggregate, kept 90 days, read by subscribers and reactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol
from uuid import UUID

import orjson

from domain.shared.act import Role, Viewer
from domain.shared.clock import DAY
from domain.shared.described import Described
from domain.shared.models import EventRecord
from domain.shared.sql import Row, fetch, select, sql

KEPT_FOR = 90 * DAY
READ_AT_ONCE = 200


class ActorKind(Described):
    BUYER = "BUYER", "The buyer."
    AGENT = "AGENT", "A person of the shop's staff."
    INTEGRATOR = "INTEGRATOR", "A program with an API key."
    SYSTEM = "SYSTEM", "The machine, by a rule or a timer."


class Audience(Described):
    PARTIES = "PARTIES", "The buyer and the staff."
    STAFF = "STAFF", "The staff alone."


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`body` holds ids, enumeration names and numbers only; texts are read when somebody is shown the event."""

    type: str
    audience: Audience = Audience.PARTIES
    schema_version: int = 1
    body: dict[str, Any] = field(default_factory=dict)


class Aggregate(Protocol):
    """A row whose `version` counts its events; it is locked while one is added, so the numbers have no gaps."""

    stream: ClassVar[str]
    id: UUID
    shop_id: UUID
    version: int


def actor_of(viewer: Viewer) -> tuple[ActorKind, UUID | None]:
    if viewer.is_buyer:
        return ActorKind.BUYER, viewer.principal_id
    if viewer.role is Role.INTEGRATOR:
        return ActorKind.INTEGRATOR, viewer.principal_id
    if viewer.is_staff and viewer.principal_id:
        return ActorKind.AGENT, viewer.principal_id
    return ActorKind.SYSTEM, None


def audiences_of(viewer: Viewer) -> Sequence[Audience]:
    """The audiences that a viewer belongs to. Whether the viewer may see the aggregate at all is asked before."""
    return tuple(Audience) if viewer.is_staff else (Audience.PARTIES,)


def body_of(row: Row) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(row["body_json"])
    return body


async def events_after(subject_id: UUID, seq: int, *, limit: int = READ_AT_ONCE) -> list[Row]:
    """The aggregate's log after a number, every audience, oldest first."""
    criterion = sql("subject_id = {} AND seq > {}", subject_id, seq)
    return await fetch(select(EventRecord, criterion) + sql("ORDER BY seq LIMIT {}", limit))


async def oldest_seq(subject_id: UUID) -> int | None:
    row = await fetch(sql("SELECT min(seq) AS seq FROM event WHERE subject_id = {}", subject_id))
    oldest: int | None = row[0]["seq"]
    return oldest

"""What subscriptions follow: implemented by the server, which reads once for all who watch."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from domain.shared.sql import Row
from domain.tickets.waiting import Line

Known = Mapping[tuple[Any, UUID], Row]
"""Rows at hand, by the domain query that finds them and their id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event of a log, and its aggregate as it stood when the event was read; shared by all who watch.

    Without an event it is the aggregate as it stands: the first one of a follower without a cursor (`is_initial`), or
    of one whose cursor is of no use (`is_resync`).
    """

    seq: int
    subject: Row
    event: Row | None = None
    known: Known = field(default_factory=dict)
    is_initial: bool = False
    is_resync: bool = False


class Feed(Protocol):
    def follow(self, stream: str, subject_id: UUID, after: int | None) -> AsyncGenerator[Delivery, None]:
        """Everything after a number, then what comes: no gap, nothing twice, in order. For every audience."""
        ...

    def lines(self, queue_ids: Sequence[UUID]) -> AsyncGenerator[Line, None]:
        """Each queue as it stands now, then whenever it changed and every few seconds."""
        ...

"""Things to do later: reactions, timers and outgoing deliveries in one table, done at least once.

A claimed job stays in the table with its `due_at` moved behind the end of the lease, so a job whose worker died comes
back by itself. Scheduling a key again takes the lease away: the worker that still holds it will not delete the new job.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from domain.shared.clock import HOUR, SECOND
from domain.shared.models import Job
from domain.shared.sql import Row, Sql, execute, fetch, insert, is_postgres, joined, sql

LEASE = 60 * SECOND
MOST_ATTEMPTS = 12
BUG_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    kind: str
    key: str
    due_at: int
    payload: Mapping[str, Any] = field(default_factory=dict)


def scheduling(orders: Sequence[JobOrder], *, shop_id: UUID, new_id: Any) -> Sql:
    """Later orders of the same key win, also over one that is already in the table."""
    latest = {order.key: order for order in orders}
    rows = [
        {
            "id": new_id(),
            "kind": order.kind,
            "key": order.key,
            "shop_id": shop_id,
            "due_at": order.due_at,
            "payload_json": orjson.dumps(order.payload, default=str).decode(),
            "attempts": 0,
            "is_parked": False,
            "error": "",
        }
        for order in latest.values()
    ]
    return insert(
        Job,
        rows,
        Sql(
            "ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at, payload_json = excluded.payload_json,"
            " attempts = 0, is_parked = excluded.is_parked, lease_id = NULL, error = ''"
        ),
    )


def cancelling(keys: Sequence[str]) -> Sql:
    return joined([Sql("DELETE FROM job WHERE key IN ("), joined(sql("{}", k) for k in keys), Sql(")")], "")


async def claim_jobs(db: BaseDBAsyncClient, *, now: int, lease_id: UUID, limit: int) -> list[Row]:
    """Up to `limit` due jobs, each for this caller alone until the lease runs out."""
    skip = Sql("FOR UPDATE SKIP LOCKED" if is_postgres(db) else "")
    return await fetch(
        sql(
            "UPDATE job SET lease_id = {}, due_at = {}, attempts = attempts + 1 WHERE id IN ("
            "SELECT id FROM job WHERE is_parked = {} AND due_at <= {} ORDER BY due_at LIMIT {} {})"
            " RETURNING id, kind, key, shop_id, payload_json, attempts, lease_id",
            lease_id, now + LEASE, False, now, limit, skip,
        ),
        db,
    )  # fmt: skip


async def renew_lease(db: BaseDBAsyncClient, *, lease_id: UUID, now: int) -> None:
    await execute(sql("UPDATE job SET due_at = {} WHERE lease_id = {}", now + LEASE, lease_id), db)


async def finish_job(db: BaseDBAsyncClient, job: Row) -> None:
    await execute(sql("DELETE FROM job WHERE id = {} AND lease_id = {}", job["id"], job["lease_id"]), db)


def backoff(attempts: int, *, jitter: float) -> int:
    """Micros until the next attempt: 1 s doubled each time, an hour at most, spread by up to a half."""
    return int(min(SECOND * 2 ** (attempts - 1), HOUR) * (0.75 + jitter / 2))


async def fail_job(db: BaseDBAsyncClient, job: Row, *, now: int, error: str, is_transient: bool) -> bool:
    """Puts the job back for later, or parks it where staff see it. Answers whether it was parked."""
    is_parked: bool = job["attempts"] >= (MOST_ATTEMPTS if is_transient else BUG_ATTEMPTS)
    due_at = now + backoff(job["attempts"], jitter=random.random())  # noqa: S311 - spreads load, hides nothing
    await execute(
        sql(
            "UPDATE job SET due_at = {}, is_parked = {}, error = {}, lease_id = NULL WHERE id = {} AND lease_id = {}",
            due_at, is_parked, error[:500], job["id"], job["lease_id"],
        ),
        db,
    )  # fmt: skip
    return is_parked


async def count_jobs(*, now: int) -> Row:
    """How many jobs are due, wait for their time, and are parked."""
    rows = await fetch(
        sql(
            "SELECT coalesce(sum(CASE WHEN is_parked = {} AND due_at <= {} THEN 1 ELSE 0 END), 0) AS due,"
            " coalesce(sum(CASE WHEN is_parked = {} AND due_at > {} THEN 1 ELSE 0 END), 0) AS later,"
            " coalesce(sum(CASE WHEN is_parked = {} THEN 1 ELSE 0 END), 0) AS parked FROM job",
            False, now, False, now, True,
        )
    )  # fmt: skip
    return rows[0]

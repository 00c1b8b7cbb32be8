"""One transaction: rows, numbered events, and the jobs that follow from them, all or nothing.

`work` may be run again from its first line (deadlock, serialization failure, busy database), so it changes nothing but
rows. It runs in a task of its own that a cancelled caller does not cancel: a cancel inside BEGIN or COMMIT would
leak the connection or the lock.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import groupby
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import orjson
from tortoise.connection import get_connection
from tortoise.exceptions import OperationalError
from tortoise.models import Model

from domain.shared.act import Act, Viewer
from domain.shared.events import Aggregate, Event, actor_of
from domain.shared.jobs import JobOrder, cancelling, scheduling
from domain.shared.models import EventRecord
from domain.shared.sql import (
    Row,
    Sql,
    execute,
    fetch,
    fetch_one,
    insert,
    is_postgres,
    joined,
    select,
    sql,
    values_of,
)

T = TypeVar("T")
M = TypeVar("M", bound=Model)
ATTEMPTS = 6
_running: set[asyncio.Task[Any]] = set()


class Tx:
    """What `work` writes through. Changes to loaded rows, added rows, events and jobs are written when it returns."""

    def __init__(self, act: Act, db: Any) -> None:
        self.act = act
        self.db = db
        self._loaded: list[tuple[Model, Row]] = []
        self._added: list[Model] = []
        self._events: list[Row] = []
        self._jobs: list[JobOrder] = []
        self._cancelled: list[str] = []
        self.topics: dict[str, int] = {}

    async def fetch(self, statement: Sql) -> list[Row]:
        return await fetch(statement, self.db)

    async def fetch_one(self, statement: Sql) -> Row | None:
        return await fetch_one(statement, self.db)

    async def execute(self, statement: Sql) -> int:
        return await execute(statement, self.db)

    async def load(
        self,
        model: type[M],
        criterion: Sql,
        *,
        order: Sql | None = None,
        limit: int | None = None,
        skip_locked: bool = False,
    ) -> list[M]:
        """Rows locked until the end; SQLite needs no row locks, as its transaction is alone."""
        lock = Sql("FOR UPDATE SKIP LOCKED" if skip_locked else "FOR UPDATE")
        if not is_postgres(self.db):
            lock = Sql("")
        most = Sql("") if limit is None else sql("LIMIT {}", limit)
        statement = select(model, criterion) + (order or Sql("ORDER BY id")) + most + lock
        rows = await self.fetch(statement)
        models = [model._init_from_db(**row) for row in rows]
        self._loaded += [(loaded, values_of(loaded)) for loaded in models]
        return models

    async def load_one(self, model: type[M], criterion: Sql) -> M | None:
        found = await self.load(model, criterion)
        return found[0] if found else None

    def add(self, *rows: Model) -> None:
        self._added += rows

    def record(self, aggregate: Aggregate, event: Event, *, by: Viewer | None = None) -> UUID:
        """`by` is the viewer unless named: what the machine does in a person's call is the machine's."""
        aggregate.version += 1
        kind, actor_id = actor_of(by or self.act.viewer)
        event_id = self.act.new_id()
        self._events.append(
            {
                "id": event_id,
                "shop_id": aggregate.shop_id,
                "subject_id": aggregate.id,
                "stream": aggregate.stream,
                "seq": aggregate.version,
                "type": event.type,
                "schema_version": event.schema_version,
                "at": self.act.now,
                "actor_kind": kind,
                "actor_id": actor_id,
                "audience": event.audience,
                "body_json": orjson.dumps(event.body, default=str).decode(),
            }
        )
        self.topics[f"{aggregate.stream}:{aggregate.id}"] = aggregate.version
        if event.type in self.act.reacting_types:
            self.schedule(
                JobOrder(
                    kind="react",
                    key=f"react:{event_id}",
                    due_at=self.act.now,
                    payload={"event": str(event_id)},
                )
            )
        return event_id

    def touch(self, topic: str) -> None:
        """Hints that the state behind a topic without a log has changed."""
        self.topics.setdefault(topic, 0)

    def schedule(self, *orders: JobOrder) -> None:
        self._jobs += orders

    def cancel(self, *keys: str) -> None:
        self._cancelled += keys

    @property
    def has_due_jobs(self) -> bool:
        return any(job.due_at <= self.act.now for job in self._jobs)

    async def flush(self) -> None:
        for model, rows in groupby(self._added, type):
            await self.execute(insert(model, [values_of(row) for row in rows]))
        for loaded, before in self._loaded:
            await self._write_changes(loaded, before)
        if self._events:
            await self.execute(insert(EventRecord, self._events))
        if self._cancelled:
            await self.execute(cancelling(self._cancelled))
        if self._jobs:
            shop_id = self.act.viewer.shop_id
            await self.execute(scheduling(self._jobs, shop_id=shop_id, new_id=self.act.new_id))

    async def _write_changes(self, loaded: Model, before: Row) -> None:
        after = values_of(loaded)
        changed = [column for column in after if after[column] != before[column]]
        if changed:
            sets = joined(sql(f"{column} = {{}}", after[column]) for column in changed)
            table = loaded._meta.db_table
            await self.execute(sql(f"UPDATE {table} SET {{}} WHERE id = {{}}", sets, before["id"]))


def _may_retry(error: Exception) -> bool:
    if isinstance(error, asyncpg.DeadlockDetectedError | asyncpg.SerializationError):
        return True
    return isinstance(error, OperationalError) and "locked" in str(error)


async def _attempt(act: Act, work: Callable[[Tx], Awaitable[T]]) -> tuple[T, Tx]:
    async with get_connection("default")._in_transaction() as db:
        tx = Tx(act, db)
        result = await work(tx)
        await tx.flush()
    return result, tx


async def _committed(act: Act, work: Callable[[Tx], Awaitable[T]]) -> T:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            result, tx = await _attempt(act, work)
        except Exception as error:
            if attempt == ATTEMPTS or not _may_retry(error):
                raise
            await asyncio.sleep(random.random() * 0.02 * 2**attempt)  # noqa: S311 - spreads load
        else:
            if tx.topics or tx.has_due_jobs:
                act.hints.committed(tx.topics.items(), has_jobs=tx.has_due_jobs)
            return result
    raise AssertionError("unreachable")


async def transact(act: Act, work: Callable[[Tx], Awaitable[T]]) -> T:
    task = asyncio.create_task(_committed(act, work))
    _running.add(task)
    task.add_done_callback(_forget)
    return await asyncio.shield(task)


def _forget(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # retrieved here, as a caller that hung up will not


async def running_transactions_end() -> None:
    """Waits for what has begun; called before the connections are closed."""
    while _running:
        await asyncio.wait(set(_running))

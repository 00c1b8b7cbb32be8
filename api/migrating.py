"""Bringing the database to the newest form, from one process at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tortoise.connection import get_connection
from tortoise.migrations.executor import MigrationExecutor

from domain.shared.database import APPS
from domain.shared.sql import is_postgres

LOCK = 7_250_316


def _executor() -> MigrationExecutor:
    return MigrationExecutor(get_connection("default"), APPS)


@asynccontextmanager
async def _alone() -> AsyncIterator[None]:
    """An advisory lock on PostgreSQL. SQLite has one server process, and its writers wait for each other."""
    if not is_postgres(get_connection("default")):
        yield
        return
    async with get_connection("reader")._in_transaction() as holder:
        await holder.execute_query(f"SELECT pg_advisory_xact_lock({LOCK})")
        yield


async def migrate() -> list[str]:
    """The names of the migrations that were applied now."""
    async with _alone():
        pending = await pending_migrations()
        if pending:
            await _executor().migrate(None)
        return pending


async def pending_migrations() -> list[str]:
    return [step.migration.name for step in await _executor().plan(None)]

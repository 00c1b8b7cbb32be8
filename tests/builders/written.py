"""What stands in the database, to show that a refusal changed nothing."""

from __future__ import annotations

import asyncio

from tortoise import Tortoise

from domain.shared.sql import Sql, among, fetch, fetch_value, sql

# The worker of a running server does and orders jobs of its own.
COMES_AND_GOES = {"job"}


async def everything_written() -> dict[str, list[str]]:
    """All rows by table, as texts that can be compared."""
    tables = {model._meta.db_table for model in (Tortoise.apps or {})["xiaoka"].values()} - COMES_AND_GOES
    return {table: sorted(map(str, await fetch(Sql(f"SELECT * FROM {table}")))) for table in sorted(tables)}


async def jobs_done() -> None:
    """What follows from what was done before is written too; timers stay."""
    jobs = sql("SELECT count(*) AS open FROM job WHERE kind {}", among(["react", "reaction", "deliver"]))
    async with asyncio.timeout(30):
        while await fetch_value(jobs):
            await asyncio.sleep(0.05)

"""Percentiles, tables, and what machine and versions the figures are of."""

from __future__ import annotations

import math
import os
import platform
import sqlite3
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import asyncpg
from redis.asyncio import Redis

from benchmarks.stack import Stack

LIBRARIES = ("strawberry-graphql", "graphql-core", "starlette", "uvicorn", "uvloop", "tortoise-orm", "asyncpg")
ROOT = Path(__file__).resolve().parent.parent


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that this share of all values does not exceed; NaN of nothing."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def shown(value: float | None, digits: int = 1) -> str:
    return "-" if value is None or value != value else f"{value:,.{digits}f}"  # noqa: PLR0124 - NaN


async def circumstances(stack: Stack) -> str:
    """On what the figures were measured: no figure means anything without it."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    lines = [
        f"- Machine: {os.cpu_count()} cores ({_processor()}), {platform.system()}; load average before: {load}",
        f"- Database: {await _database(stack)}; bus: {await _bus(stack)}",
        f"- Python {platform.python_version()}, {libraries}",
        f"- Commit: {_commit()}",
    ]
    return "\n".join(lines)


def _processor() -> str:
    with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


async def _database(stack: Stack) -> str:
    if not stack.is_postgres:
        return f"SQLite {sqlite3.sqlite_version}"
    connection = await asyncpg.connect(stack.database_url)
    try:
        return "PostgreSQL " + str(await connection.fetchval("SHOW server_version")).split()[0]
    finally:
        await connection.close()


async def _bus(stack: Stack) -> str:
    if stack.broadcast_url.startswith("memory://"):
        return "memory"
    async with Redis.from_url(stack.broadcast_url) as client:
        return f"Redis {(await client.info('server'))['redis_version']}"


def _commit() -> str:
    head = _git("rev-parse", "--short", "HEAD")
    return f"{head} with changes" if head and _git("status", "--porcelain") else head or "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()

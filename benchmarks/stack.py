"""A database of our own for one run, and the settings of a server that runs on it."""

from __future__ import annotations

import base64
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from redis.asyncio import Redis

from api.migrating import migrate
from domain.shared.crypto import Keyring
from domain.shared.database import connect, disconnect
from domain.shared.transact import running_transactions_end

SQLITE = "sqlite"


@dataclass(frozen=True, kw_only=True)
class Stack:
    database_url: str
    broadcast_url: str
    folder: Path
    key: bytes

    @property
    def keyring(self) -> Keyring:
        return Keyring({1: self.key})

    @property
    def is_postgres(self) -> bool:
        return self.database_url.startswith("postgres://")

    @property
    def prefix(self) -> str:
        return f"bench-{self.key.hex()[:12]}"

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "XIAOKA_DATA_DIR": str(self.folder),
            "XIAOKA_DATABASE_URL": self.database_url,
            "XIAOKA_BROADCAST_URL": self.broadcast_url,
            "XIAOKA_BROADCAST_PREFIX": self.prefix,
            "XIAOKA_KEYS": "1:" + base64.b64encode(self.key).decode(),
        }

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """The domain of this process works on the database: for filling it, never while something is measured."""
        await connect(self.database_url, pool_size=16)
        try:
            yield
        finally:
            await running_transactions_end()
            await disconnect()


@asynccontextmanager
async def new_stack(database: str, broadcast: str) -> AsyncIterator[Stack]:
    """`database` is "sqlite", or the URL of a PostgreSQL server on which a database is made and dropped again."""
    async with AsyncExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="xiaoka-bench-")))
        if database == SQLITE:
            url = f"sqlite://{folder / 'bench.sqlite3'}"
        else:
            url = await exits.enter_async_context(_new_database(database))
        stack = Stack(database_url=url, broadcast_url=broadcast, folder=folder, key=secrets.token_bytes(32))
        if not broadcast.startswith("memory://"):
            exits.push_async_callback(_forget, broadcast, stack.prefix)
        async with stack.connected():
            await migrate()
        yield stack


@asynccontextmanager
async def _new_database(server: str) -> AsyncIterator[str]:
    name = f"xiaoka_bench_{secrets.token_hex(6)}"
    await _command(server, f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        await _command(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _forget(broadcast: str, prefix: str) -> None:
    """What the throttle has counted there under our prefix."""
    async with Redis.from_url(broadcast) as client:
        async for key in client.scan_iter(match=f"*{prefix}*", count=1000):
            await client.delete(key)


async def _command(server: str, statement: str) -> None:
    admin = await asyncpg.connect(server)
    try:
        await admin.execute(statement)
    finally:
        await admin.close()

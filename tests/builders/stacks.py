"""The two ways to run the service, each with a database of its own that is brought to the newest form."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from api.migrating import migrate
from domain.shared.crypto import Keyring
from domain.shared.database import connect, disconnect
from domain.shared.transact import running_transactions_end

SQLITE, POSTGRES = "sqlite", "postgres"
DATABASE_URL = os.environ.get("XIAOKA_TEST_DATABASE_URL", "")
REDIS_URL = os.environ.get("XIAOKA_TEST_REDIS_URL", "")
KINDS = [SQLITE, POSTGRES] if DATABASE_URL else [SQLITE]


@dataclass(frozen=True)
class Stack:
    kind: str
    database_url: str
    broadcast_url: str
    key: bytes

    @cached_property
    def keyring(self) -> Keyring:
        return Keyring({1: self.key})

    @property
    def environment(self) -> Mapping[str, str]:
        """Settings of a server that runs on this stack."""
        return {
            "XIAOKA_DATABASE_URL": self.database_url,
            "XIAOKA_DATABASE_POOL": "12",
            "XIAOKA_BROADCAST_URL": self.broadcast_url,
            "XIAOKA_BROADCAST_PREFIX": f"test-{self.key.hex()[:12]}",
            "XIAOKA_KEYS": "1:" + base64.b64encode(self.key).decode(),
        }

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """The domain of this process works on the stack's database."""
        await connect(self.database_url, pool_size=8)
        try:
            yield
        finally:
            await running_transactions_end()
            await disconnect()


@asynccontextmanager
async def new_stack(
    kind: str, folder: Path, *, database_url: str = "", broadcast_url: str = ""
) -> AsyncIterator[Stack]:
    """`database_url` and `broadcast_url` name private servers; else those of the environment are used."""
    key = secrets.token_bytes(32)
    if kind == SQLITE:
        stack = Stack(kind, f"sqlite://{folder / 'test.sqlite3'}", "memory://", key)
        async with stack.connected():
            await migrate()
        yield stack
        return
    server = database_url or DATABASE_URL
    name = f"xiaoka_{secrets.token_hex(8)}"
    admin = await asyncpg.connect(server)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
    finally:
        await admin.close()
    parts = urlsplit(server)
    stack = Stack(kind, urlunsplit(parts._replace(path=f"/{name}")), broadcast_url or REDIS_URL or "memory://", key)
    try:
        async with stack.connected():
            await migrate()
        yield stack
    finally:
        await _drop(server, name)


async def _drop(server: str, name: str) -> None:
    admin = await asyncpg.connect(server)
    try:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await admin.close()

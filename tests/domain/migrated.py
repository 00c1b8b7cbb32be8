"""Databases that are copies of one that was migrated once: fifty milliseconds instead of a second and a half."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.builders.stacks import DATABASE_URL, KINDS, SQLITE, Stack, _drop, new_stack

Originals = dict[str, Stack]


async def _made(folder: Path) -> tuple[Originals, AsyncExitStack]:
    async with AsyncExitStack() as opened:
        made = {kind: await opened.enter_async_context(new_stack(kind, folder)) for kind in KINDS}
        return made, opened.pop_all()
    raise AssertionError("unreachable")


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Originals]:
    # In a thread, because the event loops of this one belong to the tests.
    with ThreadPoolExecutor(1) as thread, asyncio.Runner() as runner:
        made, opened = thread.submit(runner.run, _made(tmp_path_factory.mktemp("original"))).result()
        yield made
        thread.submit(runner.run, opened.aclose()).result()


@asynccontextmanager
async def a_copy(original: Stack, folder: Path) -> AsyncIterator[Stack]:
    key = secrets.token_bytes(32)
    if original.kind == SQLITE:
        path = folder / "test.sqlite3"
        shutil.copy(original.database_url.removeprefix("sqlite://"), path)
        yield replace(original, database_url=f"sqlite://{path}", key=key)
        return
    parts, name = urlsplit(original.database_url), f"xiaoka_{secrets.token_hex(8)}"
    await _run(f'CREATE DATABASE "{name}" TEMPLATE "{parts.path[1:]}"')
    try:
        yield replace(original, database_url=urlunsplit(parts._replace(path=f"/{name}")), key=key)
    finally:
        await _drop(DATABASE_URL, name)


async def _run(statement: str) -> None:
    admin = await asyncpg.connect(DATABASE_URL)
    try:
        await admin.execute(statement)
    finally:
        await admin.close()


@pytest.fixture(params=KINDS)
async def stack(request: pytest.FixtureRequest, originals: Originals, tmp_path: Path) -> AsyncIterator[Stack]:
    """As the one for all tests, but quick."""
    async with a_copy(originals[request.param], tmp_path) as made:
        yield made

"""Servers end and come back while a crowd writes and watches: everybody sees exactly what was committed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from tests.builders.scene import a_scene
from tests.builders.stacks import POSTGRES, SQLITE, Stack, new_stack
from tests.chaos.crowd import Crowd, a_crowd, expected_by
from tests.chaos.writers import Writer
from tests.servers.needs import needs_postgres, needs_redis
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.servers.server import Server
from tests.servers.xiaoka import XiaokaServer

pytestmark = pytest.mark.chaos
HAPPENED = {"MESSAGE_ADDED", "NOTE_ADDED", "CLAIMED", "TRANSFERRED", "RESOLVED", "REOPENED"}


@needs_postgres
@needs_redis
@pytest.mark.parametrize("seed", [20261120])
async def test_two_hundred_watchers_of_two_servers_miss_nothing_through_every_outage(seed: int, tmp_path: Path) -> None:
    async with (
        PostgresServer() as postgres,
        RedisServer() as redis,
        new_stack(POSTGRES, tmp_path, database_url=postgres.url, broadcast_url=redis.url) as stack,
        stack.connected(),
    ):
        crowd = await two_hundred_watchers(stack, seed)
        async with (
            XiaokaServer(stack.environment) as one,
            XiaokaServer(stack.environment) as other,
            crowd.at_work([one, other]) as writers,
        ):
            await asyncio.sleep(4)
            async with stopped(redis):
                await asyncio.sleep(11)
                await crowd.everybody_catches_up()
                await asyncio.sleep(2)
            await asyncio.sleep(3)
            async with killed(one):
                await asyncio.sleep(1)
            await asyncio.sleep(3)
            async with stopped(postgres):
                await asyncio.sleep(1)
            await asyncio.sleep(4)
        await everybody_saw_what_was_committed(crowd, writers)


@pytest.mark.parametrize("seed", [20261121])
async def test_two_hundred_watchers_of_one_server_on_sqlite_miss_nothing_when_it_is_killed_twice(
    seed: int, tmp_path: Path
) -> None:
    async with new_stack(SQLITE, tmp_path) as stack, stack.connected():
        crowd = await two_hundred_watchers(stack, seed)
        async with XiaokaServer(stack.environment) as server, crowd.at_work([server]) as writers:
            for _ in range(2):
                await asyncio.sleep(4)
                async with killed(server):
                    await asyncio.sleep(1)
            await asyncio.sleep(4)
        await everybody_saw_what_was_committed(crowd, writers)


async def two_hundred_watchers(stack: Stack, seed: int) -> Crowd:
    scene = await a_scene(stack.keyring)
    crowd = await a_crowd(scene, Random(seed), tickets=20, buyers_each=5, staff_each=5)
    assert len(crowd.watchers) == 200
    return crowd


@asynccontextmanager
async def stopped(server: Server) -> AsyncIterator[None]:
    await server.stop()
    try:
        yield
    finally:
        await server.start()


@asynccontextmanager
async def killed(server: Server) -> AsyncIterator[None]:
    await server.kill()
    async with stopped(server):
        yield


async def everybody_saw_what_was_committed(crowd: Crowd, writers: Sequence[Writer]) -> None:
    logs = await crowd.logs()
    for log in logs.values():
        assert [step.seq for step, _ in log] == list(range(1, len(log) + 1))
    for watcher in crowd.watchers:
        assert watcher.seen == expected_by(watcher, logs[watcher.ticket_id]), watcher.name
    times_written = Counter(step.text for log in logs.values() for step, _ in log)
    said = [text for writer in writers for text in writer.said]
    assert {text: times_written[text] for text in said if times_written[text] != 1} == {}
    # Else it was no test: all kinds of things happened, sockets broke, and writers met the outages.
    assert {step.type for log in logs.values() for step, _ in log} >= HAPPENED
    assert sum(device.ends for device in crowd.devices) > len(crowd.devices)
    assert sum(writer.failures for writer in writers) > 0

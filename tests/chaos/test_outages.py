"""Servers end and come back while a crowd writes and watches: everybody sees exactly what was committed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from tests.builders.scene import a_scene
from tests.builders.stacks import POSTGRES, SQLITE, new_stack
from tests.chaos.crowd import Crowd, a_crowd, expected_by
from tests.chaos.writers import Writer
from tests.servers.needs import needs_postgres, needs_redis
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.servers.xiaoka import XiaokaServer

pytestmark = pytest.mark.chaos
TICKETS, BUYERS_EACH, STAFF_EACH = 20, 5, 5
HAPPENED = {"MESSAGE_ADDED", "NOTE_ADDED", "CLAIMED", "TRANSFERRED", "RESOLVED", "REOPENED"}


@needs_postgres
@needs_redis
@pytest.mark.parametrize("seed", [20261120])
async def test_two_hundred_watchers_of_two_servers_miss_nothing_through_every_outage(
    seed: int, tmp_path: Path
) -> None:
    async with (
        PostgresServer() as postgres,
        RedisServer() as redis,
        new_stack(POSTGRES, tmp_path, database_url=postgres.url, broadcast_url=redis.url) as stack,
    ):
        async with stack.connected():
            scene = await a_scene(stack.keyring)
            crowd = await a_crowd(
                scene, Random(seed), tickets=TICKETS, buyers_each=BUYERS_EACH, staff_each=STAFF_EACH
            )
        async with (
            XiaokaServer(stack.environment) as one,
            XiaokaServer(stack.environment) as other,
            stack.connected(),
            crowd.at_work([one, other], pause=1.2) as writers,
        ):
            await asyncio.sleep(4)
            await redis.stop()
            await asyncio.sleep(15)
            await redis.start()
            await asyncio.sleep(3)
            await one.kill()
            await asyncio.sleep(2)
            await one.start()
            await asyncio.sleep(3)
            await postgres.restart()
            await asyncio.sleep(4)
        async with stack.connected():
            await everybody_saw_what_was_committed(crowd, writers)


@pytest.mark.parametrize("seed", [20261121])
async def test_two_hundred_watchers_of_one_server_on_sqlite_miss_nothing_when_it_is_killed_twice(
    seed: int, tmp_path: Path
) -> None:
    async with new_stack(SQLITE, tmp_path) as stack, stack.connected():
        scene = await a_scene(stack.keyring)
        crowd = await a_crowd(
            scene, Random(seed), tickets=TICKETS, buyers_each=BUYERS_EACH, staff_each=STAFF_EACH
        )
        async with XiaokaServer(stack.environment) as server, crowd.at_work([server], pause=1.2) as writers:
            for _ in range(2):
                await asyncio.sleep(4)
                await server.kill()
                await asyncio.sleep(1)
                await server.start()
            await asyncio.sleep(4)
        await everybody_saw_what_was_committed(crowd, writers)


async def everybody_saw_what_was_committed(crowd: Crowd, writers: Sequence[Writer]) -> None:
    logs = await crowd.logs()
    for log in logs.values():
        assert [step.seq for step, _ in log] == list(range(1, len(log) + 1))
    for watcher in crowd.watchers:
        assert watcher.seen == expected_by(watcher, logs[watcher.ticket_id]), watcher.name
    times_written = Counter(step.text for log in logs.values() for step, _ in log)
    assert {text: times_written[text] for w in writers for text in w.said if times_written[text] != 1} == {}
    print('STAT', Counter(step.type for log in logs.values() for step, _ in log), sum(d.ends for d in crowd.devices), len(crowd.devices), len(crowd.watchers), sum(w.failures for w in writers), sum(len(w.seen) for w in crowd.watchers))
    # Else it was no test: all kinds of things happened, everybody was cut off, and writers met the outages.
    assert {step.type for log in logs.values() for step, _ in log} >= HAPPENED
    assert all(device.ends for device in crowd.devices)
    assert any(writer.failures for writer in writers)

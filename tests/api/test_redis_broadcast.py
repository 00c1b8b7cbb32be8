from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Self

import pytest
from broadcaster import Broadcast, Event
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from api.adapters import redis_broadcast
from api.adapters.redis_broadcast import GAP, ROOM, BusUnavailable, RedisBroadcastBackend
from tests.servers.needs import needs_redis
from tests.servers.redis import RedisServer

if TYPE_CHECKING:
    from broadcaster._base import Subscriber

pytestmark = needs_redis

PREFIX = "bus-test"
FLOOD = "for i = 1, tonumber(ARGV[2]) do redis.call('PUBLISH', KEYS[1], ARGV[1]) end"


@pytest.fixture
async def server() -> AsyncIterator[RedisServer]:
    async with RedisServer() as server:
        yield server


@pytest.fixture
async def backend(server: RedisServer) -> RedisBroadcastBackend:
    return RedisBroadcastBackend(server.url, prefix=PREFIX)


@pytest.fixture
async def broadcast(backend: RedisBroadcastBackend) -> AsyncIterator[Broadcast]:
    async with Broadcast(backend=backend) as broadcast:
        yield broadcast


async def heard(subscriber: Subscriber, *, within: float = 2.0) -> str:
    return (await asyncio.wait_for(subscriber.get(), within)).message


async def a_gap(subscriber: Subscriber, *, within: float = 6.0) -> None:
    event = await asyncio.wait_for(subscriber.get(), within)
    assert event.channel == GAP


async def until(claim: Callable[[], bool], *, within: float) -> None:
    async with asyncio.timeout(within):
        while not claim():
            await asyncio.sleep(0.02)


async def a_frame(server: RedisServer, backend: RedisBroadcastBackend) -> tuple[bytes, bytes]:
    """What one message looks like on the wire, so that a test can send it as often as it likes."""
    async with Redis.from_url(server.url) as client, client.pubsub() as listener:
        await listener.psubscribe("*")
        await backend.publish("tickets", "changed")
        async for message in listener.listen():
            if message["type"] == "pmessage" and b"changed" in message["data"]:
                return message["channel"], message["data"]
    raise AssertionError("nothing was published")


async def flood(server: RedisServer, backend: RedisBroadcastBackend, count: int) -> None:
    wire, frame = await a_frame(server, backend)
    async with Redis.from_url(server.url, socket_timeout=30) as client:
        await client.eval(FLOOD, 1, wire, frame, count)


async def everything_sent_so_far_was_read(backend: RedisBroadcastBackend) -> None:
    # One heartbeat may have been on its way already; the next one stands behind all of it.
    for _ in range(2):
        heard_at = backend._heard_at
        await until(lambda heard_at=heard_at: backend._heard_at != heard_at, within=60)


async def whatever_waits(backend: RedisBroadcastBackend) -> list[Event]:
    events = []
    with contextlib.suppress(TimeoutError):
        while True:
            events.append(await asyncio.wait_for(backend.next_published(), 0.3))
    return events


class Cable:
    """A way to the server that can be cut: what ran over it stays silent, what comes later works."""

    def __init__(self, server: RedisServer) -> None:
        self._port = server.port
        self._cut = asyncio.Event()
        self._ends: list[asyncio.StreamWriter] = []

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}/0"

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._join, "127.0.0.1")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for end in self._ends:
            end.close()
        await asyncio.gather(*(end.wait_closed() for end in self._ends), return_exceptions=True)

    def cut(self) -> None:
        self._cut.set()
        self._cut = asyncio.Event()

    async def _join(self, near: asyncio.StreamReader, near_end: asyncio.StreamWriter) -> None:
        far, far_end = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends += [near_end, far_end]
        cut = self._cut
        await asyncio.gather(_forward(near, far_end, cut), _forward(far, near_end, cut))


async def _forward(source: asyncio.StreamReader, target: asyncio.StreamWriter, cut: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            if cut.is_set():
                return
            target.write(data)
            await target.drain()
        target.close()


@contextlib.contextmanager
def frozen(server: RedisServer) -> Iterator[None]:
    """Its sockets stay open and say nothing."""
    os.kill(server._child.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server._child.pid, signal.SIGCONT)


async def test_the_first_channel_delivers_at_once(broadcast: Broadcast):
    async with broadcast.subscribe("tickets") as subscriber:
        await broadcast.publish("tickets", "changed")
        assert await heard(subscriber) == "changed"


async def test_twenty_first_subscribers_at_once_all_receive_and_all_leave(broadcast: Broadcast):
    async def hear_one() -> str:
        async with broadcast.subscribe("tickets") as subscriber:
            joined.append(subscriber)
            return await heard(subscriber)

    joined: list[Subscriber] = []
    hearers = [asyncio.create_task(hear_one()) for _ in range(20)]
    await until(lambda: len(joined) == 20, within=2)
    await broadcast.publish("tickets", "changed")
    assert await asyncio.gather(*hearers) == ["changed"] * 20
    assert not broadcast._subscribers


@pytest.mark.chaos
async def test_a_restart_tells_the_gap_and_then_delivers_again(server: RedisServer, broadcast: Broadcast):
    async with broadcast.subscribe("tickets") as subscriber, broadcast.subscribe(GAP) as gaps:
        await server.restart()
        await a_gap(gaps)
        await broadcast.publish("tickets", "changed")
        assert await heard(subscriber) == "changed"


@pytest.mark.chaos
async def test_the_first_publish_after_a_restart_does_not_raise(server: RedisServer, broadcast: Broadcast):
    await asyncio.gather(*(broadcast.publish("tickets", "before") for _ in range(8)))
    await server.restart()
    await asyncio.gather(*(broadcast.publish("tickets", "after") for _ in range(8)))


async def test_a_publish_over_a_dead_pooled_connection_does_not_raise(server: RedisServer, broadcast: Broadcast):
    await asyncio.gather(*(broadcast.publish("tickets", "before") for _ in range(8)))
    # Without a turn of the loop in between, nobody has noticed yet that the connections are closed.
    with BlockingRedis.from_url(server.url) as operator:
        assert operator.client_kill_filter(_type="normal", skipme=True) >= 8
    await broadcast.publish("tickets", "after")


async def test_a_flood_that_nobody_reads_stays_bounded_and_ends_in_a_gap(
    server: RedisServer, backend: RedisBroadcastBackend
):
    await backend.connect()
    await backend.subscribe("tickets")
    await flood(server, backend, 200_000)
    await everything_sent_so_far_was_read(backend)
    events = await whatever_waits(backend)
    assert len(events) <= ROOM
    assert events[0].channel == GAP
    await backend.publish("tickets", "after the flood")
    assert await backend.next_published() == Event("tickets", "after the flood")
    await backend.disconnect()


async def test_a_burst_reaches_a_live_listener_without_a_gap(server: RedisServer, monkeypatch: pytest.MonkeyPatch):
    # Less room than one read from the socket brings: only a fair pump gets through.
    monkeypatch.setattr(redis_broadcast, "ROOM", 16)
    backend = RedisBroadcastBackend(server.url, prefix=PREFIX)
    async with (
        Broadcast(backend=backend) as broadcast,
        broadcast.subscribe("tickets") as subscriber,
        broadcast.subscribe(GAP) as gaps,
    ):
        await flood(server, backend, 5_000)
        await everything_sent_so_far_was_read(backend)
        assert subscriber._queue.qsize() == 5_001
        assert gaps._queue.empty()


async def test_what_nobody_here_listens_to_takes_no_room(server: RedisServer, backend: RedisBroadcastBackend):
    await backend.connect()
    await backend.subscribe("orders")
    await backend.publish("orders", "changed")
    await flood(server, backend, 2 * ROOM)
    await everything_sent_so_far_was_read(backend)
    assert await whatever_waits(backend) == [Event("orders", "changed")]
    await backend.disconnect()


async def test_the_first_link_is_no_gap(broadcast: Broadcast):
    async with broadcast.subscribe("tickets") as subscriber, broadcast.subscribe(GAP) as gaps:
        await broadcast.publish("tickets", "changed")
        assert await heard(subscriber) == "changed"
        assert gaps._queue.empty()


async def test_the_bus_lives_on_after_the_last_subscriber_left(broadcast: Broadcast):
    for word in ("first", "second"):
        async with broadcast.subscribe("tickets") as subscriber:
            await broadcast.publish("tickets", word)
            assert await heard(subscriber) == word
        await asyncio.sleep(0.3)  # as long as it takes a listener without channels to notice


@pytest.mark.chaos
async def test_redis_may_come_later_than_we_do(server: RedisServer, backend: RedisBroadcastBackend):
    await server.stop()
    async with Broadcast(backend=backend) as broadcast:
        assert not backend.healthy
        async with broadcast.subscribe("tickets") as subscriber, broadcast.subscribe(GAP) as gaps:
            with pytest.raises(BusUnavailable):
                await broadcast.publish("tickets", "lost")
            await server.start()
            await a_gap(gaps)
            await broadcast.publish("tickets", "changed")
            assert await heard(subscriber) == "changed"
            await until(lambda: backend.healthy, within=4)


@pytest.mark.chaos
async def test_a_stopped_redis_shows_within_four_seconds(
    server: RedisServer, backend: RedisBroadcastBackend, broadcast: Broadcast
):
    await until(lambda: backend.healthy, within=1)
    await server.stop()
    await until(lambda: not backend.healthy, within=4)
    await server.start()
    await until(lambda: backend.healthy, within=4)


@pytest.mark.chaos
async def test_a_frozen_redis_shows_within_four_seconds(
    server: RedisServer, backend: RedisBroadcastBackend, broadcast: Broadcast
):
    await until(lambda: backend.healthy, within=1)
    with frozen(server):
        await until(lambda: not backend.healthy, within=4)
    await until(lambda: backend.healthy, within=4)


async def test_a_link_that_fell_silent_is_replaced_with_a_gap(server: RedisServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(redis_broadcast, "SILENCE", 1.5)
    async with (
        Cable(server) as cable,
        Broadcast(backend=RedisBroadcastBackend(cable.url, prefix=PREFIX)) as broadcast,
        broadcast.subscribe("tickets") as subscriber,
        broadcast.subscribe(GAP) as gaps,
    ):
        cable.cut()
        await a_gap(gaps, within=4)
        await broadcast.publish("tickets", "changed")
        assert await heard(subscriber) == "changed"


async def test_a_publish_over_silent_pooled_connections_still_arrives(server: RedisServer):
    async with (
        Cable(server) as cable,
        Broadcast(backend=RedisBroadcastBackend(cable.url, prefix=PREFIX)) as sender,
        Broadcast(backend=RedisBroadcastBackend(server.url, prefix=PREFIX)) as broadcast,
        broadcast.subscribe("tickets") as subscriber,
    ):
        await asyncio.gather(*(sender.publish("elsewhere", "before") for _ in range(8)))
        cable.cut()
        await sender.publish("tickets", "changed")
        assert await heard(subscriber) == "changed"


@pytest.mark.chaos
async def test_a_publish_to_a_frozen_redis_gives_up_after_a_second(server: RedisServer, broadcast: Broadcast):
    await broadcast.publish("tickets", "before")
    began = time.monotonic()
    with frozen(server), pytest.raises(BusUnavailable):
        await broadcast.publish("tickets", "lost")
    assert time.monotonic() - began < 1.3


async def test_a_connection_that_redis_cut_off_is_replaced_with_a_gap(server: RedisServer, broadcast: Broadcast):
    async with broadcast.subscribe(GAP) as gaps, Redis.from_url(server.url) as operator:
        await operator.client_kill_filter(_type="pubsub")
        await a_gap(gaps)


async def test_two_prefixes_on_one_redis_do_not_hear_each_other(server: RedisServer):
    ours = RedisBroadcastBackend(server.url, prefix="shop")
    theirs = RedisBroadcastBackend(server.url, prefix="shop:eu")
    async with (
        Broadcast(backend=ours) as here,
        Broadcast(backend=theirs) as there,
        here.subscribe("tickets") as subscriber,
        there.subscribe("tickets") as neighbour,
    ):
        await here.publish("tickets", "here")
        await there.publish("tickets", "there")
        assert await heard(subscriber) == "here"
        assert await heard(neighbour) == "there"


async def test_the_heartbeat_of_another_process_is_not_taken_for_our_own(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    lively = RedisBroadcastBackend(server.url, prefix=PREFIX)
    mute = RedisBroadcastBackend(server.url, prefix=PREFIX)
    monkeypatch.setattr(mute, "_beat", asyncio.Event().wait)
    async with Broadcast(backend=mute) as there, there.subscribe("tickets") as subscriber:
        async with Broadcast(backend=lively) as here:
            await until(lambda: lively.healthy, within=1)
            await here.publish("tickets", "changed")
            assert await heard(subscriber) == "changed"
        assert not mute.healthy


async def test_a_stray_message_does_not_disturb_the_pump(server: RedisServer, broadcast: Broadcast):
    async with broadcast.subscribe("tickets") as subscriber, broadcast.subscribe(GAP) as gaps:
        async with Redis.from_url(server.url) as stranger:
            for stray in (b"\xff", b"7", b"[]", b"[[], 1]"):
                await stranger.publish(f"{PREFIX}:events", stray)
        await broadcast.publish("tickets", "changed")
        assert await heard(subscriber) == "changed"
        assert gaps._queue.empty()


@pytest.mark.chaos
@pytest.mark.parametrize("trouble", ["none", "stopped", "frozen"])
async def test_leaving_leaves_no_task_behind(server: RedisServer, backend: RedisBroadcastBackend, trouble: str):
    before = asyncio.all_tasks()
    with contextlib.ExitStack() as freeze:
        async with Broadcast(backend=backend) as broadcast:
            await broadcast.publish("tickets", "changed")
            if trouble == "stopped":
                await server.stop()
            if trouble == "frozen":
                freeze.enter_context(frozen(server))
            await asyncio.sleep(0.3)
        assert asyncio.all_tasks() == before
        assert not backend.healthy

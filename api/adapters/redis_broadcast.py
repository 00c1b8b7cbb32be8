from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from random import uniform
from time import monotonic
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from broadcaster import BroadcastBackend, Event
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LinkLost
from redis.exceptions import RedisError

from api.tasks import end

if TYPE_CHECKING:
    from typing import Never

    from redis.asyncio.client import PubSub

GAP = "\0gap"

CONFIRM_WITHIN = 1.0
PUBLISH_WITHIN = 1.0
HEARTBEAT_EVERY = 1.0
HEALTHY_WITHIN = 3.0
SILENCE = 5.0
SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
ROOM = 4096
PUBLISHERS = 16

# The library's own retries reconnect and resubscribe without a word; a gap must never pass unnoticed.
REDIS_OPTIONS: dict[str, Any] = {
    "protocol": 2,
    "retry": Retry(NoBackoff(), 0),
    "socket_connect_timeout": CONFIRM_WITHIN,
    "socket_timeout": CONFIRM_WITHIN,
}

log = structlog.get_logger(__name__)


class BusUnavailable(Exception):
    """The hint was not sent; the sweep will find the event anyway."""


class RedisBroadcastBackend(BroadcastBackend):
    """Everything travels on one Redis channel that is subscribed for as long as we are connected.

    `subscribe` therefore only notes the name and never yields to the loop. It must not: `Broadcast.subscribe`
    stores `{queue}` after awaiting us, so first subscribers that overlap there would overwrite each other.
    A subscription is either confirmed by Redis already or followed by an event on `GAP`.
    """

    def __init__(self, url: str, *, prefix: str = "xiaoka") -> None:
        self._url = url
        self._events = f"{prefix}:events".encode()
        self._heartbeats = f"{prefix}:heartbeat".encode()
        self._token = secrets.token_hex(16).encode()
        self._listening: set[str] = set()
        self._inbox = _Inbox(ROOM)
        self._heard_at = float("-inf")
        self._publisher: Redis | None = None
        self._pumping: asyncio.Task[Never] | None = None

    @property
    def healthy(self) -> bool:
        return self.heartbeat_age() < HEALTHY_WITHIN

    def heartbeat_age(self) -> float:
        """Seconds since our own heartbeat last came back through Redis; infinite before the first."""
        return monotonic() - self._heard_at

    async def connect(self) -> None:
        pool = BlockingConnectionPool.from_url(
            self._url, max_connections=PUBLISHERS, timeout=PUBLISH_WITHIN, **REDIS_OPTIONS
        )
        self._publisher = Redis.from_pool(pool)
        tried = asyncio.Event()
        self._pumping = asyncio.create_task(self._keep_pumping(tried))
        with suppress(TimeoutError):
            await asyncio.wait_for(tried.wait(), CONFIRM_WITHIN)
        # Nobody can have subscribed yet, so the gap of the first link is nobody's loss.
        self._inbox.clear()

    async def disconnect(self) -> None:
        pumping, publisher = self._pumping, self._publisher
        self._pumping = self._publisher = None
        self._heard_at = float("-inf")
        if pumping is not None:
            await end(pumping)
        if publisher is not None:
            await publisher.aclose()

    async def subscribe(self, channel: str) -> None:
        self._listening.add(channel)

    async def unsubscribe(self, channel: str) -> None:
        self._listening.discard(channel)

    async def publish(self, channel: str, message: Any) -> None:
        await self._send(self._events, orjson.dumps([channel, message]))

    async def next_published(self) -> Event:
        return await self._inbox.take()

    async def _send(self, wire: bytes, payload: bytes) -> None:
        if self._publisher is None:
            raise BusUnavailable("not connected")
        try:
            async with asyncio.timeout(PUBLISH_WITHIN):
                await _publish(self._publisher, wire, payload)
        except (RedisError, OSError) as error:
            raise BusUnavailable(str(error) or type(error).__name__) from error

    async def _keep_pumping(self, tried: asyncio.Event) -> Never:
        pause = SHORTEST_PAUSE
        while True:
            began = monotonic()
            try:
                await self._pump(tried)
            except (RedisError, OSError) as error:
                log.warning("bus_lost", error=str(error) or type(error).__name__)
            except Exception:  # a pump that died of a bug would leave every subscriber waiting
                log.exception("bus_pump_failed")
            tried.set()
            # Only a link that lasted starts afresh: a flapping server is not worth ten knocks a second.
            lasted = monotonic() - began > LONGEST_PAUSE
            pause = SHORTEST_PAUSE if lasted else min(LONGEST_PAUSE, 2 * pause)
            await asyncio.sleep(pause * uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret

    async def _pump(self, tried: asyncio.Event) -> Never:
        async with Redis.from_url(self._url, **REDIS_OPTIONS) as client, client.pubsub() as link:
            await self._confirm(link)
            self._inbox.put(Event(GAP, ""))
            tried.set()
            beating = asyncio.create_task(self._beat())
            try:
                while True:
                    self._take(await _next_message(link))
                    # While the socket's buffer is full a read never waits, and the others need their turn.
                    await asyncio.sleep(0)
            finally:
                await end(beating)

    async def _confirm(self, link: PubSub) -> None:
        channels = {self._events, self._heartbeats}
        async with asyncio.timeout(CONFIRM_WITHIN):
            await link.subscribe(*channels)
            while channels:
                message = await _next_message(link)
                if message["type"] == "subscribe":
                    channels.discard(message["channel"])

    async def _beat(self) -> Never:
        while True:
            with suppress(BusUnavailable):
                await self._send(self._heartbeats, self._token)
            await asyncio.sleep(HEARTBEAT_EVERY)

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] != "message":
            raise LinkLost(f"unexpected {message['type']}: the library must have reconnected by itself")
        if message["channel"] == self._heartbeats:
            self._hear(message["data"])
        else:
            self._deliver(message["data"])

    def _hear(self, token: bytes) -> None:
        if token == self._token:
            self._heard_at = monotonic()

    def _deliver(self, payload: bytes) -> None:
        try:
            channel, message = orjson.loads(payload)
            awaited = channel in self._listening
        except (TypeError, ValueError):
            log.warning("bus_message_unreadable", size=len(payload))
            return
        if awaited:
            self._inbox.put(Event(channel, message))


class _Inbox:
    """Holds at most `room` events; what does not fit empties it and leaves a gap signal instead."""

    def __init__(self, room: int) -> None:
        self._events: asyncio.Queue[Event] = asyncio.Queue(room)

    def put(self, event: Event) -> None:
        if self._events.full():
            self.clear()
            event = Event(GAP, "")
        self._events.put_nowait(event)

    def clear(self) -> None:
        while not self._events.empty():
            self._events.get_nowait()

    async def take(self) -> Event:
        return await self._events.get()


async def _publish(publisher: Redis, wire: bytes, payload: bytes) -> None:
    try:
        async with asyncio.timeout(PUBLISH_WITHIN / 2):
            await publisher.publish(wire, payload)
    except (LinkLost, OSError):
        # A restart leaves dead connections in the pool. The one that failed comes up next, and connects anew.
        await publisher.publish(wire, payload)


async def _next_message(link: PubSub) -> dict[str, Any]:
    message: dict[str, Any] | None = await link.get_message(timeout=SILENCE)
    if message is None:
        raise LinkLost(f"not even a heartbeat for {SILENCE} s")
    return message

"""Hints between the processes of one installation: what was committed, as topic and number. A hint may be lost."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack

import orjson
import structlog
from broadcaster import Broadcast

from api.adapters.redis_broadcast import GAP, BusUnavailable, RedisBroadcastBackend
from api.metrics import HINTS_LOST
from api.tasks import end

CHANNEL = "hints"
WAITING_HINTS = 10_000
log = structlog.get_logger(__name__)

Heard = Callable[[str, int], None]


def _quiet() -> None:
    return None


class Bus:
    """Says what this process committed, and hears what the others did. The own hints are heard directly."""

    def __init__(self, url: str, *, prefix: str) -> None:
        self._redis = None if url.startswith("memory://") else RedisBroadcastBackend(url, prefix=prefix)
        self._broadcast = Broadcast(backend=self._redis) if self._redis else Broadcast("memory://")
        self._origin = secrets.token_hex(8)
        self._outgoing: asyncio.Queue[str] = asyncio.Queue(WAITING_HINTS)
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self.heard: Heard = lambda _topic, _seq: None
        self.missed: Callable[[], None] = _quiet
        self.jobs_came: Callable[[], None] = _quiet

    @property
    def is_healthy(self) -> bool:
        return self._redis is None or self._redis.healthy

    @property
    def heartbeat_age(self) -> float:
        """Seconds since this process last heard itself through Redis; 0 where hints need not travel."""
        return 0.0 if self._redis is None else self._redis.heartbeat_age()

    async def start(self) -> None:
        await self._stack.enter_async_context(self._broadcast)
        self._tasks = [
            asyncio.create_task(self._listen(), name="bus-listen"),
            asyncio.create_task(self._listen_for_gaps(), name="bus-gaps"),
            asyncio.create_task(self._say(), name="bus-say"),
        ]

    async def stop(self) -> None:
        await end(*self._tasks)
        await self._stack.aclose()

    def committed(self, topics: Iterable[tuple[str, int]], *, has_jobs: bool) -> None:
        """Called after each commit; neither waits nor raises, so that no request depends on the bus."""
        said = list(topics)
        for topic, seq in said:
            self.heard(topic, seq)
        if has_jobs:
            self.jobs_came()
        if self._redis is None:
            return
        try:
            self._outgoing.put_nowait(orjson.dumps([self._origin, has_jobs, said]).decode())
        except asyncio.QueueFull:
            HINTS_LOST.inc(len(said))

    async def _say(self) -> None:
        while True:
            message = await self._outgoing.get()
            if not self.is_healthy:
                HINTS_LOST.inc()
                continue
            try:
                await self._broadcast.publish(CHANNEL, message)
            except BusUnavailable:
                HINTS_LOST.inc()

    async def _listen(self) -> None:
        async with self._broadcast.subscribe(CHANNEL) as events:
            while True:
                self._take((await events.get()).message)

    def _take(self, message: str) -> None:
        try:
            origin, has_jobs, said = orjson.loads(message)
            if origin == self._origin:
                return
            for topic, seq in said:
                self.heard(str(topic), int(seq))
        except (ValueError, TypeError):
            log.warning("bus.unreadable_hint")
            return
        if has_jobs:
            self.jobs_came()

    async def _listen_for_gaps(self) -> None:
        async with self._broadcast.subscribe(GAP) as events:
            while True:
                await events.get()
                self.missed()

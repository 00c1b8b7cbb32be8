"""Queues that are watched: each is read once for all its watchers, who keep only the newest reading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from uuid import UUID

import structlog

from api.tasks import end, signalled
from domain.shared.clock import now_micros
from domain.tickets.lines import read_line
from domain.tickets.waiting import Line

COALESCE = 0.25
log = structlog.get_logger(__name__)


class Watcher:
    """The newest reading of each queue that was not taken yet: a slow watcher skips, it does not fall behind."""

    __slots__ = ("_newest", "_waiter")

    def __init__(self) -> None:
        self._newest: dict[UUID, Line] = {}
        self._waiter: asyncio.Future[None] | None = None

    def put(self, line: Line) -> None:
        self._newest[line.queue_id] = line
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    async def take(self) -> Line:
        while not self._newest:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._newest.pop(next(iter(self._newest)))


class LineTopic:
    def __init__(self) -> None:
        self.watchers: set[Watcher] = set()
        self.is_stale = False
        self.somebody_joined = asyncio.Event()
        self.reader: asyncio.Task[None] | None = None


class LineTopics:
    def __init__(self) -> None:
        self._topics: dict[UUID, LineTopic] = {}

    async def stop(self) -> None:
        await end(*(topic.reader for topic in self._topics.values()))

    def changed(self, queue_id: UUID) -> None:
        """The first change is read at once, those of the next quarter of a second together."""
        topic = self._topics.get(queue_id)
        if topic is None:
            return
        topic.is_stale = True
        if topic.reader is None or topic.reader.done():
            topic.reader = asyncio.create_task(self._read(queue_id, topic))

    def all_changed(self) -> None:
        for queue_id in tuple(self._topics):
            self.changed(queue_id)

    async def follow(self, queue_ids: Sequence[UUID]) -> AsyncGenerator[Line, None]:
        """Whoever joins waits for a reading that began after joining: an older one may lack what they came for."""
        watcher = Watcher()
        topics = {queue_id: self._topics.setdefault(queue_id, LineTopic()) for queue_id in queue_ids}
        try:
            for queue_id, topic in topics.items():
                topic.watchers.add(watcher)
                topic.somebody_joined.set()
                self.changed(queue_id)
            while True:
                yield await watcher.take()
        finally:
            for queue_id, topic in topics.items():
                self._leave(queue_id, topic, watcher)

    def _leave(self, queue_id: UUID, topic: LineTopic, watcher: Watcher) -> None:
        topic.watchers.discard(watcher)
        if not topic.watchers and self._topics.get(queue_id) is topic:
            del self._topics[queue_id]
            if topic.reader:
                topic.reader.cancel()

    async def _read(self, queue_id: UUID, topic: LineTopic) -> None:
        while topic.is_stale:
            topic.is_stale = False
            topic.somebody_joined.clear()
            # Whoever joins while the statement runs marks the topic stale again and gets the next reading.
            watchers = tuple(topic.watchers)
            try:
                line = await read_line(queue_id, now=now_micros())
            except Exception as error:  # noqa: BLE001 - the database is away; the sweep comes back to it
                log.warning("lines.read_failed", error=repr(error))
                return
            for watcher in watchers:
                watcher.put(line)
            await signalled(topic.somebody_joined, COALESCE)

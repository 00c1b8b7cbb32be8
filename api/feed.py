"""The hub: one a process, reading each log and queue once for all who follow it.

A hint says that a topic has moved; the hub reads what is new and puts it into the mailbox of every follower. Hints may
be lost: a sweep compares the numbers of all followed topics with the database. A follower whose mailbox is full loses
the mailbox, not the events: it reads the log itself from where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from uuid import UUID

import structlog

from api.lines import LineTopics
from api.mailbox import Mailbox
from api.metrics import BUS_HEALTHY, LAG, PUSHES, SUBSCRIBERS, SWEEPS
from api.sources import LogSource
from api.tasks import end, signalled
from domain.shared.clock import SECOND, now_micros
from domain.shared.errors import Missing
from domain.shared.events import READ_AT_ONCE, oldest_seq
from domain.shared.log_cursors import UNUSABLE
from domain.tickets.waiting import Line
from resolvers.shared.feed import Delivery

SWEEP_EVERY = 5.0
SWEEP_WHILE_SICK = 1.0
log = structlog.get_logger(__name__)
Topic = tuple[str, UUID]


class LogTopic:
    """What is known of one followed log. `seq` is the last event that was put into mailboxes."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.wanted = seq
        self.mailboxes: set[Mailbox] = set()
        self.reader: asyncio.Task[None] | None = None


class Hub:
    def __init__(self, sources: Mapping[str, LogSource], *, is_bus_healthy: Callable[[], bool]) -> None:
        self._sources = sources
        self._topics: dict[Topic, LogTopic] = {}
        self._lines = LineTopics()
        self._is_bus_healthy = is_bus_healthy
        self._sweep_now = asyncio.Event()
        self._sweeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._sweeper = asyncio.create_task(self._sweep_for_ever(), name="hub-sweep")

    async def stop(self) -> None:
        await end(self._sweeper, *(topic.reader for topic in self._topics.values()))
        await self._lines.stop()

    # Hints

    def heard(self, topic: str, seq: int) -> None:
        stream, _, key = topic.partition(":")
        try:
            subject_id = UUID(key)
        except ValueError:
            return
        if stream == "queue":
            self._lines.changed(subject_id)
        elif found := self._topics.get((stream, subject_id)):
            found.wanted = max(found.wanted, seq)
            self._read_on((stream, subject_id), found)

    def missed(self) -> None:
        """Hints were lost: look at everything now."""
        self._sweep_now.set()

    # Followers

    async def follow(self, stream: str, subject_id: UUID, after: int | None) -> AsyncGenerator[Delivery, None]:
        source, key = self._sources[stream], (stream, subject_id)
        mailbox = Mailbox()
        topic = await self._join(key, mailbox)
        with SUBSCRIBERS.labels(stream).track_inprogress():
            try:
                seq, first = await self._begin(source, subject_id, after)
                if first:
                    PUSHES.labels(stream).inc()
                    yield first
                async for delivery in self._from(source, subject_id, seq, mailbox):
                    PUSHES.labels(stream).inc()
                    yield delivery
            finally:
                self._leave(key, topic, mailbox)

    async def lines(self, queue_ids: Sequence[UUID]) -> AsyncGenerator[Line, None]:
        with SUBSCRIBERS.labels("queue").track_inprogress():
            async with aclosing(self._lines.follow(queue_ids)) as lines:
                async for line in lines:
                    PUSHES.labels("queue").inc()
                    yield line

    async def _join(self, key: Topic, mailbox: Mailbox) -> LogTopic:
        """The topic's number is read before the follower reads the log, so nothing falls between the two."""
        topic = self._topics.get(key)
        if topic is None:
            versions = await self._sources[key[0]].versions([key[1]])
            topic = self._topics.setdefault(key, LogTopic(versions.get(key[1], 0)))
        topic.mailboxes.add(mailbox)
        return topic

    def _leave(self, key: Topic, topic: LogTopic, mailbox: Mailbox) -> None:
        topic.mailboxes.discard(mailbox)
        if not topic.mailboxes and self._topics.get(key) is topic:
            del self._topics[key]
            if topic.reader:
                topic.reader.cancel()

    async def _begin(self, source: LogSource, subject_id: UUID, after: int | None) -> tuple[int, Delivery | None]:
        """Where to read on, and the aggregate as it stands when the cursor does not say enough."""
        subject = await source.subject(subject_id)
        if subject is None:
            raise Missing("There is no such thing.")
        version: int = subject["version"]
        if after is None:
            return version, Delivery(seq=version, subject=subject, is_initial=True)
        if await _is_usable(subject_id, after, version):
            return after, None
        return version, Delivery(seq=version, subject=subject, is_resync=True)

    async def _from(
        self, source: LogSource, subject_id: UUID, seq: int, mailbox: Mailbox
    ) -> AsyncGenerator[Delivery, None]:
        while True:
            mailbox.empty()
            is_read = False
            while not is_read:
                deliveries = await _read(source, subject_id, seq)
                is_read = len(deliveries) < READ_AT_ONCE
                for logged in deliveries:
                    seq = logged.seq
                    yield logged
            while (delivery := await mailbox.take()) is not None:
                if delivery.seq <= seq:
                    continue
                if delivery.seq > seq + 1:
                    break
                seq = delivery.seq
                yield delivery

    # Reading once for all

    def _read_on(self, key: Topic, topic: LogTopic) -> None:
        if topic.wanted > topic.seq and (topic.reader is None or topic.reader.done()):
            topic.reader = asyncio.create_task(self._read_topic(key, topic))

    async def _read_topic(self, key: Topic, topic: LogTopic) -> None:
        source = self._sources[key[0]]
        while topic.wanted > topic.seq:
            try:
                deliveries = await _read(source, key[1], topic.seq)
            except Exception as error:  # noqa: BLE001 - the database is away; the sweep comes back to it
                log.warning("hub.read_failed", stream=key[0], error=repr(error))
                topic.wanted = topic.seq
                return
            if not deliveries:
                topic.wanted = topic.seq
                return
            topic.seq = deliveries[-1].seq
            LAG.observe(max(0, now_micros() - (deliveries[-1].event or {"at": 0})["at"]) / SECOND)
            for mailbox in tuple(topic.mailboxes):
                for delivery in deliveries:
                    mailbox.put(delivery)

    # Sweep

    async def _sweep_for_ever(self) -> None:
        while True:
            pause = SWEEP_EVERY if self._is_bus_healthy() else SWEEP_WHILE_SICK
            await signalled(self._sweep_now, pause)
            self._sweep_now.clear()
            BUS_HEALTHY.set(1 if self._is_bus_healthy() else 0)
            try:
                await self._sweep()
            except Exception as error:  # noqa: BLE001 - the next sweep tries again
                log.warning("hub.sweep_failed", error=repr(error))

    async def _sweep(self) -> None:
        self._lines.all_changed()
        for stream, source in self._sources.items():
            followed = [key for key in self._topics if key[0] == stream]
            if not followed:
                continue
            versions = await source.versions([subject_id for _, subject_id in followed])
            for key in followed:
                topic = self._topics.get(key)
                if topic and versions.get(key[1], 0) > max(topic.seq, topic.wanted):
                    SWEEPS.inc()
                    topic.wanted = versions[key[1]]
                    self._read_on(key, topic)


async def _is_usable(subject_id: UUID, after: int, version: int) -> bool:
    """A cursor is of no use when it is another log's, ahead of the log, or older than what is kept."""
    if after == UNUSABLE or after > version:
        return False
    if after == version:
        return True
    oldest = await oldest_seq(subject_id)
    return oldest is not None and oldest <= after + 1


async def _read(source: LogSource, subject_id: UUID, after: int) -> list[Delivery]:
    rows = await source.events(subject_id, after)
    if not rows:
        return []
    subject = await source.subject(subject_id)
    assert subject is not None
    known = await source.known(subject, rows)
    return [Delivery(seq=row["seq"], subject=subject, event=row, known=known) for row in rows]

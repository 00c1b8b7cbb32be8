from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from tortoise.connection import get_connection

from api import lines
from api import mailbox as mailboxes
from api.feed import Hub
from api.sources import InboxSource, TicketSource
from domain.messaging.actions import put_in_inbox
from domain.shared.act import Role
from domain.shared.clock import uuid7
from domain.shared.errors import Missing
from domain.shared.events import events_after
from domain.shared.log_cursors import UNUSABLE, encode_place
from domain.shared.sql import execute, sql
from domain.shared.transact import Tx, transact
from domain.tickets.actions.talking import add_message
from domain.tickets.actions.working import claim_next, transfer_ticket
from domain.tickets.standing import Standing, standing_of
from domain.tickets.waiting import Line, QueueState
from resolvers.shared.feed import Delivery
from resolvers.shared.ids import encode_id
from tests.builders.scene import Person, Scene
from tests.domain.migrated import originals, stack
from tests.resolvers.in_process import SCHEMA, a_context

__all__ = ["originals", "stack"]
PATIENCE = 20


@dataclass
class Ears:
    """The way of hints to the hub; it can be cut, and remembers what it was told."""

    hub: Hub
    is_cut: bool = False
    told: list[tuple[str, int]] = field(default_factory=list)

    def committed(self, topics: Iterable[tuple[str, int]], *, has_jobs: bool) -> None:
        said = list(topics)
        self.told += said
        if not self.is_cut:
            for topic, seq in said:
                self.hub.heard(topic, seq)


@pytest.fixture
async def hub(scene: Scene) -> AsyncIterator[Hub]:
    """Its sweep is done by hand, so that a test knows who has found what."""
    hub = Hub({"ticket": TicketSource(), "inbox": InboxSource()}, is_bus_healthy=lambda: True)
    scene.hints = Ears(hub)
    yield hub
    await hub.stop()


@pytest.fixture
async def buyer(scene: Scene) -> Person:
    return await scene.buyer("li@example.com")


@pytest.fixture
async def ticket(scene: Scene, buyer: Person) -> UUID:
    return await scene.ticket(buyer)


async def write(scene: Scene, buyer: Person, ticket: UUID, count: int = 1) -> None:
    for number in range(count):
        await add_message(scene.act(buyer), ticket_id=ticket, text=f"message {number}")


async def step(stream: AsyncGenerator[Any, None]) -> Any:
    return await asyncio.wait_for(anext(stream), PATIENCE)


async def seqs(stream: AsyncGenerator[Delivery, None], upto: int) -> list[int]:
    """The numbers that come, until one is `upto`."""
    seen: list[int] = []
    while not seen or seen[-1] < upto:
        seen.append((await step(stream)).seq)
    return seen


async def nothing_comes(stream: AsyncGenerator[Any, None]) -> asyncio.Task[Any]:
    """The step that was begun, which has nothing to give after every other task had its turn."""
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    return waiting


async def hangs_up(waiting: asyncio.Task[Any]) -> None:
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def no_line_is_followed(hub: Hub) -> None:
    async with asyncio.timeout(PATIENCE):
        while hub._lines._topics:
            await asyncio.sleep(0)


# Logs


async def test_a_follower_gets_the_ticket_as_it_stands_and_then_each_event(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID
) -> None:
    async with aclosing(hub.follow("ticket", ticket, None)) as stream:
        first = await step(stream)
        assert (first.seq, first.is_initial, first.event) == (1, True, None)
        await write(scene, buyer, ticket, 3)
        for seq in (2, 3, 4):
            delivery = await step(stream)
            assert (delivery.seq, delivery.event["type"]) == (seq, "MESSAGE_ADDED")
            assert delivery.subject["version"] >= seq


@pytest.mark.parametrize("after", [0, 1, 3, 5])
async def test_a_follower_who_comes_back_gets_what_came_since(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID, after: int
) -> None:
    await write(scene, buyer, ticket, 4)
    async with aclosing(hub.follow("ticket", ticket, after)) as stream:
        if after < 5:
            assert await seqs(stream, 5) == list(range(after + 1, 6))
        waiting = await nothing_comes(stream)
        await write(scene, buyer, ticket)
        assert (await asyncio.wait_for(waiting, PATIENCE)).seq == 6


@pytest.mark.parametrize("after", [UNUSABLE, 99], ids=["another ticket's", "ahead"])
async def test_a_cursor_that_is_of_no_use_gets_the_ticket_as_it_stands(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID, after: int
) -> None:
    await write(scene, buyer, ticket, 2)
    async with aclosing(hub.follow("ticket", ticket, after)) as stream:
        first = await step(stream)
        assert (first.seq, first.is_resync, first.is_initial, first.event) == (3, True, False, None)
        await write(scene, buyer, ticket)
        assert (await step(stream)).seq == 4


@pytest.mark.parametrize(("after", "is_resync"), [(0, True), (1, True), (2, False), (4, False)])
async def test_a_cursor_older_than_what_is_kept_gets_the_ticket_as_it_stands(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID, after: int, *, is_resync: bool
) -> None:
    await write(scene, buyer, ticket, 4)
    await execute(sql("DELETE FROM event WHERE seq <= 2"), get_connection("default"))
    async with aclosing(hub.follow("ticket", ticket, after)) as stream:
        first = await step(stream)
        assert first.is_resync == is_resync
        assert first.seq == (5 if is_resync else after + 1)


async def test_what_does_not_exist_cannot_be_followed(scene: Scene, hub: Hub) -> None:
    with pytest.raises(Missing):
        await step(hub.follow("ticket", uuid7(), None))
    assert hub._topics == {}


async def test_lost_hints_are_made_up_for_by_the_sweep(scene: Scene, hub: Hub, buyer: Person, ticket: UUID) -> None:
    async with aclosing(hub.follow("ticket", ticket, None)) as stream:
        await step(stream)
        waiting = await nothing_comes(stream)
        scene.hints.is_cut = True
        await write(scene, buyer, ticket, 3)
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await hub._sweep()
        assert (await asyncio.wait_for(waiting, PATIENCE)).seq == 2
        assert await seqs(stream, 4) == [3, 4]


async def test_a_gap_on_the_bus_makes_the_hub_sweep_at_once(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.feed.SWEEP_EVERY", 3600.0)
    hub.start()
    async with aclosing(hub.follow("ticket", ticket, None)) as stream:
        await step(stream)
        waiting = await nothing_comes(stream)
        scene.hints.is_cut = True
        await write(scene, buyer, ticket)
        assert not waiting.done()
        hub.missed()
        assert (await asyncio.wait_for(waiting, PATIENCE)).seq == 2


async def test_hints_that_come_late_twice_or_out_of_order_do_no_harm(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID
) -> None:
    async with aclosing(hub.follow("ticket", ticket, None)) as stream:
        await step(stream)
        waiting = await nothing_comes(stream)
        scene.hints.is_cut = True
        await write(scene, buyer, ticket, 6)
        hints = scene.hints.told * 3 + [("nonsense", 1), ("ticket:", 2), (f"ticket:{uuid7()}", 9), ("ticket:x", 1)]
        random.Random(5).shuffle(hints)
        for topic, seq in hints:
            hub.heard(topic, seq)
            await asyncio.sleep(0)
        assert (await asyncio.wait_for(waiting, PATIENCE)).seq == 2
        assert await seqs(stream, 7) == [3, 4, 5, 6, 7]
        waiting = await nothing_comes(stream)
        await hangs_up(waiting)


async def test_a_hint_ahead_of_the_log_is_believed_only_as_far_as_the_log_goes(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID
) -> None:
    async with aclosing(hub.follow("ticket", ticket, None)) as stream:
        await step(stream)
        hub.heard(f"ticket:{ticket}", 50)
        waiting = await nothing_comes(stream)
        await write(scene, buyer, ticket)
        assert (await asyncio.wait_for(waiting, PATIENCE)).seq == 2


async def test_a_follower_who_is_too_slow_loses_the_mailbox_and_no_event(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailboxes, "ROOM", 4)
    async with (
        aclosing(hub.follow("ticket", ticket, None)) as slow,
        aclosing(hub.follow("ticket", ticket, None)) as quick,
    ):
        await step(slow)
        await step(quick)
        for first in (2, 17):
            waiting = asyncio.ensure_future(anext(slow))
            await asyncio.sleep(0)
            for seq in range(first, first + 15):
                await write(scene, buyer, ticket)
                assert (await step(quick)).seq == seq
            (topic,) = hub._topics.values()
            assert all(len(box._items) <= 4 for box in topic.mailboxes)
            assert (await asyncio.wait_for(waiting, PATIENCE)).seq == first
            assert await seqs(slow, first + 14) == list(range(first + 1, first + 15))


async def test_a_log_longer_than_one_reading_is_read_to_its_end(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.feed.READ_AT_ONCE", 5)
    monkeypatch.setitem(events_after.__kwdefaults__ or {}, "limit", 5)
    await write(scene, buyer, ticket, 17)
    async with aclosing(hub.follow("ticket", ticket, 0)) as stream:
        assert await seqs(stream, 18) == list(range(1, 19))


async def test_whoever_joins_while_events_are_committed_misses_none_and_gets_none_twice(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID
) -> None:
    dice, last = random.Random(11), 41

    async def writer() -> None:
        for number in range(last - 1):
            # Every third hint is lost, and the sweep comes now and then.
            scene.hints.is_cut = number % 3 == 0
            await write(scene, buyer, ticket)
            if number % 7 == 0:
                await hub._sweep()
        scene.hints.is_cut = False
        await hub._sweep()

    async def watcher() -> None:
        seen: int | None = None
        while seen is None or seen < last:
            await asyncio.sleep(dice.random() * 0.05)
            async with aclosing(hub.follow("ticket", ticket, seen)) as stream:
                for _ in range(dice.randrange(1, 12)):
                    delivery = await step(stream)
                    assert not delivery.is_resync
                    assert delivery.seq == (delivery.seq if seen is None else seen + 1)
                    assert (delivery.event is None) == (seen is None)
                    seen = delivery.seq
                    if seen == last:
                        return

    await asyncio.gather(writer(), *(watcher() for _ in range(15)))
    assert hub._topics == {}


async def test_the_log_is_read_once_however_many_follow(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [hub.follow("ticket", ticket, None) for _ in range(20)]
    for stream in streams:
        await step(stream)
    waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
    await asyncio.sleep(0.2)
    source, readings = hub._sources["ticket"], 0
    read = source.events

    async def counted(subject_id: UUID, after: int) -> Any:
        nonlocal readings
        readings += 1
        return await read(subject_id, after)

    monkeypatch.setattr(source, "events", counted)
    await write(scene, buyer, ticket)
    deliveries = await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE)
    assert readings == 1
    assert len({id(delivery) for delivery in deliveries}) == 1
    for stream in streams:
        await stream.aclose()


async def test_who_leaves_frees_the_topic_and_the_others_go_on(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID
) -> None:
    one, other = hub.follow("ticket", ticket, None), hub.follow("ticket", ticket, None)
    await step(one)
    await step(other)
    await one.aclose()
    await write(scene, buyer, ticket)
    assert (await step(other)).seq == 2
    await hangs_up(await nothing_comes(other))
    await other.aclose()
    assert hub._topics == {}


async def test_an_inbox_is_followed_before_its_first_message(scene: Scene, hub: Hub, buyer: Person) -> None:
    async with aclosing(hub.follow("inbox", buyer.id, None)) as stream:
        assert (await step(stream)).seq == 0

        async def work(tx: Tx) -> None:
            facts = {"number": "T-1", "link": "/"}
            await put_in_inbox(tx, owner_id=buyer.id, key="k", template="TICKET_OPENED", facts=facts)

        await transact(scene.act(), work)
        delivery = await step(stream)
        assert (delivery.seq, delivery.event["item"]["key"]) == (1, "k")


# Audience and rights, as the subscription applies them

PROGRESS = """subscription($id: ID!, $after: String) { ticketProgress(ticketId: $id, after: $after) {
  cursor initial resync event { type message { text } } } }"""


class Progress:
    """ticketProgress as one viewer gets it."""

    def __init__(self, scene: Scene, hub: Hub, who: Person, ticket: UUID, after: str | None = None) -> None:
        self._context = a_context(scene, who.viewer, hub)
        self._variables = {"id": encode_id("Ticket", ticket), "after": after}
        self._stream: Any = None

    async def next(self) -> Any:
        if self._stream is None:
            self._stream = await SCHEMA.subscribe(PROGRESS, self._variables, context_value=self._context)
        result = await step(self._stream)
        assert result.errors is None, result.errors
        return result.data["ticketProgress"]

    async def ends(self) -> bool:
        try:
            await step(self._stream)
        except StopAsyncIteration:
            return True
        return False

    async def close(self) -> None:
        await self._stream.aclose()


async def test_notes_reach_the_staff_alone_and_leave_no_trace_for_the_buyer(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID
) -> None:
    agent = await scene.agent()
    for_buyer, for_agent = Progress(scene, hub, buyer, ticket), Progress(scene, hub, agent, ticket)
    assert (await for_buyer.next())["initial"]
    assert (await for_agent.next())["initial"]
    await add_message(scene.act(agent), ticket_id=ticket, text="psst", is_internal=True)
    await add_message(scene.act(agent), ticket_id=ticket, text="hello")
    got = await for_buyer.next()
    assert got["event"]["message"]["text"] == "hello"
    texts = [(await for_agent.next())["event"]["message"]["text"] for _ in range(2)]
    assert texts == ["psst", "hello"]
    again = Progress(scene, hub, buyer, ticket, after=encode_place(scene.keyring, ticket, 1))
    assert (await again.next())["event"]["message"]["text"] == "hello"
    for progress in (for_buyer, for_agent, again):
        await progress.close()
    assert hub._topics == {}


async def test_a_stream_ends_when_the_ticket_leaves_the_viewers_reach(
    scene: Scene, hub: Hub, buyer: Person, ticket: UUID
) -> None:
    agent = await scene.agent()
    for_buyer, for_agent = Progress(scene, hub, buyer, ticket), Progress(scene, hub, agent, ticket)
    await for_buyer.next()
    await for_agent.next()
    await execute(sql("UPDATE ticket SET email_id = {}", uuid7()), get_connection("default"))
    await add_message(scene.act(agent), ticket_id=ticket, text="not for li")
    assert await for_buyer.ends()
    assert (await for_agent.next())["event"]["message"]["text"] == "not for li"
    await for_agent.close()


async def test_nobody_follows_what_is_not_theirs(scene: Scene, hub: Hub, ticket: UUID) -> None:
    stranger = await scene.buyer("wang@example.com")
    context = a_context(scene, stranger.viewer, hub)
    stream: Any = await SCHEMA.subscribe(PROGRESS, {"id": encode_id("Ticket", ticket)}, context_value=context)
    result = await step(stream)
    assert [error.extensions["code"] for error in result.errors] == ["NOT_FOUND"]
    assert hub._topics == {}


# Lines


async def test_whoever_joins_a_line_gets_a_reading_that_began_after(
    scene: Scene, hub: Hub, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings, may_go_on, is_reading = 0, asyncio.Event(), asyncio.Event()
    read_line = lines.read_line

    async def slow(queue_id: UUID, *, now: int) -> Line:
        nonlocal readings
        readings += 1
        line = await read_line(queue_id, now=now)
        is_reading.set()
        await may_go_on.wait()
        return line

    monkeypatch.setattr(lines, "read_line", slow)
    early = hub.lines([scene.queue_id])
    first = asyncio.ensure_future(anext(early))
    await asyncio.wait_for(is_reading.wait(), PATIENCE)
    ticket = await scene.ticket(buyer)
    late = hub.lines([scene.queue_id])
    second = asyncio.ensure_future(anext(late))
    await asyncio.sleep(0)
    may_go_on.set()
    assert ticket not in (await asyncio.wait_for(first, PATIENCE)).places
    assert ticket in (await asyncio.wait_for(second, PATIENCE)).places
    await early.aclose()
    await late.aclose()
    await no_line_is_followed(hub)


async def test_many_changes_of_a_line_are_read_together_and_a_slow_watcher_gets_the_newest(
    scene: Scene, hub: Hub, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = 0
    read_line = lines.read_line

    async def counted(queue_id: UUID, *, now: int) -> Line:
        nonlocal readings
        readings += 1
        return await read_line(queue_id, now=now)

    monkeypatch.setattr(lines, "read_line", counted)
    async with aclosing(hub.lines([scene.queue_id])) as stream:
        assert len((await step(stream)).waiting) == 0
        before = readings
        for _ in range(1000):
            hub.heard(f"queue:{scene.queue_id}", 0)
            await asyncio.sleep(0)
        tickets = [await scene.ticket(buyer) for _ in range(10)]
        seen = [await step(stream)]
        while len(seen[-1].waiting) < 10:
            seen.append(await step(stream))
        assert list(seen[-1].waiting) == tickets
        assert readings - before < 100


async def test_one_reading_of_a_queue_serves_all_its_watchers(scene: Scene, hub: Hub, buyer: Person) -> None:
    streams = [hub.lines([scene.queue_id]) for _ in range(10)]
    for stream in streams:
        await step(stream)
    ticket = await scene.ticket(buyer)

    async def with_the_ticket(stream: AsyncGenerator[Line, None]) -> int:
        while ticket not in (line := await step(stream)).places:
            pass
        return id(line)

    # A reading for the last who joined may have been under way beside the one for the new ticket.
    assert len(set(await asyncio.gather(*(with_the_ticket(stream) for stream in streams)))) <= 2
    for stream in streams:
        await stream.aclose()


async def test_a_ticket_is_followed_from_line_to_line_until_somebody_takes_it(
    scene: Scene, hub: Hub, buyer: Person
) -> None:
    other = await scene.queue("other")
    ahead, ticket = await scene.ticket(buyer), await scene.ticket(buyer)
    lead = await scene.agent("Sue", role=Role.SUPERVISOR, presence="AWAY")  # type: ignore[arg-type]

    async def next_told(stream: AsyncGenerator[Standing, None], position: int) -> None:
        while (await step(stream)).answer.position != position:
            pass

    async with aclosing(standing_of(buyer.viewer, ticket, hub.lines)) as stream:
        await next_told(stream, 2)
        await transfer_ticket(scene.act(lead), ticket_id=ticket, queue_id=other)
        await next_told(stream, 1)
        await transfer_ticket(scene.act(lead), ticket_id=ticket, queue_id=scene.queue_id)
        await next_told(stream, 2)
        ann = await scene.agent("Ann", capacity=2)
        assert await claim_next(scene.act(ann)) == ahead
        await next_told(stream, 1)
        assert await claim_next(scene.act(ann)) == ticket
        last = [standing async for standing in stream][-1]
    assert (last.answer.state, last.answer.agent_name) == (QueueState.TAKEN, "Ann")
    await no_line_is_followed(hub)

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from dataclasses import replace

import asyncpg
import pytest
from tortoise.connection import get_connection

from domain.identity.models import Agent
from domain.shared import transact as transacting
from domain.shared.act import Act
from domain.shared.clock import uuid7
from domain.shared.events import Event, events_after
from domain.shared.jobs import JobOrder
from domain.shared.models import EventRecord, Job
from domain.shared.sql import EVERYTHING, Sql, fetch, fetch_value, select, sql
from domain.shared.transact import Tx, running_transactions_end, transact
from domain.tickets.actions.talking import add_message
from domain.tickets.models import Ticket
from tests.builders.scene import Scene
from tests.builders.stacks import KINDS, POSTGRES, SQLITE, Stack


class Heard:
    """Hints that were given, in order."""

    def __init__(self) -> None:
        self.hints: list[tuple[dict[str, int], bool]] = []

    def committed(self, topics: Iterable[tuple[str, int]], *, has_jobs: bool) -> None:
        self.hints.append((dict(topics), has_jobs))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def act(scene: Scene, heard: Heard) -> Act:
    return replace(scene.act(), hints=heard)


async def loaded(tx: Tx, ticket_id: object) -> Ticket:
    ticket = await tx.load_one(Ticket, sql("id = {}", ticket_id))
    assert ticket is not None
    return ticket


NOTED = Event(type="NOTED")


@pytest.mark.parametrize(
    "error",
    [asyncpg.SerializationError("retry"), asyncpg.DeadlockDetectedError("retry")],
    ids=lambda error: type(error).__name__,
)
async def test_a_transaction_that_lost_is_run_again_and_has_one_effect(
    scene: Scene, act: Act, heard: Heard, error: Exception
) -> None:
    ticket_id = await scene.ticket(await scene.buyer())
    runs = 0

    async def work(tx: Tx) -> int:
        nonlocal runs
        runs += 1
        tx.record(await loaded(tx, ticket_id), NOTED)
        tx.schedule(JobOrder(kind="x", key="once", due_at=act.now))
        if runs < 3:
            raise error
        return runs

    assert await transact(act, work) == 3
    assert [row["seq"] for row in await events_after(ticket_id, 0)] == [1, 2]
    assert await fetch_value(sql("SELECT count(*) FROM job WHERE key = {}", "once")) == 1
    assert heard.hints == [({f"ticket:{ticket_id}": 2}, True)]


async def test_a_transaction_that_always_loses_is_given_up_without_a_trace(
    scene: Scene, act: Act, heard: Heard
) -> None:
    ticket_id = await scene.ticket(await scene.buyer())

    async def work(tx: Tx) -> None:
        tx.record(await loaded(tx, ticket_id), NOTED)
        await tx.flush()
        raise asyncpg.SerializationError

    with pytest.raises(asyncpg.SerializationError):
        await transact(act, work)
    assert len(await events_after(ticket_id, 0)) == 1
    assert heard.hints == []


async def test_a_bug_is_not_tried_again_and_leaves_nothing(scene: Scene, act: Act, heard: Heard) -> None:
    runs = 0

    async def work(tx: Tx) -> None:
        nonlocal runs
        runs += 1
        tx.schedule(JobOrder(kind="x", key="never", due_at=0))
        await tx.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transact(act, work)
    assert runs == 1
    assert await fetch(select(Job, EVERYTHING)) == []
    assert heard.hints == []


async def test_two_that_lock_the_same_rows_the_other_way_round_both_end(scene: Scene, act: Act) -> None:
    """A real deadlock on PostgreSQL; on SQLite the second waits from its beginning."""
    buyer = await scene.buyer()
    keys = [await scene.ticket(buyer), await scene.ticket(buyer)]
    runs = 0

    async def work(tx: Tx, first: object, second: object) -> None:
        nonlocal runs
        runs += 1
        tx.record(await loaded(tx, first), NOTED)
        await asyncio.sleep(0.2)
        tx.record(await loaded(tx, second), NOTED)

    await asyncio.gather(transact(act, lambda tx: work(tx, *keys)), transact(act, lambda tx: work(tx, *keys[::-1])))
    assert runs == (3 if get_connection("default").capabilities.dialect == "postgres" else 2)
    for key in keys:
        assert [row["seq"] for row in await events_after(key, 0)] == [1, 2, 3]


@pytest.mark.parametrize("stack", [SQLITE], indirect=True)
async def test_a_database_that_another_process_holds_is_waited_for(database: Stack, scene: Scene, act: Act) -> None:
    await get_connection("default").execute_query("PRAGMA busy_timeout = 200")
    other = sqlite3.connect(database.database_url.removeprefix("sqlite://"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def work(tx: Tx) -> None:
        tx.schedule(JobOrder(kind="x", key="late", due_at=0))

    waiting = asyncio.create_task(transact(act, work))
    await asyncio.sleep(0.4)
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()
    await waiting
    assert [row["key"] for row in await fetch(select(Job, EVERYTHING))] == ["late"]


@pytest.mark.parametrize("after", [0, 0.001, 0.01])
async def test_a_caller_who_hangs_up_does_not_undo_what_was_begun(scene: Scene, act: Act, after: float) -> None:
    ticket_id = await scene.ticket(await scene.buyer())

    async def work(tx: Tx) -> None:
        ticket = await loaded(tx, ticket_id)
        await asyncio.sleep(0.02)
        tx.record(ticket, NOTED)

    for _ in range(12):
        caller = asyncio.create_task(transact(act, work))
        await asyncio.sleep(after)
        # With no moment between, the caller is cancelled before it has begun anything.
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    await running_transactions_end()
    begun = 12 if after else await fetch_value(sql("SELECT version - 1 FROM ticket WHERE id = {}", ticket_id))
    assert [row["seq"] for row in await events_after(ticket_id, 0)] == list(range(1, begun + 2))
    await transact(act, work)
    assert len(await events_after(ticket_id, 0)) == begun + 2


async def test_events_are_numbered_without_gaps_however_many_write_at_once(scene: Scene) -> None:
    buyer = await scene.buyer()
    keys = [await scene.ticket(buyer) for _ in range(3)]
    await asyncio.gather(*(add_message(scene.act(buyer), ticket_id=keys[i % 3], text=f"m{i}") for i in range(45)))
    for key in keys:
        log = await events_after(key, 0)
        assert [row["seq"] for row in log] == list(range(1, 17))
        assert await fetch_value(sql("SELECT version FROM ticket WHERE id = {}", key)) == 16


async def test_only_the_columns_that_changed_are_written(scene: Scene, act: Act) -> None:
    """So what somebody else wrote to another column of an unlocked row is not undone."""
    agent = await scene.agent("Ann", capacity=3)
    written: list[str] = []

    async def work(tx: Tx) -> None:
        execute = tx.execute

        async def watched(statement: Sql) -> int:
            written.append(statement.text)
            return await execute(statement)

        tx.execute = watched  # type: ignore[method-assign]
        row = await tx.load_one(Agent, sql("id = {}", agent.id))
        assert row is not None
        row.name, row.capacity = "Ann", 4

    await transact(act, work)
    assert len(written) == 1
    assert "capacity" in written[0]
    assert "name" not in written[0]
    assert await fetch_value(sql("SELECT capacity FROM agent WHERE id = {}", agent.id)) == 4


async def test_what_was_only_looked_at_is_not_written(scene: Scene, act: Act, heard: Heard) -> None:
    agent = await scene.agent()

    async def work(tx: Tx) -> None:
        await tx.load_one(Agent, sql("id = {}", agent.id))
        tx.execute = None  # type: ignore[assignment, method-assign]

    await transact(act, work)
    assert heard.hints == []


@pytest.mark.parametrize("stack", [kind for kind in KINDS if kind == POSTGRES], indirect=True)
async def test_rows_that_are_locked_are_skipped_by_whoever_asks_so(scene: Scene, act: Act) -> None:
    buyer = await scene.buyer()
    keys = {await scene.ticket(buyer), await scene.ticket(buyer)}
    both_hold = asyncio.Barrier(2)

    async def work(tx: Tx) -> object:
        (first,) = await tx.load(Ticket, EVERYTHING, limit=1, skip_locked=True)
        await both_hold.wait()
        return first.id

    assert set(await asyncio.gather(transact(act, work), transact(act, work))) == keys


async def test_hints_come_after_the_commit_and_name_what_changed(scene: Scene, act: Act, heard: Heard) -> None:
    ticket_id = await scene.ticket(await scene.buyer())

    async def work(tx: Tx) -> None:
        ticket = await loaded(tx, ticket_id)
        tx.record(ticket, NOTED)
        tx.record(ticket, NOTED)
        tx.touch("queue:x")
        tx.schedule(JobOrder(kind="x", key="later", due_at=act.now + 1))
        assert heard.hints == []

    await transact(act, work)
    assert heard.hints == [({f"ticket:{ticket_id}": 3, "queue:x": 0}, False)]


async def test_a_job_is_cancelled_and_ordered_again_in_one_go(scene: Scene, act: Act) -> None:
    async def order(tx: Tx) -> None:
        tx.schedule(JobOrder(kind="x", key="k", due_at=1), JobOrder(kind="x", key="k", due_at=2))

    async def again(tx: Tx) -> None:
        tx.cancel("k")
        tx.schedule(JobOrder(kind="x", key="k", due_at=3))

    await transact(act, order)
    assert [row["due_at"] for row in await fetch(select(Job, EVERYTHING))] == [2]
    await transact(act, again)
    assert [row["due_at"] for row in await fetch(select(Job, EVERYTHING))] == [3]


async def test_an_event_costs_a_job_only_where_somebody_reacts(scene: Scene, act: Act) -> None:
    ticket_id = await scene.ticket(await scene.buyer())
    await transact(act, _clear_jobs)
    reacting = replace(act, reacting_types=frozenset({"HEEDED"}))

    async def work(tx: Tx) -> None:
        ticket = await loaded(tx, ticket_id)
        tx.record(ticket, Event(type="IGNORED"))
        tx.record(ticket, Event(type="HEEDED", body={"id": uuid7()}))

    await transact(reacting, work)
    (job,) = await fetch(select(Job, EVERYTHING))
    (event,) = await fetch(select(EventRecord, sql("type = {}", "HEEDED")))
    assert job["key"] == f"react:{event['id']}"


async def _clear_jobs(tx: Tx) -> None:
    await tx.execute(Sql("DELETE FROM job"))


async def test_nothing_is_left_running_when_all_have_ended(scene: Scene) -> None:
    await scene.ticket(await scene.buyer())
    await running_transactions_end()
    assert transacting._running == set()

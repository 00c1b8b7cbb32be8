"""Asks a server as fast as it answers, over a fixed number of connections, for a fixed time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from benchmarks.figures import percentile, shown
from benchmarks.http_client import PATIENCE, Connection
from benchmarks.progress import wait_visibly
from benchmarks.server import HOST, Server

WARM_UP = 2.0
HEAD = [
    "work",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "server CPU ms",
    "PostgreSQL CPU ms",
    "server busy",
    "client busy",
]


@dataclass(frozen=True, slots=True)
class Question:
    request: bytes
    is_right: Callable[[bytes], bool]


@dataclass(slots=True, kw_only=True)
class Load:
    """What came of it. `answers` counts those of the warming up too; all the rest is of the measured time."""

    name: str
    answers: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    server_cpu: float = 0.0
    database_cpu: float | None = None
    client_cpu: float = 0.0

    def row(self) -> list[str]:
        measured = len(self.latencies)
        database = None if self.database_cpu is None else 1000 * self.database_cpu / measured
        return [
            self.name,
            shown(measured / self.seconds, 0),
            shown(1000 * percentile(self.latencies, 50)),
            shown(1000 * percentile(self.latencies, 99)),
            shown(1000 * self.server_cpu / measured, 2),
            shown(database, 2),
            f"{100 * self.server_cpu / self.seconds:.0f} %",
            f"{100 * self.client_cpu / self.seconds:.0f} %",
        ]


@dataclass(frozen=True, slots=True)
class Meters:
    """Read at the beginning and at the end of the measured time."""

    at: float
    server_cpu: float
    database_cpu: float | None
    client_cpu: float

    @classmethod
    async def read(cls, server: Server) -> Meters:
        database_cpu = await server.database_cpu_seconds()
        return cls(time.perf_counter(), server.cpu_seconds(), database_cpu, time.process_time())


async def put_load(
    server: Server, name: str, questions: Iterator[Question], *, seconds: float, connections: int
) -> Load:
    """Ends early when the questions run out."""
    load, end = Load(name=name), time.perf_counter() + WARM_UP + seconds
    latencies: list[tuple[float, float]] = []

    async def ask_on() -> None:
        connection = await Connection.open(HOST, server.port)
        try:
            while (began := time.perf_counter()) < end and (question := next(questions, None)):
                status, body = await asyncio.wait_for(connection.ask(question.request), PATIENCE)
                if status != 200 or not question.is_right(body):
                    raise RuntimeError(f"{name} was answered {status}: {body[:500]!r}")
                latencies.append((began, time.perf_counter() - began))
        finally:
            connection.close()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask_on()) for _ in range(connections)]

        def are_done() -> bool:
            return all(task.done() for task in tasks)

        await asyncio.sleep(WARM_UP)
        before = await Meters.read(server)
        await wait_visibly(f"Measuring: {name}", end - time.perf_counter(), unless=are_done)
        after = await Meters.read(server)
    load.answers = len(latencies)
    load.latencies = [took for began, took in latencies if began >= before.at and began + took <= after.at]
    assert load.latencies, f"no answer within {seconds} s"
    load.seconds = after.at - before.at
    load.server_cpu = after.server_cpu - before.server_cpu
    if before.database_cpu is not None and after.database_cpu is not None:
        load.database_cpu = after.database_cpu - before.database_cpu
    load.client_cpu = after.client_cpu - before.client_cpu
    return load

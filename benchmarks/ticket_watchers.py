"""All watch one ticket: a message is written, everybody is told, the next message is written."""

from __future__ import annotations

import statistics
import time
from itertools import cycle
from uuid import UUID

from benchmarks.http_client import Caller
from benchmarks.idle import weighed
from benchmarks.party import Report
from benchmarks.progress import bar
from benchmarks.server import HOST, Server
from benchmarks.waves import Stopwatch, Wave, micros
from benchmarks.world import World
from resolvers.shared.ids import encode_id

QUERY = """subscription Watch($ticketId: ID!) { ticketProgress(ticketId: $ticketId) {
  cursor initial event { type at } ticket { status updatedAt }
} }"""
ALONE = 20
# Eight authors may write 120 messages each in ten minutes.
MOST_ROUNDS = 900


async def watch_ticket(server: Server, world: World, *, watchers: int, seconds: float) -> tuple[Wave, list[str], float]:
    """The wave, what an idle watcher weighs, and how many milliseconds a message takes that nobody watches."""
    ticket_id, purchase = next(iter(world.tickets.items()))
    writer = Writer(server, world, ticket_id)
    alone = [await writer.write() for _ in range(ALONE)]
    seats = [(purchase.buyer.token, encode_id("Ticket", ticket_id))] * watchers
    async with weighed(server, QUERY, seats, "one ticket") as (party, weight):
        await party.mark()
        rounds, watch = 0, Stopwatch(server)
        with bar("Measuring: watchers of one ticket", seconds) as step:
            while rounds < MOST_ROUNDS and watch.read()[0] < seconds:
                began = time.perf_counter()
                await writer.write()
                rounds += 1
                await party.until_told(watchers * (1 + rounds))
                step(time.perf_counter() - began)
        passed, cpu = watch.read()
        report = await party.report()
    writer.close()
    latencies = _latencies(report, watchers, rounds)
    wave = Wave(
        name="one ticket",
        pushes=len(latencies),
        seconds=passed,
        latencies=latencies,
        server_cpu=cpu,
        server_busy=cpu / passed,
        client_busy=report.client_busy,
    )
    return wave, weight, 1000 * statistics.median(alone)


def _latencies(report: Report, watchers: int, rounds: int) -> list[int]:
    """Everybody must have been told the same, in the same order, once."""
    told: list[list[int]] = [[] for _ in range(watchers)]
    for push in report.pushes:
        told[push.watcher].append(id(push.told))
    assert all(said == told[0] for said in told), "the watchers were told different things"
    assert len(set(told[0])) == 1 + rounds
    return [push.at - micros(push.told["event"]["at"]) for push in report.pushes if push.told["event"]]


class Writer:
    """The staff, taking turns."""

    def __init__(self, server: Server, world: World, ticket_id: UUID) -> None:
        self._caller = Caller(HOST, server.port)
        self._authors = cycle(world.agents)
        self._ticket = encode_id("Ticket", ticket_id)

    async def write(self) -> float:
        """Seconds until it was answered."""
        began = time.perf_counter()
        given = {"ticketId": self._ticket, "text": "We are looking into it."}
        await self._caller.mutate("messageAdd", "message { id }", given, token=next(self._authors).token)
        return time.perf_counter() - began

    def close(self) -> None:
        self._caller.close()

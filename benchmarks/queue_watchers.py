"""Everybody in line watches the own place, while agents take ticket after ticket from the front."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from benchmarks.http_client import Caller
from benchmarks.idle import weighed
from benchmarks.party import Party, Push, Report
from benchmarks.progress import bar, wait_visibly
from benchmarks.server import HOST, Server
from benchmarks.waves import Stopwatch, Wave, micros
from benchmarks.world import World
from domain.shared.clock import SECOND
from domain.tickets.waiting import EXACT_PLACES
from resolvers.shared.ids import encode_id

QUERY = """subscription Watch($ticketId: ID!) { queuePosition(ticketId: $ticketId) {
  state position waitP50Seconds waitP90Seconds agentName message
} }"""
# Who stands far back is told a small change only when 5 s have passed since the last one; after this, all are told.
QUIET = 5.5
QUIET_CLAIMS = 4
CLAIM_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody was told a new place: how long after the first claim that this answer was the first to show."""

    claim: int
    latency: int
    place_before: int


async def watch_queue(server: Server, world: World, *, watchers: int, seconds: float) -> tuple[list[Wave], list[str]]:
    seats = [
        (purchase.buyer.token, encode_id("Ticket", ticket_id))
        for ticket_id, purchase in list(world.tickets.items())[:watchers]
    ]
    async with weighed(server, QUERY, seats, "one queue") as (party, weight):
        claims = Claims(server, world)
        quiet = await _quiet_claims(server, party, claims)
        quick = await _quick_claims(server, party, claims, seconds)
        claims.close()
    return [quiet, quick], weight


async def _quiet_claims(server: Server, party: Party, claims: Claims) -> Wave:
    await wait_visibly("Waiting until a change is told to all", QUIET)
    await party.mark()
    begin, watch = time.time_ns() // 1000, Stopwatch(server)
    with bar("Measuring: a claim that all in line are told", QUIET_CLAIMS) as step:
        for _ in range(QUIET_CLAIMS):
            await claims.take()
            await asyncio.sleep(QUIET)
            step(1)
    passed, cpu = watch.read()
    report = await party.report()
    changes = _changes(report, claims.moments, begin)
    slowest = [max(c.latency for c in changes if c.claim == n) for n in range(QUIET_CLAIMS)]
    return Wave(
        name="one queue, a claim every 5.5 s, all told",
        pushes=len(changes),
        seconds=sum(slowest) / SECOND,
        latencies=[change.latency for change in changes],
        server_cpu=cpu,
        server_busy=cpu / passed,
        client_busy=report.client_busy,
    )


async def _quick_claims(server: Server, party: Party, claims: Claims, seconds: float) -> Wave:
    await party.mark()
    begin, watch = time.time_ns() // 1000, Stopwatch(server)
    with bar("Measuring: claims and resolutions, four a second", seconds) as step:
        for tick in range(1, int(seconds / CLAIM_EVERY) + 1):
            if not await claims.take_and_resolve():
                break
            await asyncio.sleep(max(0.0, tick * CLAIM_EVERY - watch.read()[0]))
            step(CLAIM_EVERY)
    passed, cpu = watch.read()
    report = await party.report()
    near = [c for c in _changes(report, claims.moments, begin) if c.place_before <= EXACT_PLACES]
    return Wave(
        name=f"one queue, claims 4 a second (latency: first {EXACT_PLACES} places)",
        pushes=sum(push.at >= begin for push in report.pushes),
        seconds=passed,
        latencies=[change.latency for change in near],
        server_cpu=cpu,
        server_busy=cpu / passed,
        client_busy=report.client_busy,
    )


def _changes(report: Report, moments: Sequence[int], begin: int) -> list[Change]:
    """Of a place: the n-th claim moves everybody from the first place they were told to n less."""
    told: dict[int, list[Push]] = {}
    for push in report.pushes:
        told.setdefault(push.watcher, []).append(push)
    changes = []
    for pushes in told.values():
        first, seen = _place(pushes[0].told), 0
        for push in pushes[1:]:
            shows = first - _place(push.told)
            assert shows >= seen, "a place moved back"
            if shows > seen and push.at >= begin:
                changes.append(Change(seen, push.at - moments[seen], first - seen))
            seen = shows
    return changes


def _place(told: dict[str, Any]) -> int:
    """0 is with an agent, or solved already."""
    place: int = told["position"] if told["state"] == "WAITING" else 0
    return place


class Claims:
    """The staff, taking turns; `moments` are when the claims were written, by the server's clock."""

    def __init__(self, server: Server, world: World) -> None:
        self._caller = Caller(HOST, server.port)
        self._agents = cycle(world.agents)
        self.moments: list[int] = []

    async def take(self) -> bool:
        return await self._take(next(self._agents).token) is not None

    async def take_and_resolve(self) -> bool:
        token = next(self._agents).token
        ticket_id = await self._take(token)
        if ticket_id is None:
            return False
        given = {"ticketId": ticket_id, "text": "You have a new code."}
        await self._caller.mutate("ticketResolve", "ticket { status }", given, token=token)
        return True

    async def _take(self, token: str) -> str | None:
        payload = await self._caller.mutate("ticketClaimNext", "ticket { id updatedAt }", {}, token=token)
        if payload["ticket"] is None:
            return None
        self.moments.append(micros(payload["ticket"]["updatedAt"]))
        ticket_id: str = payload["ticket"]["id"]
        return ticket_id

    def close(self) -> None:
        self._caller.close()

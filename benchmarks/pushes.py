"""Websockets that watch one ticket, and as many that watch one queue: pushes, latency, memory."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count, cycle

from benchmarks.figures import percentile, shown, table
from benchmarks.http_client import Caller
from benchmarks.line_latency import Claim, latencies_near_front, latencies_of_all
from benchmarks.party import Party, Report, watching
from benchmarks.progress import bar, wait_visibly
from benchmarks.server import HOST, Memory, Server, serving
from benchmarks.stack import Stack
from benchmarks.world import Person, World, add_purchases, add_waiting_tickets, new_world
from domain.shared.clock import SECOND
from resolvers.shared.ids import encode_id

TICKET_PROGRESS = """subscription Watch($ticketId: ID!) { ticketProgress(ticketId: $ticketId) {
  cursor initial event { type at } ticket { status updatedAt }
} }"""
QUEUE_POSITION = """subscription Watch($ticketId: ID!) { queuePosition(ticketId: $ticketId) {
  state position waitP50Seconds waitP90Seconds agentName message
} }"""
FIRST_FEW = 20
SETTLING = 3.0
SPARE_FILES = 200
# Far back in line a change is told when this much time has passed since the last one, so everybody is told each claim.
QUIET = 5.5
CLAIM_EVERY = 0.25
ROOM_OF_ALL_AGENTS = 300
Watchers = Sequence[tuple[str, str]]
HEAD = [
    "watchers of",
    "pushes",
    "pushes/s",
    "p50 ms",
    "p99 ms",
    "server CPU µs a push",
    "server busy",
    "client busy",
    "RSS KB a subscriber",
    "PSS KB a subscriber",
]


@dataclass(slots=True, kw_only=True)
class Wave:
    """What came of one way of writing while all watch. Latencies in seconds; `seconds` is the time pushes took."""

    name: str
    pushes: int
    seconds: float
    latencies: Sequence[float]
    server_cpu: float
    server_busy: float
    client_busy: float
    memory: tuple[float, float | None] | None = None

    def row(self) -> list[str]:
        resident, proportional = self.memory or (None, None)
        return [
            self.name,
            shown(self.pushes, 0),
            shown(self.pushes / self.seconds, 0),
            shown(1000 * percentile(self.latencies, 50)),
            shown(1000 * percentile(self.latencies, 99)),
            shown(1_000_000 * self.server_cpu / self.pushes, 0),
            f"{100 * self.server_busy:.0f} %",
            f"{100 * self.client_busy:.0f} %",
            shown(resident),
            shown(proportional),
        ]

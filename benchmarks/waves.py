"""What came of one way of writing while all watch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from benchmarks.figures import percentile, shown
from benchmarks.server import Server

HEAD = [
    "watchers of",
    "pushes",
    "pushes/s",
    "p50 ms",
    "p99 ms",
    "server CPU µs a push",
    "server busy",
    "client busy",
]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(text: str) -> int:
    """Of a moment as the service writes it."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """`seconds` is the time that the pushes took, `latencies` are microseconds."""

    name: str
    pushes: int
    seconds: float
    latencies: Sequence[int]
    server_cpu: float
    server_busy: float
    client_busy: float

    def row(self) -> list[str]:
        return [
            self.name,
            shown(self.pushes, 0),
            shown(self.pushes / self.seconds, 0),
            shown(percentile(self.latencies, 50) / 1000),
            shown(percentile(self.latencies, 99) / 1000),
            shown(1_000_000 * self.server_cpu / self.pushes, 0),
            f"{100 * self.server_busy:.0f} %",
            f"{100 * self.client_busy:.0f} %",
        ]


class Stopwatch:
    """The server's CPU and the time since it was made."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._began = time.perf_counter(), server.cpu_seconds()

    def read(self) -> tuple[float, float]:
        """Seconds passed, and seconds of CPU."""
        return time.perf_counter() - self._began[0], self._server.cpu_seconds() - self._began[1]

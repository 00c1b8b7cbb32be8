"""The watchers' process, seen from the one that measures."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from benchmarks.server import HOST, ROOT, Server

LONGEST_LINE = 512 * 1024 * 1024
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Push:
    """`watcher` by its place in the list, `at` in microseconds of this machine's clock, `told` is the field's value:
    the same object for all who were told the same.
    """

    watcher: int
    at: int
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    pushes: Sequence[Push]
    client_busy: float


class Party:
    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    async def hear(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = await asyncio.wait_for(self._child.stdout.readline(), PATIENCE)
        if not line:
            raise RuntimeError("the watchers ended by themselves")
        heard: dict[str, Any] = orjson.loads(line)
        return heard

    def say(self, line: bytes) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(line + b"\n")

    async def mark(self) -> None:
        """How busy the watchers are is counted from here."""
        self.say(b"mark")
        while "marked" not in await self.hear():
            pass

    async def until_told(self, pushes: int) -> None:
        """Until this many pushes came since all joined, their first ones too; a multiple of the number of watchers."""
        while (await self.hear()).get("told", 0) < pushes:
            pass

    async def report(self) -> Report:
        self.say(b"report")
        while "pushes" not in (heard := await self.hear()):
            pass
        pushes = [Push(watcher, at, heard["texts"][number]) for watcher, at, number in heard["pushes"]]
        return Report(pushes, heard["busy"])


@asynccontextmanager
async def watching(server: Server, query: str, watchers: Sequence[tuple[str, str]]) -> AsyncIterator[Party]:
    """`watchers` are tokens and tickets' global ids. All have got their first payload when the body begins."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.watchers",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
    )
    party = Party(child)
    try:
        plan = {"host": HOST, "port": server.port, "query": query, "watchers": watchers}
        party.say(orjson.dumps(plan))
        while "joined" not in await party.hear():
            pass
        yield party
    finally:
        child.kill()
        await child.wait()

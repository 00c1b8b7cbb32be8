"""What a subscriber costs who only listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from benchmarks.figures import shown
from benchmarks.party import Party, watching
from benchmarks.server import Memory, Server

HEAD = ["idle watchers of", "RSS KB each", "PSS KB each"]
FIRST_FEW = 20
SETTLING = 3.0


@asynccontextmanager
async def weighed(
    server: Server, query: str, watchers: Sequence[tuple[str, str]], name: str
) -> AsyncIterator[tuple[Party, list[str]]]:
    """All of them watching, and the row that says what they weigh.

    Some have come and gone before the first weighing: what is loaded and cached once is not theirs.
    """
    async with watching(server, query, watchers[:FIRST_FEW]):
        pass
    await asyncio.sleep(SETTLING)
    before = server.memory()
    async with watching(server, query, watchers) as party:
        await asyncio.sleep(SETTLING)
        yield party, [name, *_each(before, server.memory(), len(watchers))]


def _each(before: Memory, after: Memory, count: int) -> list[str]:
    resident = (after.resident - before.resident) / count / 1024
    if before.proportional is None or after.proportional is None:
        return [shown(resident), "-"]
    return [shown(resident), shown((after.proportional - before.proportional) / count / 1024)]

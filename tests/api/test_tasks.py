from __future__ import annotations

import asyncio
from contextlib import suppress

from api.tasks import end


async def loses_cancels(times: int) -> None:
    """As a library does whose wait ends in the moment of the cancel."""
    for _ in range(times):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


async def test_a_task_that_loses_a_cancel_is_ended_all_the_same() -> None:
    stubborn = [asyncio.create_task(loses_cancels(times)) for times in range(3)]
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await end(*stubborn, None)
    assert all(task.cancelled() for task in stubborn)


async def test_ending_nothing_or_what_has_ended_changes_nothing() -> None:
    done = asyncio.create_task(asyncio.sleep(0))
    await done
    await end()
    await end(done, None)
    assert not done.cancelled()

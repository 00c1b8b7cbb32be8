"""Waiting and ending for tasks that must stop when they are told to.

`asyncio.wait_for` before Python 3.12 loses a cancel that comes just as its wait ends, and the task goes on for ever.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

AGAIN_AFTER = 1.0


async def signalled(event: asyncio.Event, within: float) -> None:
    """Returns when the event is set or the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()


async def end(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancels until it is heard: redis-py sends through `wait_for`, so one cancel may not be enough."""
    going = {task for task in tasks if task}
    while going:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=AGAIN_AFTER)

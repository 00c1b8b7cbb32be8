"""Bars on the error output, so that the standard output holds nothing but the tables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

# Drawing costs the machine that is being measured; this is rarely enough not to be seen in the figures.
DRAWS_A_SECOND = 2
TICK = 0.5
_console = Console(stderr=True)


@contextmanager
def bar(label: str, total: float) -> Iterator[Callable[[float], None]]:
    """Gives the function that moves the bar on."""
    with Progress(console=_console, refresh_per_second=DRAWS_A_SECOND) as drawn:
        task = drawn.add_task(label, total=total)

        def step(by: float) -> None:
            drawn.advance(task, by)

        yield step


async def wait_visibly(label: str, seconds: float, *, unless: Callable[[], bool] = lambda: False) -> None:
    """Lets this much time pass, or less once `unless` holds."""
    end = asyncio.get_running_loop().time() + seconds
    with bar(label, seconds) as step:
        while (left := end - asyncio.get_running_loop().time()) > 0 and not unless():
            await asyncio.sleep(min(TICK, left))
            step(min(TICK, left))

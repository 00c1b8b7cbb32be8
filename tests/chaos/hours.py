from __future__ import annotations

import asyncio


class Hours:
    """When the crowd works: writers write and phones lose their connection."""

    def __init__(self) -> None:
        self.are_over = False
        self._open = asyncio.Event()
        self._open.set()

    def pause(self) -> None:
        self._open.clear()

    def go_on(self) -> None:
        self._open.set()

    def end(self) -> None:
        self.are_over = True
        self._open.set()

    async def opened(self) -> bool:
        """Waits out a pause; false when it is over for good."""
        await self._open.wait()
        return not self.are_over

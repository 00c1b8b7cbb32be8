"""What one follower has not taken yet: bounded, and emptied rather than grown."""

from __future__ import annotations

import asyncio
from collections import deque

from resolvers.shared.feed import Delivery

ROOM = 256


class Mailbox:
    """A follower that is slower than ROOM events gets None once, and reads the log instead."""

    __slots__ = ("_items", "_overflowed", "_waiter")

    def __init__(self) -> None:
        self._items: deque[Delivery] = deque()
        self._overflowed = False
        self._waiter: asyncio.Future[None] | None = None

    def put(self, delivery: Delivery) -> None:
        if len(self._items) >= ROOM:
            self._items.clear()
            self._overflowed = True
        if not self._overflowed:
            self._items.append(delivery)
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def empty(self) -> None:
        """Before the log is read: what was put in until now is in the log."""
        self._items.clear()
        self._overflowed = False

    async def take(self) -> Delivery | None:
        while not self._items and not self._overflowed:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._overflowed:
            return None
        return self._items.popleft()

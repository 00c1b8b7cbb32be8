from __future__ import annotations

import time

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError

from domain.shared.errors import RateLimited


class WindowThrottle:
    """Counts in Redis for all processes where there is one; while it is away each process counts for itself."""

    def __init__(self, redis_url: str | None = None, *, prefix: str = "xiaoka") -> None:
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._shared = (
            FixedWindowRateLimiter(
                RedisStorage(
                    f"async+{redis_url}",
                    wrap_exceptions=True,
                    implementation="redispy",
                    key_prefix=f"{prefix}:limit",
                    socket_timeout=0.5,
                    socket_connect_timeout=0.5,
                )
            )
            if redis_url
            else None
        )

    async def hit(self, key: str, *, limit: int, seconds: int) -> None:
        item = RateLimitItemPerSecond(limit, seconds)
        if self._shared:
            try:
                await self._count(self._shared, item, key)
            except StorageError:
                await self._count(self._own, item, key)
        else:
            await self._count(self._own, item, key)

    async def _count(self, limiter: FixedWindowRateLimiter, item: RateLimitItemPerSecond, key: str) -> None:
        if not await limiter.hit(item, key):
            window = await limiter.get_window_stats(item, key)
            raise RateLimited(max(1, int(window.reset_time - time.time()) + 1))

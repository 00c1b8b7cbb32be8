"""/live, /ready and /metrics."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.bus import Bus
from api.metrics import JOBS
from api.migrating import pending_migrations
from domain.shared.clock import now_micros
from domain.shared.jobs import count_jobs
from domain.shared.sql import Sql, fetch_value

PATIENCE = 2.0


async def live(_request: Request) -> Response:
    return JSONResponse({"status": "live"})


class Readiness:
    """Ready while the database answers, is migrated, and hints travel. Without hints events still come, later."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._is_migrated = False

    async def answer(self, _request: Request) -> Response:
        checks = {
            "database": await _holds(self._database),
            "migrations": await _holds(self._migrations),
            "bus": self._bus.is_healthy,
        }
        status = 200 if all(checks.values()) else 503
        age = self._bus.heartbeat_age
        return JSONResponse(
            {
                "status": "ready" if status == 200 else "not ready",
                "checks": checks,
                "heartbeatAge": age if math.isfinite(age) else None,
            },
            status,
        )

    async def _database(self) -> bool:
        return bool(await fetch_value(Sql("SELECT 1 AS one")))

    async def _migrations(self) -> bool:
        if not self._is_migrated:
            self._is_migrated = not await pending_migrations()
        return self._is_migrated


async def _holds(check: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await asyncio.wait_for(check(), PATIENCE)
    except Exception:  # noqa: BLE001 - whatever is wrong, it is not ready
        return False


async def metrics(_request: Request) -> Response:
    counts = await _job_counts()
    for state, count in counts.items():
        JOBS.labels(state).set(count)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _job_counts() -> dict[str, int]:
    try:
        counts: dict[str, int] = await asyncio.wait_for(count_jobs(now=now_micros()), PATIENCE)
    except Exception:  # noqa: BLE001 - the other metrics are wanted most when the database is away
        return {}
    return counts

"""Where the data lives: Tortoise's configuration for a URL, and opening and closing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tortoise import Tortoise
from tortoise.backends.base.config_generator import expand_db_url

MODELS = [
    "domain.shared.models",
    "domain.identity.models",
    "domain.messaging.models",
    "domain.orders.models",
    "domain.tickets.models",
]
APPS: dict[str, dict[str, Any]] = {
    "xiaoka": {"models": MODELS, "migrations": "migrations", "default_connection": "default"}
}


async def _keep_session(_connection: object) -> None:
    """Replaces asyncpg's reset query (a round trip for each release): we leave nothing behind on a connection."""


def _sqlite(credentials: dict[str, Any]) -> dict[str, Any]:
    path = Path(credentials["file_path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    shared = {**credentials, "journal_mode": "WAL", "busy_timeout": 10_000, "synchronous": "FULL"}
    engine = "domain.shared.engines.sqlite"
    return {
        "default": {"engine": engine, "credentials": shared},
        "reader": {"engine": engine, "credentials": {**shared, "query_only": 1}},
    }


def _postgres(credentials: dict[str, Any], pool_size: int) -> dict[str, Any]:
    engine = "domain.shared.engines.postgres"
    shared = {**credentials, "reset": _keep_session, "minsize": 1}
    writers = max(2, pool_size // 2)
    return {
        "default": {"engine": engine, "credentials": {**shared, "maxsize": writers}},
        "reader": {"engine": engine, "credentials": {**shared, "maxsize": max(2, pool_size - writers)}},
    }


def tortoise_config(url: str, *, pool_size: int = 20) -> dict[str, Any]:
    expanded = expand_db_url(url)
    is_sqlite = expanded["engine"].endswith("sqlite")
    return {
        "connections": _sqlite(expanded["credentials"]) if is_sqlite else _postgres(expanded["credentials"], pool_size),
        "apps": APPS,
        "use_tz": True,
    }


async def connect(url: str, *, pool_size: int = 20) -> None:
    await Tortoise.init(config=tortoise_config(url, pool_size=pool_size), _enable_global_fallback=True)


async def disconnect() -> None:
    await Tortoise.close_connections()

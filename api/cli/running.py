from __future__ import annotations

import asyncio
import signal
import socket
from typing import Annotated

import typer
import uvicorn

from api.bus import Bus
from api.cli.session import reached, read_settings, run, stop
from api.logs import configure_logs
from api.senders import senders
from api.settings import Settings
from api.worker import Worker


def serve(
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1, help="Server processes; more than one need PostgreSQL and Redis.")] = 1,
) -> None:
    """Serve GraphQL, websockets and the webhook."""
    settings = read_settings()
    if workers > 1 and (settings.is_sqlite or not settings.has_redis):
        stop("Several workers need PostgreSQL and Redis: set XIAOKA_DATABASE_URL and XIAOKA_BROADCAST_URL.", 2)
    _require_free(host, port)
    run(_nothing)
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=1024 * 1024,
        ws_max_queue=16,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        proxy_headers=settings.proxy_headers,
        access_log=False,
        timeout_graceful_shutdown=10,
        log_level="warning",
    )


def _require_free(host: str, port: int) -> None:
    """Asked before anything is started: uvicorn finds out only when all else runs."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        stop(f"Cannot listen on {host}:{port}: {error.strerror}.")


async def _nothing(_settings: Settings) -> None:
    """Reaching the database was all."""


def worker() -> None:
    """Do jobs, without serving. As many as wanted may run."""
    settings = read_settings()
    configure_logs(as_json=settings.log_json)
    asyncio.run(_work(settings))


async def _work(settings: Settings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with reached(settings):
        bus = Bus(settings.broadcast_url, prefix=settings.broadcast_prefix)
        jobs = Worker(keyring=settings.keyring, hints=bus, senders=senders(settings), public_url=settings.public_url)
        bus.jobs_came = jobs.jobs_came
        await bus.start()
        jobs.start()
        await stopped.wait()
        await jobs.stop()
        await bus.stop()

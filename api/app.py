"""Puts the server together."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute

from api.adapters.throttle import WindowThrottle
from api.auth import Authenticator
from api.body_limit import BodyLimit
from api.bus import Bus
from api.demo_inbox import demo_routes
from api.feed import Hub
from api.graphql import Endpoint
from api.health import Readiness, live, metrics
from api.ide import ide_routes
from api.ingest import IngestEndpoint
from api.logs import configure_logs
from api.refusals import breakdown, http_refusal
from api.schema import make_schema
from api.senders import senders
from api.settings import Settings
from api.sources import InboxSource, TicketSource
from api.worker import Worker
from domain.reactions import REACTING_TYPES
from domain.shared.database import connect, disconnect
from domain.shared.transact import running_transactions_end
from resolvers.shared.context import Services


def _spare_the_long_lived() -> None:
    """Subscribers are many objects that live long; by default Python walks all of them again and again.

    That took half of the CPU with 2,000 watchers, in pauses of more than a second (`python -m benchmarks pushes`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1_000)


def create_app(settings: Settings | None = None) -> Starlette:
    settings = settings or Settings()
    configure_logs(as_json=settings.log_json)
    bus = Bus(settings.broadcast_url, prefix=settings.broadcast_prefix)
    hub = Hub({"ticket": TicketSource(), "inbox": InboxSource()}, is_bus_healthy=lambda: bus.is_healthy)
    worker = Worker(keyring=settings.keyring, hints=bus, senders=senders(settings), public_url=settings.public_url)
    bus.heard, bus.missed, bus.jobs_came = hub.heard, hub.missed, worker.jobs_came
    services = Services(
        keyring=settings.keyring,
        hints=bus,
        throttle=WindowThrottle(
            settings.broadcast_url if settings.has_redis else None, prefix=settings.broadcast_prefix
        ),
        feed=hub,
        reacting_types=REACTING_TYPES,
        public_url=settings.public_url,
    )
    authenticator = Authenticator(settings.keyring)
    schema = make_schema(introspection=settings.introspection)
    graphql = Endpoint(schema, services, authenticator, origins=settings.origins, shows_ide=settings.introspection)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await connect(settings.database, pool_size=settings.database_pool)
        await bus.start()
        hub.start()
        if settings.worker:
            worker.start()
        _spare_the_long_lived()
        yield
        await worker.stop()
        await hub.stop()
        await bus.stop()
        await running_transactions_end()
        await disconnect()

    return Starlette(
        routes=[
            *(ide_routes() if settings.introspection else []),
            Route("/graphql", graphql, methods=["GET", "POST"]),
            WebSocketRoute("/graphql", graphql),
            Route("/ingest/orders", IngestEndpoint(schema, services, authenticator).answer, methods=["POST"]),
            Route("/live", live),
            Route("/ready", Readiness(bus).answer),
            Route("/metrics", metrics),
            *(demo_routes(settings.keyring) if settings.demo else []),
        ],
        middleware=[Middleware(BodyLimit)],
        exception_handlers={HTTPException: http_refusal, Exception: breakdown},
        lifespan=lifespan,
    )

"""`python -m api …`: running the service and setting it up."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer
import uvicorn
from rich.console import Console

from api.bus import Bus
from api.demo import load_demo
from api.logs import configure_logs
from api.migrating import migrate as apply_migrations
from api.schema import make_schema
from api.senders import senders
from api.settings import Settings
from api.worker import Worker
from domain.identity import keys, setup
from domain.identity.queries import shop_by_slug
from domain.shared.act import Act, Language, Role, Viewer
from domain.shared.clock import now_micros, uuid7
from domain.shared.database import connect, disconnect
from domain.shared.errors import DomainError
from domain.shared.housekeeping import next_housekeeping
from domain.shared.messages import say
from domain.shared.sql import Sql, fetch_value
from domain.shared.transact import Tx, running_transactions_end, transact
from domain.tickets.setup import create_queue, join_queues

T = TypeVar("T")
SCHEMA_FILE = Path(__file__).parent.parent / "schema.graphql"
app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
staff = typer.Typer(no_args_is_help=True, help="Accounts of the staff.")
key = typer.Typer(no_args_is_help=True, help="API keys, and secrets that sign webhooks.")
shop = typer.Typer(no_args_is_help=True, help="Shops on this server.")
app.add_typer(staff, name="staff")
app.add_typer(key, name="key")
app.add_typer(shop, name="shop")
console = Console()
ShopSlug = Annotated[str, typer.Option(help="Which shop.")]


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[None]:
    await connect(settings.database, pool_size=4)
    try:
        yield
    finally:
        await running_transactions_end()
        await disconnect()


def _run(work: Callable[[Settings], Awaitable[T]]) -> T:
    settings = Settings()

    async def connected() -> T:
        async with _database(settings):
            return await work(settings)

    try:
        return asyncio.run(connected())
    except DomainError as error:
        where = ".".join(error.path)
        console.print(f"[red]{where}: {say(Language.EN, error.message_key, error.facts)}[/red]")
        raise typer.Exit(1) from error


async def _act(settings: Settings, slug: str) -> Act:
    found = await shop_by_slug(slug)
    if found is None:
        console.print(f"[red]There is no shop called {slug}.[/red]")
        raise typer.Exit(1)
    return Act(viewer=Viewer.system(found["id"]), keyring=settings.keyring, language=Language.EN)


@app.command()
def serve(
    port: Annotated[int, typer.Option(envvar="PORT", help="Port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1, help="Server processes; SQLite allows one.")] = 1,
) -> None:
    """Serve GraphQL, websockets and the webhook."""
    settings = Settings()
    if workers > 1 and (settings.is_sqlite or not settings.has_redis):
        console.print("[red]Several workers need PostgreSQL and Redis.[/red]")
        raise typer.Exit(2)
    _ = settings.keyring  # made before the workers start, so that they share it
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


@app.command()
def worker() -> None:
    """Do jobs, without serving. As many as wanted may run."""
    settings = Settings()
    configure_logs(as_json=settings.log_json)
    asyncio.run(_work(settings))


async def _work(settings: Settings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with _database(settings):
        bus = Bus(settings.broadcast_url, prefix=settings.broadcast_prefix)
        jobs = Worker(keyring=settings.keyring, hints=bus, senders=senders(settings), public_url=settings.public_url)
        bus.jobs_came = jobs.jobs_came
        await bus.start()
        jobs.start()
        await stopped.wait()
        await jobs.stop()
        await bus.stop()


@app.command()
def migrate() -> None:
    """Bring the database to the newest form."""

    async def work(settings: Settings) -> None:
        applied = await apply_migrations()
        act = Act(viewer=Viewer.system(uuid7()), keyring=settings.keyring)

        async def order_housekeeping(tx: Tx) -> None:
            tx.schedule(next_housekeeping(due_at=now_micros()))

        await transact(act, order_housekeeping)
        console.print(f"Applied {', '.join(applied)}." if applied else "Nothing to apply.")

    _run(work)


@app.command()
def demo(
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Do nothing when there is a shop already.")] = False,
    orders: Annotated[int, typer.Option(min=10, max=200_000, help="How many orders.")] = 3000,
) -> None:
    """Load a believable shop."""

    async def work(settings: Settings) -> None:
        if if_empty and await fetch_value(Sql("SELECT count(*) AS shops FROM shop")):
            console.print("There is a shop already; the demo is not loaded.")
            return
        await load_demo(settings.keyring, orders=orders, console=console)

    _run(work)


@shop.command("create")
def create_shop(
    slug: Annotated[str, typer.Argument(help="Names the shop in X-Shop.")],
    name: Annotated[str, typer.Option(help="What buyers know it by.")],
) -> None:
    """Make a shop with one queue."""

    async def work(settings: Settings) -> None:
        act = Act(viewer=Viewer.system(uuid7()), keyring=settings.keyring, language=Language.EN)
        await setup.create_shop(act, slug=slug, name=name)
        await create_queue(act, slug="general", name=name, is_default=True)
        console.print(f"Made {slug}.")

    _run(work)


@staff.command("create")
def create_staff(
    email: Annotated[str, typer.Argument(help="Signs in with it.")],
    name: Annotated[str, typer.Option(help="What buyers see.")],
    shop: ShopSlug,
    role: Annotated[Role, typer.Option(help="AGENT, SUPERVISOR or ADMIN.")] = Role.AGENT,
    capacity: Annotated[int, typer.Option(help="Open tickets at once.")] = 3,
    password: Annotated[
        str,
        typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for if left out."),
    ] = "",
) -> None:
    """Make an account that works on all queues."""

    async def work(settings: Settings) -> None:
        act = await _act(settings, shop)
        agent_id = await setup.create_agent(
            act, email=email, name=name, password=password, role=role, capacity=capacity
        )
        await join_queues(act, agent_id=agent_id)
        console.print(f"Made {email}.")

    _run(work)


@key.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    shop: ShopSlug,
    scope: Annotated[list[str], typer.Option(help="orders:write, orders:read or tickets:read; repeat for more.")],
) -> None:
    """Make an API key. It is shown this once."""

    async def work(settings: Settings) -> None:
        print(await keys.create_api_key(await _act(settings, shop), name=name, scopes=scope))

    _run(work)


@key.command("webhook")
def create_webhook_secret(
    source: Annotated[str, typer.Argument(help="Names the shop system.")], shop: ShopSlug
) -> None:
    """Make or replace the secret that signs what a shop system pushes. It is shown this once."""

    async def work(settings: Settings) -> None:
        print(await keys.create_webhook_source(await _act(settings, shop), source=source))

    _run(work)


@app.command()
def schema(
    write: Annotated[bool, typer.Option("--write", help="Write schema.graphql.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail when schema.graphql is not what the code says.")] = False,
) -> None:
    """Print the schema."""
    text = make_schema().as_str() + "\n"
    if check and SCHEMA_FILE.read_text(encoding="utf-8") != text:
        console.print("[red]schema.graphql differs from the code: run `make schema`.[/red]")
        raise typer.Exit(1)
    if write:
        SCHEMA_FILE.write_text(text, encoding="utf-8")
    if not (write or check):
        sys.stdout.write(text)

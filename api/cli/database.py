from __future__ import annotations

from typing import Annotated

import typer

from api.cli.session import console, run, stop
from api.demo import SLUG, load_demo
from api.migrating import migrate as apply_migrations
from api.settings import Settings
from domain.identity.queries import shop_by_slug
from domain.shared.act import Act, Viewer
from domain.shared.clock import now_micros, uuid7
from domain.shared.housekeeping import next_housekeeping
from domain.shared.sql import Sql, fetch_value
from domain.shared.transact import Tx, transact


def migrate() -> None:
    """Bring the database to the newest form."""

    async def work(settings: Settings) -> None:
        applied = await apply_migrations()
        act = Act(viewer=Viewer.system(uuid7()), keyring=settings.keyring)

        async def order_housekeeping(tx: Tx) -> None:
            tx.schedule(next_housekeeping(due_at=now_micros()))

        await transact(act, order_housekeeping)
        console.print(f"Applied {', '.join(applied)}." if applied else "Nothing to apply.")

    run(work, is_migrated=False)


def demo(
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Do nothing when there is a shop already.")] = False,
    orders: Annotated[int, typer.Option(min=10, max=200_000, help="How many orders.")] = 3000,
) -> None:
    """Load a believable shop, called demo, with staff who sign in with the password demo-password."""

    async def work(settings: Settings) -> None:
        if if_empty and await fetch_value(Sql("SELECT count(*) AS shops FROM shop")):
            console.print("There is a shop already; the demo is not loaded.")
            return
        if await shop_by_slug(SLUG):
            stop(f"There is a shop called {SLUG} already.")
        await load_demo(settings.keyring, orders=orders, console=console)

    run(work)

"""`python -m api …`: running the service and setting it up."""

from __future__ import annotations

import typer

from api.cli import accounts, database, running, schema

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=__doc__,
)
app.command()(running.serve)
app.command()(running.worker)
app.command()(database.migrate)
app.command()(database.demo)
app.add_typer(accounts.shop, name="shop")
app.add_typer(accounts.staff, name="staff")
app.add_typer(accounts.key, name="key")
app.command()(schema.schema)

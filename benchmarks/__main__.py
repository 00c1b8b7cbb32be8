"""`python -m benchmarks …`: what the service does a second on this machine, as tables in Markdown."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
import uvloop

from benchmarks.figures import circumstances
from benchmarks.pushes import measure_pushes
from benchmarks.queries import measure_queries
from benchmarks.stack import SQLITE, Stack, new_stack

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
Database = Annotated[
    str, typer.Option(help="`sqlite`, or the URL of a PostgreSQL server; a database is made there and dropped.")
]
Broadcast = Annotated[str, typer.Option(help="`memory://` or `redis://…`.")]
Measure = Callable[[Stack], Awaitable[str]]


@app.callback(invoke_without_command=True)
def both(context: typer.Context) -> None:
    """Both commands with their defaults, unless one is named."""
    if context.invoked_subcommand is None:
        queries()
        pushes()


@app.command()
def queries(
    database: Database = SQLITE,
    broadcast: Broadcast = "memory://",
    seconds: Annotated[float, typer.Option(min=1, max=120, help="For each kind of work.")] = 10,
    connections: Annotated[int, typer.Option(min=1, max=200, help="Requests at once.")] = 16,
) -> None:
    """Requests per second, latency and server CPU."""
    _run(
        f"Queries: {connections} connections, {seconds:g} s each",
        database,
        broadcast,
        lambda stack: measure_queries(stack, seconds=seconds, connections=connections),
    )


@app.command()
def pushes(
    database: Database = SQLITE,
    broadcast: Broadcast = "memory://",
    watchers: Annotated[int, typer.Option(min=100, max=10_000, help="Websockets.")] = 2000,
    seconds: Annotated[float, typer.Option(min=1, max=60, help="For each way of writing.")] = 10,
) -> None:
    """Pushes per second, latency from writing to the client, and memory per subscriber."""
    _run(
        f"Pushes: {watchers:,} watchers",
        database,
        broadcast,
        lambda stack: measure_pushes(stack, watchers=watchers, seconds=seconds),
    )


def _run(title: str, database: str, broadcast: str, measure: Measure) -> None:
    async def run() -> None:
        # Ended from outside, it still stops its children and drops its database.
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        async with new_stack(database, broadcast) as stack:
            known = await circumstances(stack)
            print(f"### {title}\n\n{await measure(stack)}\n\n{known}\n", flush=True)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())
    except asyncio.CancelledError:
        raise typer.Exit(128 + signal.SIGTERM) from None


if __name__ == "__main__":
    app()

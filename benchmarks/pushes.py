"""Websockets that watch one ticket, then as many that watch one queue."""

from __future__ import annotations

import resource

from benchmarks import idle, waves
from benchmarks.figures import shown, table
from benchmarks.progress import bar
from benchmarks.queue_watchers import watch_queue
from benchmarks.server import serving
from benchmarks.stack import Stack
from benchmarks.ticket_watchers import watch_ticket
from benchmarks.world import World, add_purchases, add_waiting_tickets, new_world

SPARE_FILES = 200


async def measure_pushes(stack: Stack, *, watchers: int, seconds: float) -> str:
    """The tables, in Markdown."""
    _allow_open_files(watchers + SPARE_FILES)
    async with stack.connected():
        world = await _filled_world(stack, watchers)
    # A server of its own for each: what the first kind of watchers leaves behind must not hide what the second costs.
    async with serving(stack) as server:
        wave, weight, alone = await watch_ticket(server, world, watchers=watchers, seconds=seconds)
    async with serving(stack) as server:
        queue_waves, queue_weight = await watch_queue(server, world, watchers=watchers, seconds=seconds)
    pushed = table(waves.HEAD, [each.row() for each in (wave, *queue_waves)])
    weighed = table(idle.HEAD, [weight, queue_weight])
    return f"{pushed}\n\nA message that nobody watches is answered within {shown(alone)} ms (median).\n\n{weighed}"


async def _filled_world(stack: Stack, watchers: int) -> World:
    world = await new_world(stack.keyring)
    with bar("Filling in orders", watchers) as step:
        await add_purchases(world, watchers, step)
    with bar("Filling in tickets", watchers) as step:
        await add_waiting_tickets(world, watchers, step)
    return world


def _allow_open_files(wanted: int) -> None:
    """Here, and so in the children: the server and the watchers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise RuntimeError(f"{wanted} open files are needed and {hard} allowed; see `ulimit -Hn`")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

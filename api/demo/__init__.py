"""A believable card shop to look around in: everything in it is made by the domain's own actions, in the past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from random import Random
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.demo import people, tickets
from api.demo.orders import KNOWN_NUMBER, SPAN, as_sold, refunds, sales
from api.demo.stage import Stage
from api.demo.tickets import Sold
from domain.identity.kinds import Lane
from domain.identity.queries import shop_by_slug
from domain.identity.setup import create_shop, set_lane
from domain.orders.facts import OrderDraft
from domain.orders.ingest import ingest_orders
from domain.orders.queries import orders_by_id
from domain.orders.rules import MOST_ORDERS
from domain.shared.act import Viewer
from domain.shared.clock import DAY, SECOND, now_micros, uuid7
from domain.shared.crypto import Keyring
from domain.shared.errors import Conflict

SLUG, SOURCE = "demo", "demo-shop"
VIPS = 6
MOST_REMEMBERED = 5_000
"""Of the orders sold; tickets are made about some of these."""


async def load_demo(keyring: Keyring, *, orders: int, console: Console) -> None:
    if await shop_by_slug(SLUG):
        raise Conflict(["slug"])
    now = now_micros()
    stage = Stage(keyring, uuid7(), now, Random(20260001))  # noqa: S311 - the same shop every time
    began_at = now - SPAN - DAY
    crew = await people.hire(stage, at=began_at)
    with _bars(console) as bars:
        selling = bars.add_task("Orders", total=orders)
        sold = await _sell(stage, orders, advance=lambda count: bars.advance(selling, count))
        cases = tickets.plan(stage, sold)
        await _honour(stage, [*_of_regulars(sold), *tickets.in_line(cases)[1::7]])
        serving = bars.add_task("Tickets", total=len(cases))
        await tickets.play_all(stage, crew, cases, advance=lambda: bars.advance(serving))
    await people.take_posts(stage, crew)
    # The shop itself comes last, so that a load that was broken off leaves none and can be begun again.
    await create_shop(stage.act(began_at), slug=SLUG, name="小卡演示店")
    console.print(f"Loaded the demo shop: {orders} orders, {len(cases)} tickets, {len(crew.workers)} accounts.")


def _bars(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


async def _sell(stage: Stage, count: int, *, advance: Callable[[int], None]) -> list[Sold]:
    """Takes the orders in as they were when sold, then those whose money went back; gives a part of them."""
    drafts = sales(stage.dice, count=count, now=stage.now)
    every = -(-count // MOST_REMEMBERED)
    remembered: list[Sold] = []
    changed: list[OrderDraft] = []
    while some := list(islice(drafts, MOST_ORDERS)):
        results = await _take_in(stage, [as_sold(draft) for draft in some], at=max(draft.placed_at for draft in some))
        changed += refunds(some)
        for number, (draft, result) in enumerate(zip(some, results, strict=True)):
            may_ask = draft.number != KNOWN_NUMBER and (draft.buyer.email or draft.buyer.phone)
            if number % every == 0 and may_ask:
                remembered.append(Sold(result, draft))
        advance(len(some))
    for start in range(0, len(changed), MOST_ORDERS):
        await _take_in(stage, changed[start : start + MOST_ORDERS], at=stage.now)
    return sorted(remembered, key=lambda one: one.draft.placed_at)


async def _take_in(stage: Stage, drafts: Sequence[OrderDraft], *, at: int) -> list[UUID]:
    """The orders' ids."""
    results = await ingest_orders(stage.act(min(at + 5 * SECOND, stage.now)), source=SOURCE, drafts=drafts)
    ids = [result.order_id for result in results if result.order_id]
    assert len(ids) == len(drafts), [result.error for result in results if result.error]
    return ids


def _of_regulars(sold: Sequence[Sold]) -> list[Sold]:
    """An order of each of those who bought most."""
    bought = Counter(one.draft.buyer.external_key for one in sold)
    theirs = {one.draft.buyer.external_key: one for one in sold}
    return [theirs[key] for key, _ in bought.most_common(VIPS)]


async def _honour(stage: Stage, sold: Sequence[Sold]) -> None:
    rows = await orders_by_id(Viewer.system(stage.shop_id), [one.order_id for one in sold])
    for row in rows.values():
        await set_lane(stage.act(stage.now), buyer_id=row["buyer_id"], lane=Lane.VIP)

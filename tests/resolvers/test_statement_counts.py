"""How many statements a query costs: a number of its own, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from tortoise.connection import get_connection

from domain.messaging.actions import put_in_inbox
from domain.shared.act import Role, Viewer
from domain.shared.sql import fetch_value, sql
from domain.shared.transact import Tx, transact
from domain.tickets.actions import ending, talking, working
from domain.tickets.actions.incidents import open_incident
from resolvers.shared.ids import encode_id
from tests.builders.scene import Person, Scene
from tests.resolvers.in_process import SCHEMA, a_context, ask

TICKET = """number status category opened: openedAt updatedAt isWaiting progressCursor priority
  order { number total { amount } } buyer { id } agent { name } queue { name } duplicateOf { number }
  ratings { score comment }
  events(last: 5) { nodes { type at actor { kind name } message { text } agent { name } queue { name } } }
  messages { nodes { text author { name } } }"""
ORDER = """number total { amount currency } product { name } buyer { id } cards { batch } deliveries { status }
  history { paymentStatus } tickets { number agent { name } queue { name } }"""

# A query of each field, and what it costs. Each edge and each connection is one statement for all of its parents.
COSTS: dict[str, tuple[str, int]] = {
    "viewer": ("{ viewer { role name } }", 0),
    "queues": ("{ queues { name categories } }", 1),
    "ticket": ("query($ticket: ID!) { ticket(id: $ticket) { number status } }", 1),
    "ticket, whole": (f"query($ticket: ID!) {{ ticket(id: $ticket) {{ {TICKET} }} }}", 9),
    "tickets": ("{ tickets { nodes { number } pageInfo { hasNextPage endCursor } edges { cursor } } }", 1),
    "tickets page": (f"{{ tickets(first: 20) {{ nodes {{ {TICKET} }} }} }}", 10),
    "order": ("query($order: ID!) { order(id: $order) { number } }", 1),
    "order, whole": (f"query($order: ID!) {{ order(id: $order) {{ {ORDER} }} }}", 9),
    "order by number": (f'{{ order(number: "XK100000000") {{ {ORDER} }} }}', 9),
    "orders": (f"{{ orders(first: 20) {{ nodes {{ {ORDER} }} }} }}", 9),
    "orderLookup": ('{ orderLookup(input: {number: "XK100000000", email: "b0@example.com"}) { paymentStatus } }', 2),
    "products": ("{ products { nodes { name } } }", 1),
    "incidents": ("{ incidents { nodes { title notice product { name } tickets { nodes { number } } } } }", 3),
    "inboxItems": ("{ inboxItems { nodes { subject text ticket { number } } } }", 2),
    "node": ("query($ticket: ID!) { node(id: $ticket) { id } }", 1),
    "nodes": ("query($all: [ID!]!) { nodes(ids: $all) { id ... on Ticket { order { number } } } }", 3),
}


@dataclass
class Counted:
    statements: list[str]


@contextmanager
def counting() -> Iterator[Counted]:
    """Every statement on either connection while it lasts."""
    counted = Counted([])
    connections = [get_connection("reader"), get_connection("default")]
    names = ("execute_query", "execute_query_dict", "execute_insert", "execute_script")

    def watched(run: Any) -> Any:
        async def noted(text: str, *values: Any) -> Any:
            counted.statements.append(text)
            return await run(text, *values)

        return noted

    for connection in connections:
        for name in names:
            setattr(connection, name, watched(getattr(connection, name)))
    try:
        yield counted
    finally:
        for connection in connections:
            for name in names:
                delattr(connection, name)


@dataclass
class Shop:
    scene: Scene
    staff: Person
    agent: Person
    buyer: Person
    tickets: list[str]
    orders: list[str]

    def asker(self, name: str) -> Viewer:
        if name == "orderLookup":
            return Viewer(role=Role.GUEST, shop_id=self.scene.shop_id)
        return self.buyer.viewer if name == "inboxItems" else self.staff.viewer

    async def cost(self, name: str) -> tuple[int, dict[str, Any]]:
        query = COSTS[name][0]
        given: dict[str, Any] = {"ticket": self.tickets[0], "order": self.orders[0], "all": self.tickets + self.orders}
        with counting() as counted:
            data = await ask(a_context(self.scene, self.asker(name)), query, **_used(query, given))
        return len(counted.statements), data


def _used(query: str, given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if f"${name}" in query}


async def open_shop(scene: Scene, count: int) -> Shop:
    """So many orders, each of a buyer of its own, with a ticket that has been through everything."""
    staff = await scene.agent("Sue", role=Role.SUPERVISOR, capacity=50)
    agents = [await scene.agent(f"Agent {number}", capacity=50) for number in range(2)]
    shop = Shop(scene, staff, agents[0], await scene.buyer("watcher@example.com"), [], [])
    for number in range(count):
        await _one_case(shop, number, agents[number % 2])
    product_id = await fetch_value(sql("SELECT id FROM product WHERE shop_id = {}", scene.shop_id))
    for number in range(min(count, 5)):
        await open_incident(scene.act(staff), title=f"Incident {number}", notice="We are on it.", product_id=product_id)
    return shop


async def _one_case(shop: Shop, number: int, agent: Person) -> None:
    scene, name = shop.scene, f"XK1{number:08d}"
    order_id = await scene.order(number=name, email=f"b{number}@example.com")
    buyer = await scene.buyer(f"b{number}@example.com")
    ticket_id = await scene.ticket(buyer, order_number=name)
    await scene.ticket(buyer, order_number=name)
    theirs = await scene.ticket(shop.buyer)
    await working.assign_ticket(scene.act(agent), ticket_id=ticket_id)
    await talking.add_message(scene.act(agent), ticket_id=ticket_id, text="yes?")
    await talking.add_message(scene.act(agent), ticket_id=ticket_id, text="psst", is_internal=True)
    await ending.resolve_ticket(scene.act(agent), ticket_id=ticket_id, text="done")
    await ending.rate_ticket(scene.act(buyer), ticket_id=ticket_id, score=5, comment="thanks")

    async def tell(tx: Tx) -> None:
        facts = {"number": name, "link": "/"}
        await put_in_inbox(
            tx, owner_id=shop.buyer.id, key=name, template="TICKET_OPENED", facts=facts, ticket_id=theirs
        )

    await transact(scene.act(), tell)
    shop.tickets.append(encode_id("Ticket", ticket_id))
    shop.orders.append(encode_id("Order", order_id))


@pytest.fixture(params=[1, 21], ids=["one row", "many rows"])
async def shop(request: pytest.FixtureRequest, scene: Scene) -> Shop:
    return await open_shop(scene, request.param)


async def test_each_query_costs_its_number_of_statements_whatever_the_number_of_rows(shop: Shop) -> None:
    costs = {name: (await shop.cost(name))[0] for name in COSTS}
    assert costs == {name: cost for name, (_, cost) in COSTS.items()}


async def test_the_page_that_was_counted_is_full(scene: Scene) -> None:
    """Else a cheap answer might be an empty one."""
    shop = await open_shop(scene, 21)
    _, data = await shop.cost("tickets page")
    nodes = data["tickets"]["nodes"]
    assert len(nodes) == 20
    whole = [node for node in nodes if node["agent"]]
    assert whole
    for node in whole:
        assert node["order"]["number"]
        assert len(node["events"]["nodes"]) == 5
        assert any(event["message"] and event["message"]["text"] for event in node["events"]["nodes"])
        assert any(message["author"]["name"] for message in node["messages"]["nodes"])
        assert node["ratings"] == [{"score": 5, "comment": "thanks"}]
    for name in ("orders", "products", "inboxItems", "incidents", "queues"):
        _, data = await shop.cost(name)
        found = next(iter(data.values()))
        assert found["nodes"] if isinstance(found, dict) else found


def test_no_query_is_left_out() -> None:
    assert SCHEMA._schema.query_type is not None
    assert set(SCHEMA._schema.query_type.fields) == {name for name in COSTS if name.isalpha()}

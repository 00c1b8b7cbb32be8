"""Three kinds of requests: how many a second, how long one takes, and what it costs the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import orjson

from benchmarks.figures import table
from benchmarks.http_client import Connection, graphql_request
from benchmarks.load import HEAD, Load, Question, put_load
from benchmarks.progress import bar
from benchmarks.server import HOST, Server, serving
from benchmarks.stack import Stack
from benchmarks.world import STORY, World, add_purchases, add_told_tickets, new_world
from domain.identity.rules import masked
from domain.shared.act import ContactKind
from domain.shared.clock import now_micros
from domain.shared.jobs import count_jobs
from domain.shared.sql import Sql, fetch_value
from domain.tickets.kinds import TicketCategory
from resolvers.shared.ids import split_id

ORDERS = 2_000
PAGES = 10
NAMED_ORDERS = 100
PAGE = """query Page($after: String) { tickets(first: 20, after: $after) {
  nodes {
    id number category status priority lane openedAt updatedAt
    order { number paymentStatus deliveryStatus placedAt productName quantity }
    buyer { maskedContact lane createdAt }
    events(last: 5) { nodes { type at fromStatus toStatus } }
  }
  pageInfo { endCursor }
} }"""
ORDER = """query One($number: String!) { order(number: $number) {
  id number paymentStatus deliveryStatus paymentMethod placedAt paidAt productName quantity version
} }"""
OPEN = """mutation Open($input: TicketOpenInput!) { ticketOpen(input: $input) {
  ticket { id number status } userErrors { code }
} }"""
# A ticket whose order has another one of the same category open is linked to it; so each pair is used once.
CATEGORIES = list(TicketCategory)[:12]
AT_FIRST, LATER = CATEGORIES[:6], CATEGORIES[6:]


async def measure_queries(stack: Stack, *, seconds: float, connections: int) -> str:
    """The table, in Markdown."""
    async with stack.connected():
        world = await _filled_world(stack)

    async def load(server: Server, name: str, questions: Iterator[Question]) -> Load:
        return await put_load(server, name, questions, seconds=seconds, connections=connections)

    async with serving(stack) as server:
        pages, orders = await _pages(server, world), await _orders(server, world)
        loads = [
            await load(server, "tickets page", cycle(pages)),
            await load(server, "one order", cycle(orders)),
            await load(server, "open ticket, its notices in the same process", _openings(world, AT_FIRST)),
        ]
        left = await _jobs_left(stack)
    async with serving(stack, XIAOKA_WORKER="false") as server:
        loads.append(await load(server, "open ticket, its notices elsewhere", _openings(world, LATER)))
    async with stack.connected():
        kept = await fetch_value(Sql("SELECT count(*) AS tickets FROM ticket"))
    told = ORDERS + loads[2].answers + loads[3].answers
    assert kept == told, f"{told} tickets were confirmed and {kept} are there"
    rows = table(HEAD, [load.row() for load in loads])
    return f"{rows}\n\nJobs not done yet when the third measurement ended: {left:,}."


async def _jobs_left(stack: Stack) -> int:
    async with stack.connected():
        counts = await count_jobs(now=now_micros())
    return int(counts["due"])


async def _filled_world(stack: Stack) -> World:
    world = await new_world(stack.keyring)
    with bar("Filling in orders", ORDERS) as step:
        await add_purchases(world, ORDERS, step)
    with bar("Filling in tickets", ORDERS) as step:
        await add_told_tickets(world, ORDERS, step)
    return world


# What is asked. Each answer is looked at once field by field; under load it must stay the same to the byte.


async def _answer(server: Server, request: bytes) -> tuple[bytes, Any]:
    connection = await Connection.open(HOST, server.port)
    try:
        status, body = await connection.ask(request)
    finally:
        connection.close()
    answer = orjson.loads(body)
    assert status == 200, body[:500]
    assert "errors" not in answer, body[:500]
    return body, answer["data"]


async def _pages(server: Server, world: World) -> list[Question]:
    questions, after, seen = [], None, set()
    for _ in range(PAGES):
        request = graphql_request(PAGE, {"after": after}, token=world.agents[0].token)
        body, found = await _answer(server, request)
        nodes, after = found["tickets"]["nodes"], found["tickets"]["pageInfo"]["endCursor"]
        assert len(nodes) == 20
        for node in nodes:
            _assert_ticket(world, node)
        opened = [node["openedAt"] for node in nodes]
        assert opened == sorted(opened, reverse=True)
        seen |= {node["id"] for node in nodes}
        questions.append(Question(request, body.__eq__))
    assert len(seen) == 20 * PAGES
    return questions


def _assert_ticket(world: World, node: Any) -> None:
    split = split_id(node["id"])
    assert split is not None
    purchase = world.tickets[split[1]]
    assert node["order"]["number"] == purchase.number
    assert node["order"]["paymentStatus"] == "PAID"
    assert node["buyer"]["maskedContact"] == masked(ContactKind.EMAIL, purchase.email)
    assert [event["type"] for event in node["events"]["nodes"]] == STORY[-5:]
    assert (node["status"], node["category"]) == ("RESOLVED", "INVALID_CARD")
    sizes = [len(node), len(node["order"]), len(node["buyer"]), len(node["events"]["nodes"][0])]
    assert sizes == [8 + 3, 6, 3, 4]
    assert None not in node.values()


async def _orders(server: Server, world: World) -> list[Question]:
    questions = []
    for purchase in world.purchases[:NAMED_ORDERS]:
        request = graphql_request(ORDER, {"number": purchase.number}, token=world.agents[0].token)
        body, found = await _answer(server, request)
        assert found["order"]["number"] == purchase.number
        assert len(found["order"]) == 10
        assert None not in found["order"].values()
        questions.append(Question(request, body.__eq__))
    return questions


def _openings(world: World, categories: Sequence[TicketCategory]) -> Iterator[Question]:
    """At most one for each category and buyer: fewer than the throttle lets pass."""
    for category in categories:
        for purchase in world.purchases:
            given = {"orderNumber": purchase.number, "text": "It does not work.", "category": category}
            request = graphql_request(OPEN, {"input": given}, token=purchase.buyer.token)
            yield Question(request, _is_opened)


def _is_opened(body: bytes) -> bool:
    return body.startswith(b'{"data":{"ticketOpen":{"ticket":{"id":"') and body.endswith(
        b'"status":"NEW"},"userErrors":[]}}}'
    )

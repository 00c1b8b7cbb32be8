"""Two shops on one server: what belongs to one does not exist for the other."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from graphql import GraphQLInputObjectType, GraphQLInputType, get_named_type

from api.schema import make_schema
from domain.identity.actions import request_code
from domain.identity.contacts import find_contact
from domain.identity.kinds import ContactText
from domain.identity.setup import create_agent
from domain.shared.act import ContactKind, Role, Viewer
from domain.shared.sql import fetch_value, sql
from domain.tickets.actions.incidents import open_incident
from domain.tickets.setup import join_queues
from resolvers.shared.ids import encode_id
from tests.builders.client import Client, Refused
from tests.builders.scene import Person, Scene, a_scene, order_input
from tests.builders.stacks import KINDS, Stack, new_stack
from tests.builders.written import everything_written, jobs_done
from tests.servers.xiaoka import XiaokaServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

EMAIL, NUMBER, PASSWORD = "li@example.com", "XK20261122001", "correct horse"


@dataclass
class Side:
    """One of the shops, with one of everything that has an id."""

    scene: Scene
    server: XiaokaServer
    buyer: Person
    lead: Person
    ids: dict[str, str]
    spare_ticket: UUID

    def client(self, who: Person | None, *, shop: str | None = None) -> Client:
        return Client(self.server.url, token=who.token if who else None, shop=shop)


async def a_side(scene: Scene, server: XiaokaServer) -> Side:
    """Both shops have the same numbers, keys and people, so that nothing but the shop tells them apart."""
    order_id = await scene.order(email=EMAIL, number=NUMBER, external_key="same-key")
    buyer, lead = await scene.buyer(EMAIL), await scene.agent("Ann", role=Role.SUPERVISOR, capacity=50)
    agent_id = await create_agent(scene.act(), email="ann@example.com", name="Ann", password=PASSWORD)
    await join_queues(scene.act(), agent_id=agent_id)
    product_id = await fetch_value(sql("SELECT product_id FROM shop_order WHERE id = {}", order_id))
    ticket_id = await scene.ticket(buyer, order_id=order_id)
    message_id = await fetch_value(sql("SELECT id FROM message WHERE ticket_id = {}", ticket_id))
    incident_id = await open_incident(
        scene.act(lead), title="Codes are late", notice="We are on it", ticket_ids=[ticket_id]
    )
    contact_id = await find_contact(scene.act(), ContactText(ContactKind.EMAIL, EMAIL))
    guest = scene.act(Viewer(role=Role.GUEST, shop_id=scene.shop_id))
    challenge = await request_code(
        guest, contact_id=contact_id, kind=ContactKind.EMAIL, masked_destination="l***@example.com", asked_by=EMAIL
    )
    keys = {
        "Shop": scene.shop_id, "Order": order_id, "Product": product_id, "Ticket": ticket_id, "Message": message_id,
        "Queue": scene.queue_id, "Agent": lead.id, "Buyer": buyer.id, "Incident": incident_id,
        "Challenge": challenge.id,
    }  # fmt: skip
    spare = await scene.ticket(buyer, text="another")
    return Side(scene, server, buyer, lead, {name: encode_id(name, key) for name, key in keys.items()}, spare)


Place = tuple[Stack, XiaokaServer]
_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """One server for all tests; each of them opens two shops of its own on it."""
    async with (
        new_stack(request.param, tmp_path_factory.mktemp("place")) as stack,
        stack.connected(),
        XiaokaServer(stack.environment) as server,
    ):
        yield stack, server


async def a_new_side(place: Place) -> Side:
    stack, server = place
    side = await a_side(await a_scene(stack.keyring, slug=f"shop-{next(_numbers)}"), server)
    await jobs_done()
    return side


@pytest_asyncio.fixture(loop_scope="module")
async def ours(place: Place) -> Side:
    return await a_new_side(place)


@pytest_asyncio.fixture(loop_scope="module")
async def theirs(place: Place) -> Side:
    return await a_new_side(place)


# What each mutation is called with; `Name` stands for the id of our Name.
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("codeVerify", {"challengeId": "Challenge", "code": "no"}),
    ("ticketOpen", {"orderId": "Order", "text": "It does not work"}),
    ("messageAdd", {"ticketId": "Ticket", "text": "Hello"}),
    ("ticketPrioritize", {"ticketId": "Ticket", "priority": "HIGH"}),
    ("ticketAssign", {"ticketId": "Ticket", "agentId": "Agent"}),
    ("ticketTransfer", {"ticketId": "Ticket", "queueId": "Queue"}),
    ("ticketTransfer", {"ticketId": "Ticket", "agentId": "Agent"}),
    ("ticketResolve", {"ticketId": "Ticket", "text": "Here it is"}),
    ("ticketRate", {"ticketId": "Ticket", "score": 5}),
    ("ticketReopen", {"ticketId": "Ticket"}),
    ("incidentOpen", {"title": "t", "notice": "n", "ticketIds": ["Ticket"], "productId": "Product"}),
    ("incidentJoin", {"incidentId": "Incident", "ticketIds": ["Ticket"]}),
    ("incidentResolve", {"incidentId": "Incident", "text": "Mended"}),
    ("ticketClaimNext", {"queueId": "Queue"}),
]
QUERIES = {
    "node.id": ("Ticket", "query($id: ID!) { node(id: $id) { id } }"),
    "nodes.ids": ("Order", "query($id: ID!) { nodes(ids: [$id]) { id } }"),
    "order.id": ("Order", "query($id: ID!) { order(id: $id) { id } }"),
    "ticket.id": ("Ticket", "query($id: ID!) { ticket(id: $id) { id } }"),
    "orders.filter.buyerId": ("Buyer", "query($id: ID!) { orders(filter: {buyerId: $id}) { nodes { id } } }"),
    "orders.filter.productId": ("Product", "query($id: ID!) { orders(filter: {productId: $id}) { nodes { id } } }"),
    "tickets.filter.queueId": ("Queue", "query($id: ID!) { tickets(filter: {queueId: $id}) { nodes { id } } }"),
    "tickets.filter.agentId": ("Agent", "query($id: ID!) { tickets(filter: {agentId: $id}) { nodes { id } } }"),
    "tickets.filter.orderId": ("Order", "query($id: ID!) { tickets(filter: {orderId: $id}) { nodes { id } } }"),
    "tickets.filter.buyerId": ("Buyer", "query($id: ID!) { tickets(filter: {buyerId: $id}) { nodes { id } } }"),
}
SUBSCRIPTIONS = {
    "ticketProgress.ticketId": ("Ticket", "subscription($id: ID!) { ticketProgress(ticketId: $id) { cursor } }"),
    "queuePosition.ticketId": ("Ticket", "subscription($id: ID!) { queuePosition(ticketId: $id) { state } }"),
    "queueBoard.queueId": ("Queue", "subscription($id: ID!) { queueBoard(queueId: $id) { waitingCount } }"),
}


def id_paths(kind: GraphQLInputType, path: str) -> Iterator[str]:
    """Where ids are among the arguments."""
    named = get_named_type(kind)
    if named.name == "ID":
        yield path
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            yield from id_paths(field.type, f"{path}.{name}")


def id_arguments(root: Any) -> set[str]:
    return {
        path
        for name, field in root.fields.items()
        for argument, value in field.args.items()
        for path in id_paths(value.type, f"{name}.{argument}")
    }


async def test_every_argument_that_is_an_id_is_tried_below() -> None:
    schema = make_schema()._schema
    assert id_arguments(schema.query_type) == set(QUERIES)
    assert id_arguments(schema.subscription_type) == set(SUBSCRIPTIONS)
    tried = {f"{field}.input.{name}" for field, given in CALLS for name in given}
    assert id_arguments(schema.mutation_type) <= tried


def filled(given: Any, ids: dict[str, str]) -> Any:
    if isinstance(given, dict):
        return {name: filled(value, ids) for name, value in given.items()}
    if isinstance(given, list):
        return [filled(value, ids) for value in given]
    return ids.get(given, given) if isinstance(given, str) else given


def is_id(value: Any) -> bool:
    first = value[0] if isinstance(value, list) else value
    return isinstance(first, str) and first in {"Challenge", "Order", "Ticket", "Agent", "Queue", "Product", "Incident"}


def caller(side: Side, field: str) -> Client:
    return side.client(side.buyer if field == "ticketRate" else side.lead)


async def codes(client: Client, field: str, given: dict[str, Any]) -> list[str]:
    return [error["code"] for error in (await client.attempt(field, "__typename", **given))["userErrors"]]


async def test_a_mutation_with_an_id_of_the_other_shop_does_nothing(ours: Side, theirs: Side) -> None:
    before = await everything_written()
    for field, given in CALLS:
        for name in (name for name, value in given.items() if is_id(value)):
            async with caller(ours, field) as client:
                wrong = filled(given, ours.ids) | {name: filled(given[name], theirs.ids)}
                wanted = ["CODE_EXPIRED"] if field == "codeVerify" else ["NOT_FOUND"]
                assert await codes(client, field, wrong) == wanted, (field, name)
    assert await everything_written() == before
    for field, given in CALLS:
        async with caller(ours, field) as client:
            found = await codes(client, field, filled(given, ours.ids))
            assert found == (["CODE_INVALID"] if field == "codeVerify" else []), (field, found)


async def test_a_query_with_an_id_of_the_other_shop_finds_nothing(ours: Side, theirs: Side) -> None:
    async with ours.client(ours.lead) as lead, ours.client(ours.buyer) as buyer:
        claimed = await codes(lead, "ticketAssign", {"ticketId": ours.ids["Ticket"]})
        assert claimed == []
        for who in (lead, buyer):
            for name, (kind, query) in QUERIES.items():
                assert not found_in(await who.run(query, id=theirs.ids[kind])), name
                assert found_in(await who.run(query, id=ours.ids[kind])), name
        for kind, id_ in theirs.ids.items():
            if kind != "Challenge":
                node = "query($id: ID!) { node(id: $id) { id } }"
                assert (await lead.run(node, id=id_))["node"] is None, kind
                assert (await lead.run(node, id=ours.ids[kind]))["node"] == {"id": ours.ids[kind]}
        mixed = [ours.ids["Ticket"], theirs.ids["Ticket"], theirs.ids["Order"], ours.ids["Order"]]
        nodes = (await lead.run("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=mixed))["nodes"]
        assert nodes == [{"id": mixed[0]}, None, None, {"id": mixed[3]}]


def found_in(answer: dict[str, Any]) -> list[Any]:
    (value,) = answer.values()
    values = value if isinstance(value, list) else value["nodes"] if value and "nodes" in value else [value]
    return [item for item in values if item is not None]


async def test_a_subscription_to_something_of_the_other_shop_finds_nothing(ours: Side, theirs: Side) -> None:
    async with ours.client(ours.lead) as lead, lead.socket() as socket:
        for kind, query in SUBSCRIPTIONS.values():
            stream = await socket.subscribe(query, id=theirs.ids[kind])
            with pytest.raises(Refused) as refused:
                await stream.next()
            assert refused.value.codes == ["NOT_FOUND"]
            stream = await socket.subscribe(query, id=ours.ids[kind])
            assert await stream.next()
            await stream.complete()
        board = await socket.subscribe("subscription { queueBoard { queue { id } next { id } } }")
        shown = [await board.next() for _ in range(2)]
        assert {item["queue"]["id"] for item in shown} == {ours.ids["Queue"]}
        assert not {ticket["id"] for item in shown for ticket in item["next"]} & set(theirs.ids.values())


async def test_lists_hold_the_things_of_ones_own_shop_alone(ours: Side, theirs: Side) -> None:
    query = """query($orders: String, $tickets: String) {
      viewer { shop { id } buyer { id } agent { id } } queues { id }
      orders(after: $orders) { nodes { id buyer { id } product { id } tickets { id } } edges { cursor } }
      tickets(after: $tickets) {
        nodes { id queue { id } order { id } messages { nodes { id } } } edges { cursor } } }"""
    lists = "{ products { nodes { id } } incidents { nodes { id } } inboxItems { nodes { ticket { id } } } }"
    integrators = [
        Client(s.server.url, token=await s.scene.api_key("orders:read", "tickets:read")) for s in (ours, theirs)
    ]
    for side, other, integrator in ((ours, theirs, integrators[0]), (theirs, ours, integrators[1])):
        foreign = {other.ids[kind] for kind in other.ids} | {encode_id("Ticket", other.spare_ticket)}
        async with side.client(side.lead) as lead, side.client(side.buyer) as buyer, integrator as system:
            for who in (lead, buyer, system):
                shown = json.dumps([await who.run(query), await who.run(lists) if who is not system else None])
                assert side.ids["Ticket"] in shown and side.ids["Order"] in shown and side.ids["Shop"] in shown
                assert not [id_ for id_ in foreign if id_ in shown]
    async with theirs.client(theirs.lead) as lead, ours.client(ours.lead) as other:
        page = await lead.run(query)
        cursors = {name: page[name]["edges"][0]["cursor"] for name in ("orders", "tickets")}
        shown = json.dumps(await other.run(query, **cursors))
        assert not [id_ for id_ in theirs.ids.values() if id_ in shown]


async def test_tokens_and_keys_belong_to_one_shop(ours: Side, theirs: Side) -> None:
    key = await ours.scene.api_key("orders:read", "orders:write")
    before = await everything_written()
    for token in (ours.lead.token, ours.buyer.token, key):
        async with Client(ours.server.url, token=token, shop=theirs.scene.slug) as client:
            answer = await client.post({"query": "{ viewer { role } }"})
            assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
        async with Client(ours.server.url, token=token, shop=ours.scene.slug) as client:
            assert (await client.run("{ viewer { shop { slug } } }"))["viewer"]["shop"]["slug"] == ours.scene.slug
    async with Client(ours.server.url) as nameless:
        answer = await nameless.post({"query": "{ viewer { role } }"})
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
    assert await everything_written() == before


async def test_orders_with_the_same_key_and_number_stay_apart(ours: Side, theirs: Side) -> None:
    async with Client(ours.server.url, token=await ours.scene.api_key("orders:write", "orders:read")) as system:
        order = order_input(externalId="same-key", number=NUMBER, version=9, quantity=7, buyer={"email": EMAIL})
        payload = await system.mutate("orderIngest", "results { outcome order { id } }", source="test", orders=[order])
        assert payload["results"] == [{"outcome": "UPDATED", "order": {"id": ours.ids["Order"]}}]
    by_number = "query($n: String!) { order(number: $n) { id quantity } }"
    look_up = "query($i: OrderLookupInput!) { orderLookup(input: $i) { quantity } }"
    for side, quantity in ((ours, 7), (theirs, 1)):
        async with side.client(side.lead) as lead, side.client(None, shop=side.scene.slug) as guest:
            found = await lead.run(by_number, n=NUMBER)
            assert found["order"] == {"id": side.ids["Order"], "quantity": quantity}
            shown = await guest.run(look_up, i={"number": NUMBER, "email": EMAIL})
            assert shown["orderLookup"] == {"quantity": quantity}


async def test_signing_in_and_refreshing_stay_within_the_shop(ours: Side, theirs: Side) -> None:
    granted = "token refreshToken viewer { shop { slug } agent { name } }"
    for side, other in ((ours, theirs.scene.slug), (theirs, ours.scene.slug)):
        slug = side.scene.slug
        async with side.client(None, shop=slug) as guest, side.client(None, shop=other) as stranger:
            signed_in = await guest.mutate("staffLogin", granted, email="ann@example.com", password=PASSWORD)
            assert signed_in["viewer"] == {"shop": {"slug": slug}, "agent": {"name": "Ann"}}
            async with Client(side.server.url, token=signed_in["token"]) as agent:
                assert (await agent.run("{ viewer { shop { slug } } }"))["viewer"]["shop"]["slug"] == slug
            refused = await stranger.attempt("sessionRefresh", granted, refreshToken=signed_in["refreshToken"])
            assert refused["token"] is None
            assert [error["code"] for error in refused["userErrors"]] == ["SESSION_ENDED"]
            again = await guest.mutate("sessionRefresh", granted, refreshToken=signed_in["refreshToken"])
            assert again["viewer"] == signed_in["viewer"]


async def test_a_claim_never_takes_a_ticket_of_the_other_shop(ours: Side, theirs: Side) -> None:
    async with ours.client(ours.lead) as lead:
        claimed = []
        while (ticket := (await lead.mutate("ticketClaimNext", "ticket { id }"))["ticket"]) is not None:
            claimed.append(ticket["id"])
    assert sorted(claimed) == sorted([ours.ids["Ticket"], encode_id("Ticket", ours.spare_ticket)])
    waiting = sql(
        "SELECT count(*) AS waiting FROM ticket WHERE shop_id = {} AND is_waiting = {}", theirs.scene.shop_id, True
    )
    assert await fetch_value(waiting) == 2

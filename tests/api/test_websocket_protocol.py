from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from domain.identity.models import Session
from domain.identity.sessions import _token
from domain.shared.clock import SECOND, now_micros
from domain.shared.crypto import Keyring
from domain.tickets.actions.talking import add_message
from resolvers.shared.ids import encode_id
from tests.api.conftest import Shop
from tests.builders.scene import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE = 20.0
INIT: dict[str, Any] = {"type": "connection_init"}
GOOD: dict[str, Any] = {"query": "{ viewer { role } }"}
BOARD: dict[str, Any] = {"query": "subscription { queueBoard { waitingCount } }"}


@asynccontextmanager
async def connected(
    shop: Shop, *, protocols: tuple[str, ...] = ("graphql-transport-ws",)
) -> AsyncIterator[ClientConnection]:
    async with websockets.connect(
        shop.server.websocket_url + "/graphql",
        subprotocols=[websockets.Subprotocol(name) for name in protocols] or None,
        proxy=None,
        compression=None,
    ) as connection:
        yield connection


async def send(connection: ClientConnection, message: Any) -> None:
    await connection.send(json.dumps(message))


async def receive(connection: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(connection.recv(), PATIENCE))
    return message


async def begin(connection: ClientConnection, who: Person | None = None) -> None:
    payload = {"authorization": f"Bearer {who.token}"} if who else {}
    await send(connection, INIT | {"payload": payload})
    assert (await receive(connection))["type"] == "connection_ack"


async def answers(connection: ClientConnection, number: str = "honest") -> None:
    """An honest query works on this socket."""
    await send(connection, {"id": number, "type": "subscribe", "payload": GOOD})
    while (message := await receive(connection)).get("id") != number:
        pass
    assert message["type"] == "next" and message["payload"]["data"]["viewer"]["role"]


async def close_code(connection: ClientConnection) -> int | None:
    """What the server closes with; messages before it are read and dropped."""
    async with asyncio.timeout(PATIENCE):
        try:
            while True:
                await connection.recv()
        except websockets.ConnectionClosed:
            return connection.close_code


async def code_after(shop: Shop, *messages: Any, who: Person | None = None, is_begun: bool = True) -> int | None:
    async with connected(shop) as connection:
        if is_begun:
            await begin(connection, who)
        for message in messages:
            await connection.send(message if isinstance(message, str | bytes) else json.dumps(message))
        return await close_code(connection)


def subscribe(payload: Any = GOOD, id: Any = "1") -> dict[str, Any]:
    return {"id": id, "type": "subscribe", "payload": payload}


WRONG_SHAPES: dict[str, Any] = {
    "not JSON": "{",
    "bytes": b"{}",
    "deep brackets": "[" * 100_000,
    "5,000 digits": "1" * 5000,
    "null": None,
    "a number": 1,
    "a text": "connection_init".join('""'),
    "a list": [],
    "no type": {},
    "a number as type": {"type": 1},
    "an unknown type": {"type": "start"},
    "subscribe without id": {"type": "subscribe", "payload": GOOD},
    "subscribe with an empty id": subscribe(id=""),
    "subscribe with a number as id": subscribe(id=1),
    "subscribe with an object as id": subscribe(id={}),
    "subscribe with a long id": subscribe(id="x" * 201),
    "subscribe without payload": {"id": "1", "type": "subscribe"},
    "subscribe with a text as payload": subscribe("{ viewer { role } }"),
    "subscribe without query": subscribe({}),
    "subscribe with a number as query": subscribe({"query": 1}),
    "subscribe with a text as variables": subscribe(GOOD | {"variables": "{}"}),
    "subscribe with a list as extensions": subscribe(GOOD | {"extensions": []}),
    "subscribe with a number as operationName": subscribe(GOOD | {"operationName": 1}),
    "complete without id": {"type": "complete"},
    "complete with a list as id": {"type": "complete", "id": []},
}


async def test_a_message_of_the_wrong_shape_closes_with_4400(shop: Shop, unchanged: None) -> None:
    codes = {name: await code_after(shop, message) for name, message in WRONG_SHAPES.items()}
    assert codes == dict.fromkeys(WRONG_SHAPES, 4400)
    for payload in ("x", 1, []):
        assert await code_after(shop, INIT | {"payload": payload}, is_begun=False) == 4400
    assert "Traceback" not in shop.server.log_file.read_text(errors="replace")


async def test_a_null_payload_of_connection_init_counts_as_none(shop: Shop) -> None:
    for init in (INIT, INIT | {"payload": None}, INIT | {"payload": {}}):
        async with connected(shop) as connection:
            await send(connection, init)
            assert await receive(connection) == {"type": "connection_ack", "payload": {"role": "GUEST"}}
            await answers(connection)


async def test_an_operation_before_connection_init_closes_with_4401(shop: Shop) -> None:
    assert await code_after(shop, subscribe(), is_begun=False) == 4401


async def test_who_cannot_be_recognised_is_closed_with_4403(shop: Shop, unchanged: None) -> None:
    foreign = _token_that_ends_at(Keyring.generated(), shop.agent, now_micros() + 60 * SECOND)
    expired = _token_that_ends_at(shop.scene.keyring, shop.agent, now_micros() - SECOND)
    for payload in (
        {"authorization": "Bearer nobody"},
        {"authorization": "nobody"},
        {"authorization": 5},
        {"authorization": f"Bearer {foreign}"},
        {"authorization": f"Bearer {expired}"},
        {"authorization": "Bearer xk_\ud800"},
        {"authorization": f"Bearer xk_{shop.scene.shop_id.hex}_\ud800"},
        {"shop": "nothing"},
        {"shop": "\0"},
        {"shop": "\ud800"},
        {"shop": ["demo"]},
        {"language": 5},
    ):
        assert await code_after(shop, INIT | {"payload": payload}, is_begun=False) == 4403, payload
    assert "Traceback" not in shop.server.log_file.read_text(errors="replace")


def _token_that_ends_at(keyring: Keyring, person: Person, expires_at: int) -> str:
    viewer = person.viewer
    session = Session(
        id=viewer.session_id,
        shop_id=viewer.shop_id,
        role=viewer.role,
        principal_id=viewer.principal_id,
        contact_id=viewer.contact_id,
        contact_kind=viewer.contact_kind,
        refresh_hash=b"",
        created_at=0,
        expires_at=expires_at,
    )
    return _token(keyring, session, viewer, expires_at)


async def test_a_socket_is_closed_with_4403_when_its_token_runs_out(shop: Shop) -> None:
    token = _token_that_ends_at(shop.scene.keyring, shop.agent, now_micros() + 3 * SECOND)
    async with connected(shop) as connection:
        await send(connection, INIT | {"payload": {"authorization": f"Bearer {token}"}})
        assert (await receive(connection))["type"] == "connection_ack"
        await answers(connection)
        await send(connection, subscribe(BOARD))
        assert (await receive(connection))["id"]
        assert await close_code(connection) == 4403


async def test_other_protocols_are_closed_with_4406(shop: Shop) -> None:
    for protocols in (("graphql-ws",), ("json",), ()):
        async with connected(shop, protocols=protocols) as connection:
            assert await close_code(connection) == 4406
    async with connected(shop, protocols=("graphql-ws", "graphql-transport-ws")) as connection:
        assert connection.subprotocol == "graphql-transport-ws"


async def test_a_socket_that_never_begins_is_closed_with_4408(shop: Shop) -> None:
    assert await code_after(shop, is_begun=False) == 4408


async def test_an_id_that_is_in_use_closes_with_4409_and_a_finished_one_may_be_used_again(shop: Shop) -> None:
    assert await code_after(shop, subscribe(BOARD), subscribe(BOARD), who=shop.agent) == 4409
    async with connected(shop) as connection:
        await begin(connection)
        for _ in range(2):
            await answers(connection, "same")
            assert await receive(connection) == {"id": "same", "type": "complete"}


async def test_a_second_connection_init_closes_with_4429(shop: Shop) -> None:
    assert await code_after(shop, INIT | {"payload": {}}) == 4429


async def test_a_page_of_another_origin_may_not_open_a_socket(shop: Shop) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(
            shop.server.websocket_url + "/graphql",
            subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
            additional_headers={"origin": "https://elsewhere.example"},
            proxy=None,
        ):
            raise AssertionError("it was opened")
    assert refused.value.response.status_code == 403


async def test_a_refused_operation_leaves_the_socket_and_its_streams_alone(shop: Shop) -> None:
    ticket_id = await shop.scene.ticket(shop.buyer, text="where is it")
    query = "subscription($id: ID!) { ticketProgress(ticketId: $id) { initial event { type } } }"
    refused = {
        "syntax": ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        "no query": ({"query": ""}, "BAD_REQUEST"),
        "name": (GOOD | {"operationName": "Nothing"}, "BAD_REQUEST"),
        "bad name": (GOOD | {"operationName": "\ud800"}, "BAD_REQUEST"),
        "field": ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        "stream": ({"query": "subscription { ticketProgress(ticketId: 1) { cursor } }"}, "BAD_USER_INPUT"),
        "rights": (BOARD, "FORBIDDEN"),
    }
    async with connected(shop) as connection:
        await begin(connection, shop.buyer)
        await send(connection, subscribe({"query": query, "variables": {"id": encode_id("Ticket", ticket_id)}}, "mine"))
        assert (await receive(connection))["payload"]["data"]["ticketProgress"]["initial"]
        for id_, (payload, code) in refused.items():
            await send(connection, subscribe(payload, id_))
            message = await receive(connection)
            assert message["id"] == id_
            errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
            assert [error["extensions"]["code"] for error in errors] == [code], id_
            if message["type"] == "next":
                assert await receive(connection) == {"id": id_, "type": "complete"}
        await add_message(shop.scene.act(shop.buyer), ticket_id=ticket_id, text="still nothing")
        pushed = await receive(connection)
        assert pushed["id"] == "mine"
        assert pushed["payload"]["data"]["ticketProgress"]["event"] == {"type": "MESSAGE_ADDED"}


async def test_two_operations_share_a_socket_and_one_can_be_ended(shop: Shop) -> None:
    async with connected(shop) as connection:
        await begin(connection, shop.agent)
        for id_ in ("first", "second"):
            await send(connection, subscribe(BOARD, id_))
        heard: set[str] = set()
        while heard != {"first", "second"}:
            heard.add((await receive(connection))["id"])
        await send(connection, {"id": "first", "type": "complete"})
        await send(connection, {"id": "nobody", "type": "complete"})
        await answers(connection)
        await shop.scene.ticket(shop.buyer, text="one more")
        later = [(await receive(connection))["id"] for _ in range(3)]
        assert set(later) <= {"honest", "second"} and later[-1] == "second"


async def test_one_socket_carries_fifty_operations_and_refuses_one_more(shop: Shop) -> None:
    async with connected(shop) as connection:
        await begin(connection, shop.agent)
        for number in range(50):
            await send(connection, subscribe(BOARD, str(number)))
        await send(connection, subscribe(BOARD, "one more"))
        while (message := await receive(connection))["id"] != "one more":
            assert message["type"] == "next"
        assert message["type"] == "error"
        extensions = message["payload"][0]["extensions"]
        assert extensions["code"] == "RATE_LIMITED" and extensions["retryAfter"] > 0
        await send(connection, {"id": "0", "type": "complete"})
        await answers(connection)


async def test_a_ping_is_answered_with_a_pong(shop: Shop) -> None:
    async with connected(shop) as connection:
        await send(connection, {"type": "ping"})
        assert await receive(connection) == {"type": "pong"}
        await begin(connection)
        await send(connection, {"type": "pong", "payload": {"any": "thing"}})
        await send(connection, {"type": "ping", "payload": None})
        assert await receive(connection) == {"type": "pong"}

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from graphql import get_introspection_query

from domain.shared.clock import DAY, now_micros, uuid7
from domain.shared.crypto import Keyring
from domain.shared.database import Tortoise
from domain.shared.log_cursors import encode_place
from domain.shared.sql import execute, sql
from domain.tickets.actions.talking import add_message
from resolvers.shared.ids import encode_id
from tests.api.conftest import Shop
from tests.builders.client import Client, Refused, Socket
from tests.builders.scene import Person, Scene, order_input
from tests.builders.stacks import KINDS
from tests.builders.written import everything_written

pytestmark = pytest.mark.asyncio(loop_scope="module")
on_both_stacks = pytest.mark.parametrize("shop", KINDS, indirect=True)

HONEST = "{ viewer { role } }"
LEAKS = ("Traceback", 'File "', "codec", "object has no", "NoneType", "asyncpg", "sqlite", "recursion", "site-packages")
JSON = {"content-type": "application/json"}
BAD_REQUEST, BAD_USER_INPUT, COST_EXCEEDED = "BAD_REQUEST", "BAD_USER_INPUT", "COST_EXCEEDED"
PARSE, VALIDATION = "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"
PROGRESS = """subscription($id: ID!, $after: String) { ticketProgress(ticketId: $id, after: $after) {
  cursor initial resync event { type } ticket { id } } }"""


def codes_of(answer: dict[str, Any]) -> set[str]:
    return {error["extensions"]["code"] for error in answer["errors"]}


def assert_tells_nothing(text: str) -> None:
    assert not [leak for leak in LEAKS if leak in text], text


async def assert_honest_query_works(client: Client) -> None:
    assert (await client.run(HONEST))["viewer"]["role"]


async def codes_over_http(client: Client, body: dict[str, Any]) -> set[str]:
    answer = await client.post(content=json.dumps(body), headers=JSON)
    assert_tells_nothing(answer.text)
    await assert_honest_query_works(client)
    return codes_of(answer.json())


async def codes_over_socket(socket: Socket, body: dict[str, Any]) -> set[str]:
    """The refusal, and then that the same socket still answers."""
    stream = await socket.subscribe(HONEST)
    assert (await stream.next())["role"]
    operation = await socket.subscribe("")
    await operation.message()
    number = f"bad-{id(body)}"
    queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    socket._streams[number] = queue
    await socket.send({"id": number, "type": "subscribe", "payload": body})
    message = await asyncio.wait_for(queue.get(), 20)
    assert message is not None, "the socket was closed"
    assert_tells_nothing(json.dumps(message))
    errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
    again = await socket.subscribe(HONEST)
    assert (await again.next())["role"]
    return codes_of({"errors": errors})


# Bodies

BODIES: dict[str, tuple[bytes, dict[str, str], int]] = {
    "malformed": (b'{"query": ', JSON, 400),
    "null": (b"null", JSON, 400),
    "a number": (b"1", JSON, 400),
    "a text": (b'"x"', JSON, 400),
    "a list": (b"[]", JSON, 400),
    "a batch": (b'[{"query": "{ viewer { role } }"}]', JSON, 400),
    "empty": (b"", JSON, 400),
    "without a query": (b"{}", JSON, 400),
    "5,000 digits": (b"1" * 5000, JSON, 400),
    "5,000 digits inside": (b'{"query": "{ viewer { role } }", "variables": {"a": ' + b"1" * 5000 + b"}}", JSON, 400),
    "100,000 brackets": (b"[" * 100_000, JSON, 400),
    "not UTF-8": (b'{"query": "\xff\xfe"}', JSON, 400),
    "gzip garbage": (b"\x1f\x8b\x08\x00garbage", {**JSON, "content-encoding": "gzip"}, 400),
    "a number as query": (b'{"query": 1}', JSON, 400),
    "a text as variables": (b'{"query": "{ viewer { role } }", "variables": "{}"}', JSON, 400),
    "a list as extensions": (b'{"query": "{ viewer { role } }", "extensions": []}', JSON, 400),
    "a number as operationName": (b'{"query": "{ viewer { role } }", "operationName": 1}', JSON, 400),
    "an unknown operationName": (b'{"query": "query A { viewer { role } }", "operationName": "B"}', JSON, 400),
    "a surrogate as operationName": (b'{"query": "{ viewer { role } }", "operationName": "\\ud800"}', JSON, 400),
    "NUL as operationName": (b'{"query": "{ viewer { role } }", "operationName": "\\u0000"}', JSON, 400),
    "jsonp": (b'{"query": "{ viewer { role } }"}', {"content-type": "application/jsonp"}, 415),
    "json-patch": (b'{"query": "{ viewer { role } }"}', {"content-type": "application/json-patch+json"}, 415),
    "plain text": (b'{"query": "{ viewer { role } }"}', {"content-type": "text/plain"}, 415),
    "a form": (b"query=%7Bviewer%7Brole%7D%7D", {"content-type": "application/x-www-form-urlencoded"}, 415),
    "multipart": (b"--x--", {"content-type": "multipart/form-data; boundary=x"}, 415),
    "without a content type": (b'{"query": "{ viewer { role } }"}', {}, 415),
}


async def test_a_body_that_is_no_request_is_refused_with_a_code(shop: Shop, unchanged: None) -> None:
    answers = {}
    async with shop.client() as guest:
        for name, (content, headers, _) in BODIES.items():
            answer = await guest.post(content=content, headers=headers)
            assert answer.headers["content-type"] == "application/json", name
            assert_tells_nothing(answer.text)
            answers[name] = (answer.status_code, codes_of(answer.json()))
            await assert_honest_query_works(guest)
    assert answers == {name: (status, {BAD_REQUEST}) for name, (_, _, status) in BODIES.items()}


async def test_a_media_type_is_read_without_regard_to_case_and_parameters(shop: Shop) -> None:
    async with shop.client() as guest:
        for content_type in ("APPLICATION/JSON", "application/json; charset=utf-8"):
            answer = await guest.post(content=json.dumps({"query": HONEST}), headers={"content-type": content_type})
            assert answer.json() == {"data": {"viewer": {"role": "GUEST"}}}


async def test_a_body_that_is_too_large_is_refused_by_its_length_and_as_it_comes(shop: Shop, unchanged: None) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(90):
            yield b" " * 100_000

    async with shop.client() as guest:
        for path in ("/graphql", "/ingest/orders"):
            for content in (b" " * 9_000_000, chunks()):
                answer = await guest._http.post(path, content=content, headers=JSON)
                assert (answer.status_code, codes_of(answer.json())) == (413, {"PAYLOAD_TOO_LARGE"})
        await assert_honest_query_works(guest)


# Documents


def doubling(depth: int) -> str:
    steps = "".join(f"fragment F{i} on Query {{ ...F{i + 1} ...F{i + 1} }} " for i in range(depth))
    return f"{{ ...F0 }} {steps} fragment F{depth} on Query {{ viewer {{ role }} }}"


def nested(depth: int) -> str:
    return "{ tickets { nodes " + "{ order { tickets " * depth + "{ id }" + " } }" * depth + " } }"


def nested_by_fragments(depth: int) -> str:
    steps = "".join(f"fragment F{i} on Ticket {{ duplicateOf {{ ...F{i + 1} }} }} " for i in range(depth))
    return f"{{ tickets {{ nodes {{ ...F0 }} }} }} {steps} fragment F{depth} on Ticket {{ id }}"


TOO_COSTLY = {
    "28 doubling fragments": doubling(28),
    "50 levels": nested(25),
    "16 levels": nested(7),
    "50 levels through fragments": nested_by_fragments(50),
    "1,000 aliases": "{" + " ".join(f"a{i}: viewer {{ role }}" for i in range(1000)) + "}",
    "101 aliases": "{" + " ".join(f"a{i}: viewer {{ role }}" for i in range(101)) + "}",
    "101 aliases through fragments": "{ ...A ...B } fragment A on Query {"
    + " ".join(f"a{i}: viewer {{ role }}" for i in range(51))
    + "} fragment B on Query {"
    + " ".join(f"b{i}: viewer {{ role }}" for i in range(50))
    + "}",
    "3,000 duplicated fields": "{" + "viewer{role}" * 3000 + "}",
    "490 duplicated fields": "{" + "viewer{role}" * 490 + "}",
    "5,000 operations": "".join(f"query Q{i}{{viewer{{role}}}}" for i in range(5000)),
    "300 operations": "".join(f"query Q{i} {{ viewer {{ role }} }} " for i in range(300)),
    "a megabyte of fields": "{ viewer {" + "role " * 200_000 + "} }",
    "a long text": '{ node(id: "' + "a" * 60_000 + '") { id } }',
    "a long comment": "#" + "a" * 60_000 + "\n" + HONEST,
    "a deep list": "{ node(id: " + "[" * 900 + "]" * 900 + ") { id } }",
    "deep inline fragments": "{ " + "... { " * 600 + "viewer { role }" + " }" * 600 + " }",
    "deep questions about the schema": "{ __schema { types" + "{ fields { type" * 6 + "{ name }" + "} }" * 6 + " } }",
}
RECURSIVE = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A viewer { role } }"


def wanted_operation(document: str) -> dict[str, Any]:
    return {"query": document, **({"operationName": "Q0"} if "query Q0" in document else {})}


async def test_a_document_beyond_the_limits_is_refused_as_too_costly_over_http(shop: Shop, unchanged: None) -> None:
    async with shop.client(shop.agent) as agent:
        found = {name: await codes_over_http(agent, wanted_operation(text)) for name, text in TOO_COSTLY.items()}
        assert found == {name: {COST_EXCEEDED} for name in TOO_COSTLY}
        assert await codes_over_http(agent, {"query": RECURSIVE}) == {VALIDATION}


async def test_a_document_beyond_the_limits_is_refused_over_a_socket_that_lives_on(shop: Shop, unchanged: None) -> None:
    found = {}
    async with shop.client(shop.agent) as agent, agent.socket() as socket:
        for name, text in TOO_COSTLY.items():
            if len(text) < 900_000:
                found[name] = await codes_over_socket(socket, wanted_operation(text))
        assert await codes_over_socket(socket, {"query": RECURSIVE}) == {VALIDATION}
    assert found == {name: {COST_EXCEEDED} for name in found} and len(found) >= len(TOO_COSTLY) - 1


async def test_documents_at_the_limits_are_answered(shop: Shop) -> None:
    within = [
        nested(6),
        "{" + " ".join(f"a{i}: viewer {{ role }}" for i in range(100)) + "}",
        get_introspection_query(specified_by_url=True, input_value_deprecation=True, directive_is_repeatable=True),
    ]
    async with shop.client(shop.agent) as agent:
        for text in within:
            assert await agent.run(text)


async def test_the_limiter_itself_cannot_be_attacked(shop: Shop, unchanged: None) -> None:
    """Each document is a new one, so no cache helps; a limiter without memory would need days for one of them."""
    attacks: list[Callable[[int], str]] = [
        lambda i: f"# {i}\n" + doubling(60),
        lambda i: f"# {i}\n" + doubling(60).replace("{ ...F0 }", "{ ...F0 ...F0 ...F0 }"),
        lambda i: f"# {i}\n{{" + "viewer{role}" * 490 + "}",
        lambda i: f"# {i}\n{{" + " ".join(f"...F{n}" for n in range(150)) + "}"
        + "".join(f"fragment F{n} on Query{{viewer{{role}}}}" for n in range(150)),
    ]  # fmt: skip
    async with shop.client() as guest, asyncio.timeout(60):
        for attack in attacks:
            answers = [await guest.post({"query": attack(i)}) for i in range(5)]
            assert [codes_of(answer.json()) for answer in answers] == [{COST_EXCEEDED}] * 5
        await assert_honest_query_works(guest)


WRONG_DOCUMENTS = {
    "a syntax error": ({"query": "{ viewer {"}, PARSE),
    "only a comment": ({"query": "# nothing"}, PARSE),
    "an unknown field": ({"query": "{ viewer { password } }"}, VALIDATION),
    "an unknown argument": ({"query": "{ orders(limit: 5) { nodes { id } } }"}, VALIDATION),
    "an unknown fragment": ({"query": "{ ...Nothing }"}, VALIDATION),
    "an unknown input field": (
        {"query": 'mutation { messageAdd(input: {ticketId: "x", text: "x", shop: "x"}) { message { id } } }'},
        VALIDATION,
    ),
    "several operations, none named": (
        {"query": "query A { viewer { role } } query B { queues { id } }"},
        BAD_REQUEST,
    ),
    "a missing variable": ({"query": "query($id: ID!) { node(id: $id) { id } }"}, BAD_USER_INPUT),
    "a null variable": (
        {"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {"id": None}},
        BAD_USER_INPUT,
    ),
    "a variable of the wrong type": (
        {"query": "query($n: Int) { orders(first: $n) { nodes { id } } }", "variables": {"n": "many"}},
        BAD_USER_INPUT,
    ),
    "not a number": (
        {"query": "query($n: Int) { orders(first: $n) { nodes { id } } }", "variables": {"n": float("nan")}},
        BAD_USER_INPUT,
    ),
    "a number beyond 32 bits": (
        {"query": "query($n: Int) { orders(first: $n) { nodes { id } } }", "variables": {"n": 10**30}},
        BAD_USER_INPUT,
    ),
    "an unknown enum value": (
        {"query": "query($o: OrderOrder!) { orders(orderBy: $o) { nodes { id } } }", "variables": {"o": "RANDOM"}},
        BAD_USER_INPUT,
    ),
    "no such moment": (
        {
            "query": "query($f: OrderFilter) { orders(filter: $f) { nodes { id } } }",
            "variables": {"f": {"placedFrom": "2026-02-31T00:00:00Z"}},
        },
        BAD_USER_INPUT,
    ),
    "variables nested deeply": (
        {
            "query": "query($f: OrderFilter) { orders(filter: $f) { nodes { id } } }",
            "variables": {"f": json.loads("[" * 900 + "]" * 900)},
        },
        BAD_USER_INPUT,
    ),
    "an unknown key in a variable": (
        {
            "query": "query($f: OrderFilter) { orders(filter: $f) { nodes { id } } }",
            "variables": {"f": {"shop": "other"}},
        },
        BAD_USER_INPUT,
    ),
}


async def test_a_wrong_document_or_variable_is_refused_with_its_code(shop: Shop, unchanged: None) -> None:
    wanted = {name: {code} for name, (_, code) in WRONG_DOCUMENTS.items()}
    async with shop.client(shop.agent) as agent, agent.socket() as socket:
        assert {n: await codes_over_http(agent, body) for n, (body, _) in WRONG_DOCUMENTS.items()} == wanted
        assert {n: await codes_over_socket(socket, body) for n, (body, _) in WRONG_DOCUMENTS.items()} == wanted
        assert await codes_over_socket(socket, {"query": "query A { viewer { role } }", "operationName": "B"}) == {
            BAD_REQUEST
        }


# Texts


def unstorable_requests(ticket_id: str) -> dict[str, dict[str, Any]]:
    add = "mutation($input: MessageAddInput!) { messageAdd(input: $input) { message { id } } }"
    requests: dict[str, dict[str, Any]] = {}
    for name, text in (("NUL", "a\0b"), ("high surrogate", "a\ud800"), ("low surrogate", "\udc00a")):
        requests |= {
            f"{name} in a text": {"query": add, "variables": {"input": {"ticketId": ticket_id, "text": text}}},
            f"{name} in an id": {"query": add, "variables": {"input": {"ticketId": text, "text": "x"}}},
            f"{name} in a key": {"query": HONEST, "variables": {text: 1}},
            f"{name} in a key below": {
                "query": add,
                "variables": {"input": {"ticketId": ticket_id, "text": "x", text: 1}},
            },
            f"{name} in a cursor": {
                "query": "query($a: String) { orders(after: $a) { nodes { id } } }",
                "variables": {"a": text},
            },
            f"{name} in a number": {
                "query": "query($n: String) { order(number: $n) { id } }",
                "variables": {"n": text},
            },
            f"{name} in a filter": {
                "query": "query($f: TicketFilter) { tickets(filter: $f) { nodes { id } } }",
                "variables": {"f": {"number": text}},
            },
            f"{name} in a subscription": {"query": PROGRESS, "variables": {"id": ticket_id, "after": text}},
            f"{name} in a password": {
                "query": "mutation($i: StaffLoginInput!) { staffLogin(input: $i) { token } }",
                "variables": {"i": {"email": text, "password": text}},
            },
            f"{name} in a refresh token": {
                "query": "mutation($i: SessionRefreshInput!) { sessionRefresh(input: $i) { token } }",
                "variables": {"i": {"refreshToken": f"{uuid7()}.{text}"}},
            },
        }
    literal = 'mutation { messageAdd(input: {ticketId: "%s", text: "%s"}) { message { id } } }'
    for name, escape in (("NUL", "\\u0000"), ("braced NUL", "\\u{0}"), ("raw NUL", "\0")):
        requests[f"{name} in a literal"] = {"query": literal % (ticket_id, escape)}
    return requests


@on_both_stacks
async def test_texts_that_no_database_holds_are_refused_before_anything_runs(shop: Shop, unchanged: None) -> None:
    requests = unstorable_requests(encode_id("Ticket", shop.ticket_id))
    wanted = {name: {BAD_USER_INPUT} for name in requests}
    over_http = {name: body for name, body in requests.items() if "subscription" not in name}
    async with shop.client(shop.agent) as agent, agent.socket() as socket:
        found = {name: await codes_over_http(agent, body) for name, body in over_http.items()}
        assert found == {name: {BAD_USER_INPUT} for name in over_http}
        assert {name: await codes_over_socket(socket, body) for name, body in requests.items()} == wanted
        surrogate = 'mutation { messageAdd(input: {ticketId: "x", text: "\\ud800"}) { message { id } } }'
        assert await codes_over_http(agent, {"query": surrogate}) == {PARSE}
        assert await codes_over_socket(socket, {"query": surrogate}) == {PARSE}
        for name in ("\ud800", "\0"):
            assert await codes_over_socket(socket, {"query": HONEST, "operationName": name}) == {BAD_REQUEST}


# Ids


async def test_an_id_that_cannot_be_read_is_a_coded_error_of_its_argument(shop: Shop, unchanged: None) -> None:
    ticket, order = encode_id("Ticket", shop.ticket_id), encode_id("Order", shop.order_id)
    garbage = [
        "",
        "x",
        "1",
        str(shop.ticket_id),
        "a" * 10_000,
        ticket + "=",
        ticket[:-1],
        "中文",
        encode_id("Nothing", uuid7()),
    ]
    wrong = {
        "query($id: ID!) { ticket(id: $id) { id } }": [*garbage, order],
        "query($id: ID!) { order(id: $id) { id } }": [*garbage, ticket],
        "query($id: ID!) { node(id: $id) { id } }": garbage,
        "query($id: ID!) { nodes(ids: [$id]) { id } }": garbage,
        "query($id: ID!) { tickets(filter: {orderId: $id}) { nodes { id } } }": [*garbage[1:], ticket],
        "query($id: ID!) { orders(filter: {buyerId: $id}) { nodes { id } } }": [*garbage[1:], ticket],
        "subscription($id: ID!) { ticketProgress(ticketId: $id) { cursor } }": [*garbage, order],
        "subscription($id: ID!) { queuePosition(ticketId: $id) { state } }": [*garbage, order],
        "subscription($id: ID!) { queueBoard(queueId: $id) { at } }": [*garbage, order],
    }
    async with shop.client(shop.agent) as agent, agent.socket() as socket:
        for query, ids in wrong.items():
            for id_ in ids:
                body = {"query": query, "variables": {"id": id_}}
                assert await codes_over_socket(socket, body) == {BAD_USER_INPUT}, (query, id_)
                if not query.startswith("subscription"):
                    assert await codes_over_http(agent, body) == {BAD_USER_INPUT}, (query, id_)
        with pytest.raises(Refused) as refused:
            await agent.run("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[ticket] * 101)
        assert refused.value.codes == [BAD_USER_INPUT]


async def test_an_id_in_an_input_that_is_none_is_an_error_the_caller_can_mend(shop: Shop, unchanged: None) -> None:
    order, unknown = encode_id("Order", shop.order_id), encode_id("Ticket", uuid7())
    calls: dict[str, dict[str, Any]] = {
        "messageAdd": {"text": "x"},
        "ticketAssign": {},
        "ticketTransfer": {"queueId": encode_id("Queue", shop.scene.queue_id)},
        "ticketResolve": {"text": "x"},
        "ticketReopen": {},
    }
    async with shop.client(shop.agent) as agent:
        for field, given in calls.items():
            for id_ in ("", "x", "a" * 10_000, order):
                payload = await agent.attempt(field, "ticket { id }", ticketId=id_, **given)
                errors = [(e["code"], e["path"]) for e in payload["userErrors"]]
                assert (payload["ticket"], errors) == (None, [("INVALID", ["ticketId"])]), (field, id_)
            payload = await agent.attempt(field, "ticket { id }", ticketId=unknown, **given)
            assert [e["code"] for e in payload["userErrors"]] == ["NOT_FOUND"], field


# Cursors and pages


def changed(cursor: str) -> list[str]:
    """The cursor with each of its letters changed, cut, and lengthened."""
    others = [cursor[:i] + ("A" if letter != "A" else "B") + cursor[i + 1 :] for i, letter in enumerate(cursor)]
    return [*others, cursor[:-1], cursor + "A", cursor + "=", cursor[::-1], "", " ", "x" * 10_000]


async def test_a_page_cursor_that_was_changed_or_is_of_another_list_is_refused(shop: Shop, unchanged: None) -> None:
    async with shop.client(shop.agent) as agent:
        page = await agent.run("{ orders { edges { cursor } } tickets { edges { cursor } } }")
        order, ticket = (page[name]["edges"][0]["cursor"] for name in ("orders", "tickets"))
        wrong = [(argument, cursor) for cursor in changed(order) for argument in ("after", "before")]
        for argument, cursor in [*wrong, ("after", ticket), ("before", ticket)]:
            query = f"query($c: String) {{ orders({argument}: $c) {{ nodes {{ id }} }} }}"
            with pytest.raises(Refused) as refused:
                await agent.run(query, c=cursor)
            error = refused.value.errors[0]
            assert error["extensions"] == {"code": BAD_USER_INPUT, "argument": [argument]}, cursor
        with pytest.raises(Refused) as refused:
            await agent.run("query($c: String) { orders(orderBy: OLDEST, after: $c) { nodes { id } } }", c=order)
        assert refused.value.codes == [BAD_USER_INPUT]
        assert (await agent.run("query($c: String) { orders(after: $c) { nodes { id } } }", c=order))["orders"] == {
            "nodes": []
        }


async def test_page_sizes_out_of_range_are_refused(shop: Shop, unchanged: None) -> None:
    lists = ["orders(%s) { nodes { id } }", "tickets(%s) { nodes { id } }"]
    nested_list = "ticket(id: $id) { messages(%s) { nodes { id } } }"
    async with shop.client(shop.agent) as agent:
        for arguments in ("first: -1", "first: 101", "last: -1", "last: 101", "first: 2147483647", "first: 1, last: 1"):
            for field in lists:
                assert await codes_over_http(agent, {"query": "{ " + field % arguments + " }"}) == {BAD_USER_INPUT}
            body = {
                "query": "query($id: ID!) { " + nested_list % arguments + " }",
                "variables": {"id": encode_id("Ticket", shop.ticket_id)},
            }
            assert await codes_over_http(agent, body) == {BAD_USER_INPUT}
        for arguments in ("first: 2147483648", "first: 1.5", 'first: "1"'):
            assert await codes_over_http(agent, {"query": "{ " + lists[0] % arguments + " }"}) == {VALIDATION}
        assert await codes_over_http(agent, {"query": "{ products(first: 101) { nodes { id } } }"}) == {BAD_USER_INPUT}
        assert await agent.run("{ orders(first: 0) { nodes { id } } tickets(first: 100) { nodes { id } } }")


async def types_after(socket: Socket, ticket_id: UUID, cursor: str, count: int) -> list[str]:
    stream = await socket.subscribe(PROGRESS, id=encode_id("Ticket", ticket_id), after=cursor)
    found = []
    for _ in range(count):
        step = await stream.next()
        found.append("RESYNC" if step["resync"] else step["event"]["type"])
    await stream.complete()
    return found


async def test_a_progress_cursor_that_was_changed_is_refused_and_the_socket_goes_on(shop: Shop) -> None:
    keyring, buyer = shop.scene.keyring, shop.buyer
    ticket_id = await shop.scene.ticket(buyer, text="nothing came")
    await add_message(shop.scene.act(buyer), ticket_id=ticket_id, text="still nothing")
    good = encode_place(keyring, ticket_id, 1)
    id_ = encode_id("Ticket", ticket_id)
    async with shop.client(buyer) as client, client.socket() as socket:
        foreign = [encode_place(Keyring.generated(), ticket_id, 1)]
        page = (await client.run("{ tickets { edges { cursor } } }"))["tickets"]["edges"][0]["cursor"]
        for cursor in [*changed(good), *foreign, page, "1", "0"]:
            stream = await socket.subscribe(PROGRESS, id=id_, after=cursor)
            with pytest.raises(Refused) as refused:
                await stream.next()
            assert refused.value.errors[0]["extensions"] == {"code": BAD_USER_INPUT, "argument": ["after"]}, cursor
        assert await types_after(socket, ticket_id, good, 1) == ["MESSAGE_ADDED"]


@on_both_stacks
async def test_a_cursor_that_is_ahead_too_old_or_of_another_ticket_starts_anew(shop: Shop) -> None:
    keyring, scene = shop.scene.keyring, shop.scene
    ticket_id = await scene.ticket(shop.buyer, text="one")
    other = await scene.ticket(shop.buyer, text="another")
    for text in ("one", "two"):
        await add_message(scene.act(shop.buyer), ticket_id=ticket_id, text=text)
    oldest, *_ = (encode_place(keyring, ticket_id, seq) for seq in (1, 2, 3))
    async with shop.client(shop.buyer) as client, client.socket() as socket:
        for cursor in (
            encode_place(keyring, ticket_id, 4),
            encode_place(keyring, ticket_id, 2**62),
            encode_place(keyring, ticket_id, -2),
            encode_place(keyring, other, 1),
            encode_place(keyring, uuid7(), 1),
        ):
            stream = await socket.subscribe(PROGRESS, id=encode_id("Ticket", ticket_id), after=cursor)
            step = await stream.next()
            assert (step["resync"], step["initial"], step["event"]) == (True, False, None)
            assert step["cursor"] == encode_place(keyring, ticket_id, 3)
            await stream.complete()
        assert await types_after(socket, ticket_id, oldest, 2) == ["MESSAGE_ADDED", "MESSAGE_ADDED"]
        db = Tortoise.get_connection("default")
        await execute(sql("DELETE FROM event WHERE subject_id = {} AND seq <= 2", ticket_id), db)
        assert await types_after(socket, ticket_id, oldest, 1) == ["RESYNC"]
        assert await types_after(socket, ticket_id, encode_place(keyring, ticket_id, 2), 1) == ["MESSAGE_ADDED"]


# Lengths


async def test_texts_that_are_too_long_are_refused_by_their_path(shop: Shop, unchanged: None) -> None:
    ticket = encode_id("Ticket", shop.ticket_id)
    calls: list[tuple[Person, str, dict[str, Any], list[str]]] = [
        (shop.buyer, "ticketOpen", {"text": "x" * 5001}, ["text"]),
        (shop.buyer, "ticketOpen", {"text": "x", "orderNumber": "x" * 65}, ["orderNumber"]),
        (shop.buyer, "ticketOpen", {"text": "x", "idempotencyKey": "x" * 101}, ["idempotencyKey"]),
        (shop.buyer, "messageAdd", {"ticketId": ticket, "text": "字" * 5001}, ["text"]),
        (shop.buyer, "messageAdd", {"ticketId": ticket, "text": "x", "idempotencyKey": "x" * 101}, ["idempotencyKey"]),
        (shop.buyer, "ticketRate", {"ticketId": ticket, "score": 5, "comment": "x" * 1001}, ["comment"]),
        (shop.agent, "ticketResolve", {"ticketId": ticket, "text": "x" * 5001}, ["text"]),
        (shop.agent, "ticketReopen", {"ticketId": ticket, "text": "x" * 5001}, ["text"]),
        (
            shop.agent,
            "ticketTransfer",
            {"ticketId": ticket, "queueId": encode_id("Queue", shop.scene.queue_id), "note": "x" * 5001},
            ["note"],
        ),
        (shop.buyer, "staffLogin", {"email": "x" * 255, "password": "x"}, ["email"]),
        (shop.buyer, "staffLogin", {"email": "x@example.com", "password": "x" * 201}, ["password"]),
        (shop.buyer, "codeRequest", {"contact": "x" * 255}, ["contact"]),
        (shop.buyer, "codeRequest", {"orderNumber": "x" * 65}, ["orderNumber"]),
    ]
    for who, field, given, path in calls:
        async with shop.client(who) as client:
            payload = await client.attempt(field, "__typename", **given)
            errors = [(e["code"], e["path"]) for e in payload["userErrors"]]
            assert errors == [("TOO_LONG", path)], (field, path)


async def test_empty_texts_and_numbers_out_of_range_are_refused(shop: Shop, unchanged: None) -> None:
    ticket = encode_id("Ticket", shop.ticket_id)
    async with shop.client(shop.buyer) as buyer, shop.client(shop.agent) as agent:
        for client, field, given, wanted in (
            (buyer, "ticketOpen", {"text": "  "}, ("REQUIRED", ["text"])),
            (buyer, "messageAdd", {"ticketId": ticket, "text": ""}, ("REQUIRED", ["text"])),
            (buyer, "ticketRate", {"ticketId": ticket, "score": 6}, ("INVALID", ["score"])),
            (buyer, "ticketRate", {"ticketId": ticket, "score": 0}, ("INVALID", ["score"])),
            (agent, "presenceSet", {"status": "ONLINE", "capacity": 51}, ("INVALID", ["capacity"])),
            (agent, "presenceSet", {"status": "ONLINE", "capacity": -1}, ("INVALID", ["capacity"])),
        ):
            payload = await client.attempt(field, "__typename", **given)
            assert [(e["code"], e["path"]) for e in payload["userErrors"]] == [wanted], (field, given)


async def test_a_look_up_that_is_too_long_or_has_no_proof_is_refused(shop: Shop, unchanged: None) -> None:
    query = "query($i: OrderLookupInput!) { orderLookup(input: $i) { maskedNumber } }"
    async with shop.client() as guest:
        for given in (
            {},
            {"number": "x"},
            {"number": "x" * 101, "email": "a@example.com"},
            {"number": "x", "email": "a" * 300 + "@example.com"},
            {"number": "x", "email": "nobody"},
            {"number": "x", "phoneTail": "12345"},
            {"number": "x", "phoneTail": "一二三四"},
            {"number": "x", "paymentSerial": "y", "phoneTail": "1234"},
            {"number": "x", "email": "a@example.com", "phoneTail": "1234"},
        ):
            assert await codes_over_http(guest, {"query": query, "variables": {"i": given}}) == {BAD_USER_INPUT}, given


async def test_more_than_500_orders_in_one_call_are_refused_whole(shop: Shop) -> None:
    async with Client(shop.server.url, token=await shop.scene.api_key("orders:write")) as shop_system:
        before = await everything_written()
        orders = [order_input() for _ in range(501)]
        payload = await shop_system.attempt("orderIngest", "results { outcome }", source="erp", orders=orders)
        assert payload["results"] is None
        assert [(e["code"], e["path"]) for e in payload["userErrors"]] == [("TOO_LONG", ["orders"])]
        assert await everything_written() == before


# Tokens


async def test_tokens_that_are_expired_foreign_or_changed_are_refused(shop: Shop) -> None:
    elsewhere = replace(shop.scene, keyring=Keyring.generated())
    head, body, signature = shop.buyer.token.split(".")
    key = await shop.scene.api_key("orders:read")
    tokens = {
        "foreign": _token_at(elsewhere, shop.buyer, now_micros()),
        "expired": _token_at(shop.scene, shop.buyer, now_micros() - DAY),
        "without a signature": f"{head}.{body}.",
        "another body": f"{head}.{body[:-2]}AA.{signature}",
        "algorithm none": "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + body + ".",
        "garbage": "x",
        "very long": "x" * 5000,
        "a changed key": key[:-1] + ("A" if key[-1] != "A" else "B"),
        "an unknown key": f"xk_{uuid7().hex}_secret",
        "half a key": key[:20],
    }
    before = await everything_written()
    for name, token in tokens.items():
        async with Client(shop.server.url, token=token) as client:
            answer = await client.post({"query": HONEST})
            assert (answer.status_code, codes_of(answer.json())) == (401, {"UNAUTHENTICATED"}), name
            assert_tells_nothing(answer.text)
    assert await everything_written() == before


def _token_at(scene: Scene, person: Person, now: int) -> str:
    """A token as the server would have given it at that moment."""
    from domain.identity.models import Session
    from domain.identity.rules import ACCESS_LIFETIME
    from domain.identity.sessions import _token

    viewer = person.viewer
    session = Session(
        id=viewer.session_id,
        shop_id=viewer.shop_id,
        role=viewer.role,
        principal_id=viewer.principal_id,
        contact_id=viewer.contact_id,
        contact_kind=viewer.contact_kind,
        refresh_hash=b"",
        created_at=now,
        expires_at=now + ACCESS_LIFETIME,
    )
    return _token(scene.keyring, session, viewer, now + ACCESS_LIFETIME)

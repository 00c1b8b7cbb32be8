from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.graphql import prefers_response_type
from domain.shared.sql import Sql, fetch_value
from tests.api.conftest import Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEWER, PLAIN = "application/graphql-response+json", "application/json"
GOOD = "{ viewer { role } }"
NEVER_RAN: dict[str, dict[str, Any]] = {
    "syntax": {"query": "{"},
    "validation": {"query": "{ nothing }"},
    "variable": {"query": "query($id: ID!) { node(id: $id) { id } }"},
    "cost": {"query": "{" + " ".join(f"a{i}: viewer {{ role }}" for i in range(101)) + "}"},
    "text": {"query": "query($n: String) { order(number: $n) { id } }", "variables": {"n": "\0"}},
    "two operations": {"query": "query A { viewer { role } } query B { viewer { role } }"},
}
PARTLY = '{ viewer { role } node(id: "x") { id } }'


def code_of(answer: httpx.Response) -> str:
    code: str = answer.json()["errors"][0]["extensions"]["code"]
    return code


async def test_the_newer_media_type_is_given_to_who_prefers_it(shop: Shop) -> None:
    async with shop.client() as guest:
        for accept, expected in {
            NEWER: NEWER,
            f"{NEWER}, {PLAIN};q=0.9": NEWER,
            f"{PLAIN};q=0.9, {NEWER};q=0.9": NEWER,
            f"{NEWER};charset=utf-8": NEWER,
            NEWER.upper(): NEWER,
            PLAIN: PLAIN,
            "*/*": PLAIN,
            "text/html": PLAIN,
            f"{NEWER};q=0.1, {PLAIN}": PLAIN,
            f"{NEWER};q=0, {PLAIN};q=0": PLAIN,
            f"{NEWER};q=high": PLAIN,
        }.items():
            answer = await guest.post({"query": GOOD}, headers={"accept": accept})
            assert answer.headers.get_list("content-type") == [expected], accept
            assert (answer.status_code, answer.json()) == (200, {"data": {"viewer": {"role": "GUEST"}}})
            assert prefers_response_type(accept) == (expected == NEWER)


async def test_a_request_that_never_ran_has_no_data_and_is_400_in_the_newer_media_type(shop: Shop) -> None:
    async with shop.client() as guest:
        for name, body in NEVER_RAN.items():
            newer = await guest.post(body, headers={"accept": NEWER})
            plain = await guest.post(body, headers={"accept": PLAIN})
            assert (newer.status_code, plain.status_code) == (400, 200), name
            assert newer.json() == plain.json()
            assert list(newer.json()) == ["errors"], name


async def test_a_request_that_failed_in_part_is_200_and_has_its_data(shop: Shop) -> None:
    async with shop.client() as guest:
        for accept in (NEWER, PLAIN):
            answer = await guest.post({"query": PARTLY}, headers={"accept": accept})
            assert (answer.status_code, answer.headers["content-type"]) == (200, accept)
            assert answer.json()["data"] == {"viewer": {"role": "GUEST"}, "node": None}
            assert answer.json()["errors"][0]["path"] == ["node"]


async def test_a_field_that_may_not_be_null_leaves_data_null_where_it_ran(shop: Shop) -> None:
    async with shop.client() as guest:
        answer = await guest.post({"query": "{ orders(first: 101) { nodes { id } } }"}, headers={"accept": NEWER})
        assert (answer.status_code, answer.json()["data"], code_of(answer)) == (200, None, "BAD_USER_INPUT")


async def test_queries_may_come_by_get_and_mutations_may_not(shop: Shop, unchanged: None) -> None:
    mutation = 'mutation { codeRequest(input: {contact: "li@example.com"}) { challengeId } }'
    async with shop.client() as guest:
        get = guest._http.get
        named = {"query": "query A { viewer { role } } query B { queues { slug } }", "operationName": "B"}
        assert (await get("/graphql", params={"query": GOOD})).json()["data"] == {"viewer": {"role": "GUEST"}}
        assert (await get("/graphql", params=named)).json()["data"] == {"queues": [{"slug": "general"}]}
        with_variables = {"query": "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", "variables": '{"ids": []}'}
        assert (await get("/graphql", params=with_variables)).json() == {"data": {"nodes": []}}
        for query in (mutation, "subscription { inbox { text } }"):
            refused = await get("/graphql", params={"query": query})
            assert (refused.status_code, code_of(refused)) == (405, "BAD_REQUEST")
        for wrong in ({"query": GOOD, "variables": "{"}, {"query": GOOD, "variables": "[]"}, {"operationName": "A"}):
            refused = await get("/graphql", params=wrong, headers={"accept": PLAIN})
            assert (refused.status_code, code_of(refused)) == (400, "BAD_REQUEST")


async def test_a_subscription_over_http_is_refused_and_leaves_nobody_following(shop: Shop, unchanged: None) -> None:
    async with shop.client(shop.agent) as agent:
        answer = await agent.post({"query": "subscription { queueBoard { at } }"})
        assert (answer.status_code, code_of(answer)) == (405, "BAD_REQUEST")
        assert "xiaoka_errors_total" in (await agent._http.get("/metrics")).text


async def test_a_browser_gets_the_page_to_try_queries(shop: Shop) -> None:
    async with shop.client() as guest:
        page = await guest._http.get("/graphql", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert (page.status_code, page.headers["content-type"].split(";")[0]) == (200, "text/html")
        assert "graphiql" in page.text.lower()
        asked = await guest._http.get("/graphql", params={"query": GOOD}, headers={"accept": "text/html"})
        assert asked.json()["data"] == {"viewer": {"role": "GUEST"}}


async def test_what_the_router_refuses_is_json_with_a_code(shop: Shop) -> None:
    async with shop.client() as guest:
        for method, path, status, code in (
            ("PUT", "/graphql", 405, "BAD_REQUEST"),
            ("DELETE", "/graphql", 405, "BAD_REQUEST"),
            ("OPTIONS", "/graphql", 405, "BAD_REQUEST"),
            ("GET", "/ingest/orders", 405, "BAD_REQUEST"),
            ("POST", "/live", 405, "BAD_REQUEST"),
            ("GET", "/nothing", 404, "NOT_FOUND"),
        ):
            answer = await guest._http.request(method, path)
            assert (answer.status_code, answer.headers["content-type"]) == (status, PLAIN), (method, path)
            assert code_of(answer) == code
            assert ("allow" in answer.headers) == (status == 405)


async def test_who_cannot_be_recognised_is_refused_before_anything_runs(shop: Shop, unchanged: None) -> None:
    mutation = {"query": 'mutation { codeRequest(input: {contact: "li@example.com"}) { challengeId } }'}
    async with shop.client() as guest:
        for headers, status, code in (
            ({"authorization": "Bearer nobody"}, 401, "UNAUTHENTICATED"),
            ({"authorization": "Bearer"}, 401, "UNAUTHENTICATED"),
            ({"authorization": "Basic bGk6c2VjcmV0"}, 401, "UNAUTHENTICATED"),
            ({"x-shop": "nothing"}, 400, "BAD_REQUEST"),
        ):
            answer = await guest.post(mutation, headers=headers)
            assert (answer.status_code, code_of(answer)) == (status, code), headers
    assert await fetch_value(Sql("SELECT count(*) AS codes FROM code_challenge")) == 0


async def test_what_a_role_may_not_do_is_a_coded_error(shop: Shop, unchanged: None) -> None:
    claim = {"query": "mutation { ticketClaimNext(input: {}) { ticket { id } } }"}
    async with shop.client() as guest, shop.client(shop.buyer) as buyer:
        assert code_of(await guest.post(claim)) == "UNAUTHENTICATED"
        assert code_of(await buyer.post(claim)) == "FORBIDDEN"


async def test_too_many_attempts_are_refused_with_the_time_to_wait(shop: Shop) -> None:
    ask = {"query": 'mutation { codeRequest(input: {contact: "often@example.com"}) { challengeId } }'}
    async with shop.client() as guest:
        answers = [(await guest.post(ask)).json() for _ in range(6)]
    assert ["errors" in answer for answer in answers] == [False] * 5 + [True]
    extensions = answers[-1]["errors"][0]["extensions"]
    assert extensions["code"] == "RATE_LIMITED" and extensions["retryAfter"] > 0

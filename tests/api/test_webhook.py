from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import pytest

from domain.shared.sql import Sql, fetch, fetch_value, sql
from resolvers.shared.ids import encode_id
from tests.api.conftest import Shop
from tests.builders.client import Client
from tests.builders.scene import a_scene, order_input
from tests.builders.stacks import KINDS
from tests.builders.written import everything_written

pytestmark = pytest.mark.asyncio(loop_scope="module")
on_both_stacks = pytest.mark.parametrize("shop", KINDS, indirect=True)
REFUSED = (401, "UNAUTHENTICATED")


def signed(
    secret: str, body: bytes, *, source: str = "erp", at: str | None = None, shop: str | None = None
) -> dict[str, str]:
    """As the documentation tells a shop's developer to do it."""
    timestamp = at if at is not None else str(int(time.time()))
    text = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"x-xiaoka-source": source, "x-xiaoka-timestamp": timestamp, "x-xiaoka-signature": text}
    return headers | ({"x-shop": shop} if shop else {})


def body_of(*orders: Any) -> bytes:
    return json.dumps({"orders": list(orders)}).encode()


async def push(shop: Shop, body: bytes, headers: dict[str, str]) -> httpx.Response:
    async with shop.client() as system:
        return await system._http.post("/ingest/orders", content=body, headers=headers)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert "Traceback" not in answer.text
    return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


def outcomes(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [result["outcome"] for result in answer.json()["results"]]


async def orders_kept() -> int:
    kept: int = await fetch_value(Sql("SELECT count(*) AS orders FROM shop_order"))
    return kept


@on_both_stacks
async def test_signed_orders_land_and_a_replay_inside_the_window_changes_nothing(shop: Shop) -> None:
    secret = await shop.scene.webhook_secret("erp")
    order = order_input(number="XKWEBHOOK01")
    body = body_of(order, order_input())
    headers = signed(secret, body)
    first = await push(shop, body, headers)
    assert outcomes(first) == ["CREATED", "CREATED"]
    rows = await fetch(Sql("SELECT * FROM shop_order ORDER BY id"))
    again = await push(shop, body, headers)
    assert outcomes(again) == ["UNCHANGED", "UNCHANGED"]
    assert [r["orderId"] for r in again.json()["results"]] == [r["orderId"] for r in first.json()["results"]]
    assert await fetch(Sql("SELECT * FROM shop_order ORDER BY id")) == rows
    async with shop.client(shop.agent) as agent:
        found = await agent.run('{ order(number: "XKWEBHOOK01") { id source externalId } }')
    assert found["order"] == {
        "id": first.json()["results"][0]["orderId"],
        "source": "erp",
        "externalId": order["externalId"],
    }


async def test_capitals_in_the_signature_and_the_edges_of_the_window_are_accepted(shop: Shop) -> None:
    secret = await shop.scene.webhook_secret("erp")
    for seconds in (-280, 280):
        body = body_of(order_input())
        headers = signed(secret, body, at=str(int(time.time()) + seconds))
        headers["x-xiaoka-signature"] = headers["x-xiaoka-signature"].upper()
        assert outcomes(await push(shop, body, headers)) == ["CREATED"]


async def test_a_signature_that_does_not_fit_is_refused_and_every_reason_looks_the_same(
    shop: Shop,
) -> None:
    secret, before = await shop.scene.webhook_secret("wms"), await everything_written()
    body, now = body_of(order_input()), int(time.time())
    good = signed(secret, body, source="wms")
    cases = {
        "wrong": good | {"x-xiaoka-signature": "0" * 64},
        "empty": good | {"x-xiaoka-signature": ""},
        "not hexadecimal": good | {"x-xiaoka-signature": "zz"},
        "of another body": signed(secret, body + b" ", source="wms"),
        "of another secret": signed("another secret", body, source="wms"),
        "of nobody": signed("nobody", body, source="stranger"),
        "an unknown source": signed(secret, body, source="stranger"),
        "a long source": signed(secret, body, source="wms" * 1000),
        "no source": signed(secret, body, source=""),
        "old": signed(secret, body, source="wms", at=str(now - 330)),
        "of the future": signed(secret, body, source="wms", at=str(now + 330)),
        "another timestamp": good | {"x-xiaoka-timestamp": str(now - 1)},
        "no timestamp": signed(secret, body, source="wms", at=""),
        "a text as timestamp": signed(secret, body, source="wms", at="now"),
        "a negative timestamp": signed(secret, body, source="wms", at=str(-now)),
        "an exact timestamp": signed(secret, body, source="wms", at=f"{now}.5"),
        "a huge timestamp": signed(secret, body, source="wms", at="9" * 5000),
    }
    for name in good:
        cases[f"without {name}"] = {key: value for key, value in good.items() if key != name}
    answers = {name: await push(shop, body, headers) for name, headers in cases.items()}
    assert {name: refusal(answer) for name, answer in answers.items()} == dict.fromkeys(cases, REFUSED)
    assert len({answer.text for answer in answers.values()}) == 1
    altered = body.replace(b"98.50", b"0.01")
    assert refusal(await push(shop, altered, good)) == REFUSED
    assert await everything_written() == before


async def test_a_new_secret_ends_the_old_one(shop: Shop) -> None:
    old, new = await shop.scene.webhook_secret("pos"), await shop.scene.webhook_secret("pos")
    body = body_of(order_input())
    before = await orders_kept()
    assert refusal(await push(shop, body, signed(old, body, source="pos"))) == REFUSED
    assert await orders_kept() == before
    assert outcomes(await push(shop, body, signed(new, body, source="pos"))) == ["CREATED"]


@on_both_stacks
async def test_bad_orders_are_named_by_index_and_path_while_the_others_land(shop: Shop) -> None:
    secret = await shop.scene.webhook_secret("erp")
    good = [order_input(), order_input()]
    bad: list[tuple[Any, str, list[str]]] = [
        (None, "INVALID", []),
        (5, "INVALID", []),
        ([], "INVALID", []),
        ({}, "REQUIRED", ["externalId"]),
        ({key: value for key, value in order_input().items() if key != "number"}, "REQUIRED", ["number"]),
        (order_input(total={"amount": "1"}), "REQUIRED", ["total", "currency"]),
        (order_input(cards=[{"externalId": "a"}, {"secret": "b"}]), "REQUIRED", ["cards", "1", "externalId"]),
        (order_input(total={"amount": "1", "currency": None}), "INVALID", ["total", "currency"]),
        (order_input(version="1"), "INVALID", ["version"]),
        (order_input(version=2**31), "INVALID", ["version"]),
        (order_input(version=-1), "INVALID", ["version"]),
        (order_input(paymentStatus="BROKE"), "INVALID", ["paymentStatus"]),
        (order_input(placedAt="yesterday"), "INVALID", ["placedAt"]),
        (order_input(paidAt="2020-01-01T00:00:00Z"), "INVALID", ["paidAt"]),
        (order_input(number="x" * 65), "TOO_LONG", ["number"]),
        (order_input(number="a\0b"), "INVALID", ["number"]),
        (order_input(number="\ud800"), "INVALID", ["number"]),
        (order_input(number=" "), "REQUIRED", ["number"]),
        (order_input(quantity=0), "INVALID", ["quantity"]),
        (order_input(total={"amount": "-1", "currency": "CNY"}), "INVALID", ["total", "amount"]),
        (order_input(total={"amount": "1.005", "currency": "CNY"}), "INVALID", ["total", "amount"]),
        (order_input(total={"amount": "1", "currency": "XXX"}), "INVALID", ["total", "currency"]),
        (order_input(total={"amount": 1.5, "currency": "CNY"}), "INVALID", ["total", "amount"]),
        (order_input(buyer={"email": "nobody"}), "INVALID", ["buyer", "email"]),
        (order_input(buyer={"phone": "12"}), "INVALID", ["buyer", "phone"]),
        (order_input(cards=[{"externalId": "a"}, {"externalId": ""}]), "REQUIRED", ["cards", "1", "externalId"]),
        (order_input(cards=[{"externalId": str(i)} for i in range(201)]), "TOO_LONG", ["cards"]),
    ]
    unknown_key = order_input(surprise=True)
    before = await orders_kept()
    body = body_of(good[0], *(order for order, _, _ in bad), unknown_key, good[1])
    answer = await push(shop, body, signed(secret, body))
    results = answer.json()["results"]
    assert [result["index"] for result in results] == list(range(len(bad) + 3))
    assert (results[0]["outcome"], results[-1]["outcome"]) == ("CREATED", "CREATED")
    assert await orders_kept() == before + 2
    for result, (order, code, path) in zip(results[1:-2], bad, strict=True):
        (error,) = result["userErrors"]
        assert (result["outcome"], result["orderId"]) == ("REJECTED", None), order
        assert (error["code"], error["path"][:2]) == (code, ["orders", str(result["index"])]), (order, error)
        assert error["path"][2:] == path, (order, error)
        assert error["message"]
    assert results[-2]["outcome"] == "REJECTED"


@on_both_stacks
async def test_the_webhook_and_the_mutation_accept_the_same_orders(shop: Shop) -> None:
    secret, key = await shop.scene.webhook_secret("erp"), await shop.scene.api_key("orders:write", "orders:read")
    odd = [
        order_input(quantity=2.0),
        order_input(total={"amount": 5, "currency": "USDT"}),
        order_input(paymentSerial="", cards=None),
        order_input(buyer={}),
        order_input(placedAt="2026-11-20T16:00:00+08:00"),
        order_input(number="ｆｕｌｌ 订单 é"),
        order_input(seller={"externalId": "s", "name": "Seller"}),
        order_input(deliveries=[{"at": "2026-11-20T08:02:00Z", "channel": "EMAIL", "status": "SENT"}]),
        order_input(number="x" * 65),
        order_input(quantity=0),
    ]
    twins = [order | {"externalId": "twin-" + order["externalId"]} for order in odd]
    async with Client(shop.server.url, token=key) as system:
        selection = "results { index outcome userErrors { code message path } order { id } }"
        payload = await system.attempt("orderIngest", selection, source="erp", orders=twins)
    body = body_of(*odd)
    pushed = (await push(shop, body, signed(secret, body) | {"accept-language": "en"})).json()["results"]
    for by_webhook, by_mutation in zip(pushed, payload["results"], strict=True):
        for name in ("index", "outcome", "userErrors"):
            assert by_webhook[name] == by_mutation[name], by_webhook
    assert [result["outcome"] for result in pushed] == ["CREATED"] * 8 + ["REJECTED"] * 2


async def test_500_orders_are_taken_at_once_and_501_are_refused_whole(shop: Shop) -> None:
    secret = await shop.scene.webhook_secret("erp")
    many = [order_input() for _ in range(501)]
    before = await orders_kept()
    body = body_of(*many)
    assert refusal(await push(shop, body, signed(secret, body))) == (400, "BAD_REQUEST")
    assert await orders_kept() == before
    body = body_of(*many[:500])
    assert outcomes(await push(shop, body, signed(secret, body))) == ["CREATED"] * 500
    assert await orders_kept() == before + 500


async def test_a_signed_body_that_holds_no_orders_is_refused(shop: Shop) -> None:
    secret = await shop.scene.webhook_secret("erp")
    before = await orders_kept()
    for body in (
        b"",
        b"null",
        b"1",
        b'"x"',
        b"[]",
        b"{}",
        b'{"orders": {}}',
        b'{"orders": "x"}',
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"orders": ' + b"[" * 100_000,
        b'{"orders": ' + b"1" * 5000 + b"}",
        b"\x1f\x8b\x08\x00garbage",
    ):
        assert refusal(await push(shop, body, signed(secret, body))) == (400, "BAD_REQUEST"), body[:20]
    empty = await push(shop, b'{"orders": []}', signed(secret, b'{"orders": []}'))
    assert (empty.status_code, [error["code"] for error in empty.json()["userErrors"]]) == (400, ["REQUIRED"])
    assert await orders_kept() == before


async def test_an_order_nested_as_deeply_as_json_allows_is_named_by_its_index(shop: Shop) -> None:
    secret = await shop.scene.webhook_secret("erp")
    body = b'{"orders": [' + b"[" * 800 + b"]" * 800 + b"]}"
    assert outcomes(await push(shop, body, signed(secret, body))) == ["REJECTED"]


@on_both_stacks
async def test_an_older_version_never_overwrites_a_newer_one_whatever_comes_first(shop: Shop) -> None:
    secret = await shop.scene.webhook_secret("erp")
    order = order_input(version=1)

    async def push_version(version: int) -> list[str]:
        body = body_of(order | {"version": version, "quantity": version})
        return outcomes(await push(shop, body, signed(secret, body)))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(push_version(version)) for version in (3, 1, 5, 2, 4)]
    assert all(task.result()[0] in ("CREATED", "UPDATED", "STALE") for task in tasks)
    row = (await fetch(sql("SELECT version, quantity FROM shop_order WHERE external_key = {}", order["externalId"])))[0]
    assert (row["version"], row["quantity"]) == (5, 5)
    assert await push_version(4) == ["STALE"]


async def test_the_source_of_another_shop_is_a_stranger(shop: Shop) -> None:
    other = await a_scene(shop.scene.keyring, slug=f"other-{time.time_ns()}")
    ours, theirs = await shop.scene.webhook_secret("erp"), await other.webhook_secret("theirs")
    body, before = body_of(order_input()), await orders_kept()
    for headers in (
        signed(theirs, body, source="theirs", shop=shop.scene.slug),
        signed(ours, body, source="erp", shop=other.slug),
        signed(theirs, body, source="erp", shop=shop.scene.slug),
    ):
        assert refusal(await push(shop, body, headers)) == REFUSED
    nameless = await push(shop, body, signed(ours, body))
    assert refusal(nameless) == (400, "BAD_REQUEST")
    assert await orders_kept() == before
    landed = await push(shop, body, signed(theirs, body, source="theirs", shop=other.slug))
    assert outcomes(landed) == ["CREATED"]
    async with shop.client(shop.agent) as agent:
        id_ = landed.json()["results"][0]["orderId"]
        assert await agent.run("query($id: ID!) { node(id: $id) { id } order(id: $id) { id } }", id=id_) == {
            "node": None,
            "order": None,
        }
    assert id_ != encode_id("Order", shop.order_id)

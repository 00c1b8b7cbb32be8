from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from html import escape
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from rich.console import Console
from starlette.applications import Starlette

from api.demo import load_demo
from api.demo.orders import KNOWN_EMAIL, KNOWN_NUMBER, KNOWN_PHONE, as_sold, refunds, sales
from api.demo.people import PASSWORD, POSTS
from api.demo_inbox import PATH, demo_routes
from domain.identity.kinds import Lane
from domain.identity.queries import shop_by_slug
from domain.identity.setup import set_lane
from domain.messaging.actions import send
from domain.messaging.kinds import Channel
from domain.orders.actions import request_code_for
from domain.shared.act import Act, ContactKind, Role, Viewer
from domain.shared.clock import MINUTE, now_micros
from domain.shared.errors import Conflict, Forbidden, NotFound
from domain.shared.sql import Sql, fetch, fetch_value, sql
from domain.shared.transact import Tx, transact
from domain.tickets.kinds import TicketStatus
from tests.builders.client import Client
from tests.builders.scene import Scene, a_scene
from tests.builders.stacks import Stack
from tests.servers.xiaoka import ROOT, XiaokaServer

ORDERS = 60
EXAMPLES = ROOT / "web" / "graphiql" / "examples"
PATIENCE = 20.0


@pytest.fixture
async def demo(database: Stack) -> Stack:
    """A small demo shop; the domain is connected to its database."""
    await load_demo(database.keyring, orders=ORDERS, console=Console(quiet=True))
    return database


@pytest.fixture
async def served(demo: Stack) -> AsyncIterator[XiaokaServer]:
    async with XiaokaServer({**demo.environment, "XIAOKA_DEMO": "true"}) as server:
        yield server


async def count(table: str) -> int:
    found: int = await fetch_value(Sql(f"SELECT count(*) AS rows FROM {table}"))
    return found


class TestShop:
    async def test_has_tickets_in_every_status_and_people_in_line(self, demo: Stack) -> None:
        rows = await fetch(Sql("SELECT status, is_waiting FROM ticket"))

        assert {row["status"] for row in rows} == set(TicketStatus)
        assert any(row["is_waiting"] for row in rows)
        assert await count("shop_order") == ORDERS

    async def test_has_every_kind_of_message_rating_and_history(self, demo: Stack) -> None:
        said = await fetch(Sql("SELECT DISTINCT author_kind, is_internal FROM message"))

        assert {(row["author_kind"], row["is_internal"]) for row in said} == {
            ("BUYER", False),
            ("AGENT", False),
            ("AGENT", True),
        }
        assert await count("rating") > 0
        assert await count("service_span") > 0
        assert await fetch_value(Sql("SELECT count(*) AS vips FROM buyer WHERE lane = 'VIP'")) > 0

    async def test_lies_in_the_past_and_keeps_its_order(self, demo: Stack) -> None:
        late = sql("SELECT count(*) AS late FROM event WHERE at > {}", now_micros())
        unordered = Sql(
            "SELECT count(*) AS n FROM event a JOIN event b ON a.subject_id = b.subject_id"
            " AND a.seq = b.seq - 1 WHERE a.at > b.at"
        )
        before = Sql("SELECT count(*) AS n FROM ticket WHERE closed_at < resolved_at OR resolved_at < opened_at")

        assert [await fetch_value(one) for one in (late, unordered, before)] == [0, 0, 0]

    async def test_writes_to_nobody_about_the_past(self, demo: Stack) -> None:
        assert await count("outgoing") == 0
        assert await count("inbox_item") == 0
        assert await fetch_value(sql("SELECT count(*) AS due FROM job WHERE due_at <= {}", now_micros())) == 0

    async def test_leaves_nobody_with_more_than_the_capacity(self, demo: Stack) -> None:
        rows = await fetch(
            Sql(
                "SELECT capacity, presence, (SELECT count(*) FROM ticket WHERE agent_id = agent.id"
                " AND status = 'OPEN') AS busy FROM agent"
            )
        )

        assert len(rows) == len(POSTS)
        assert all(row["busy"] <= row["capacity"] for row in rows)
        assert all(row["busy"] == 0 for row in rows if row["presence"] != "ONLINE")

    async def test_is_not_loaded_twice(self, demo: Stack) -> None:
        with pytest.raises(Conflict):
            await load_demo(demo.keyring, orders=ORDERS, console=Console(quiet=True))

        assert (await count("shop"), await count("shop_order"), await count("agent")) == (1, ORDERS, len(POSTS))

    async def test_is_loaded_anew_after_a_load_that_was_broken_off(self, database: Stack) -> None:
        broken_off = asyncio.create_task(load_demo(database.keyring, orders=ORDERS, console=Console(quiet=True)))
        while not await count("ticket") and not broken_off.done():
            await asyncio.sleep(0.01)
        broken_off.cancel()
        with pytest.raises(asyncio.CancelledError):
            await broken_off
        assert await count("shop") == 0

        await load_demo(database.keyring, orders=ORDERS, console=Console(quiet=True))

        shop = await shop_by_slug("demo")
        assert shop
        own = sql("SELECT count(*) AS own FROM shop_order WHERE shop_id = {}", shop["id"])
        assert await fetch_value(own) == ORDERS


class TestSales:
    NOW = 1_800_000_000_000_000

    def test_are_the_same_for_the_same_dice(self) -> None:
        first, second = (list(sales(Random(7), count=200, now=self.NOW)) for _ in range(2))

        assert first == second
        assert first != list(sales(Random(8), count=200, now=self.NOW))

    @pytest.mark.parametrize("orders", [10, 61, 3000])
    def test_are_told_in_the_order_of_time_and_end_with_the_known_one(self, orders: int) -> None:
        sold = list(sales(Random(7), count=orders, now=self.NOW))
        moments = [order.placed_at for order in sold[:-1]]

        assert len({order.number for order in sold}) == orders
        assert moments == sorted(moments)
        assert moments[-1] <= self.NOW - 3 * MINUTE
        assert (sold[-1].number, sold[-1].buyer.email, sold[-1].buyer.phone) == (
            KNOWN_NUMBER,
            KNOWN_EMAIL,
            KNOWN_PHONE,
        )

    def test_reach_no_living_person(self) -> None:
        buyers = [order.buyer for order in sales(Random(7), count=3000, now=self.NOW)]

        assert {buyer.email.rpartition("@")[2] for buyer in buyers if buyer.email} <= {
            "example.com",
            "example.org",
        }
        # No operator gives out the range 1400; 13800138000 is the carrier's own test number.
        assert {buyer.phone[:4] for buyer in buyers if buyer.phone and buyer.phone != KNOWN_PHONE} == {"1400"}

    def test_tell_a_refund_as_a_second_version(self) -> None:
        sold = list(sales(Random(7), count=3000, now=self.NOW))
        changed = refunds(sold)

        assert 0 < len(changed) < len(sold) / 10
        assert all(order.version == 2 for order in changed)
        assert not {as_sold(order).payment_status for order in sold} & {order.payment_status for order in changed}


class TestLane:
    async def test_is_set_by_the_shop_alone(self, demo: Stack) -> None:
        shop = await shop_by_slug("demo")
        assert shop
        (buyer, *_) = await fetch(Sql("SELECT id FROM buyer WHERE lane = 'STANDARD' ORDER BY id"))
        agent = Viewer(role=Role.AGENT, shop_id=shop["id"])

        with pytest.raises(Forbidden):
            await set_lane(Act(viewer=agent, keyring=demo.keyring), buyer_id=buyer["id"], lane=Lane.VIP)

        assert await fetch_value(sql("SELECT lane FROM buyer WHERE id = {}", buyer["id"])) == "STANDARD"

    async def test_of_another_shop_s_buyer_is_out_of_reach(self, demo: Stack) -> None:
        other = await a_scene(demo.keyring, slug="other")
        (buyer, *_) = await fetch(Sql("SELECT id FROM buyer WHERE lane = 'STANDARD' ORDER BY id"))

        with pytest.raises(NotFound):
            await set_lane(other.act(), buyer_id=buyer["id"], lane=Lane.VIP)

        assert await fetch_value(sql("SELECT lane FROM buyer WHERE id = {}", buyer["id"])) == "STANDARD"


async def code_in(http: httpx.AsyncClient) -> str:
    """The newest code on the inbox page, once it is there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        page = (await http.get(PATH)).text
        if found := re.search(r"\b\d{6}\b", page.partition("<article>")[2]):
            return found[0]
        assert time.monotonic() < deadline, page
        await asyncio.sleep(0.05)


class TestServed:
    async def test_lets_every_account_sign_in(self, served: XiaokaServer) -> None:
        async with Client(served.url) as guest:
            for post in POSTS:
                login = await guest.mutate(
                    "staffLogin", "viewer { role name shop { slug } }", email=post.email, password=PASSWORD
                )
                assert login["viewer"] == {"role": post.role, "name": post.name, "shop": {"slug": "demo"}}

    async def test_shows_the_code_that_proves_the_known_buyer(self, served: XiaokaServer) -> None:
        async with (
            Client(served.url) as guest,
            httpx.AsyncClient(base_url=served.url, trust_env=False) as http,
        ):
            assert "Nothing yet." in (await http.get(PATH)).text
            asked = await guest.mutate("codeRequest", "challengeId", orderNumber=KNOWN_NUMBER)
            proved = await guest.mutate(
                "codeVerify", "token", challengeId=asked["challengeId"], code=await code_in(http)
            )
        async with Client(served.url, token=proved["token"]) as buyer:
            seen = await buyer.run("{ orders { nodes { number tickets { id } } } }")

        assert seen["orders"]["nodes"] == [{"number": KNOWN_NUMBER, "tickets": []}]

    async def test_runs_graphiql_s_examples_in_their_order(self, served: XiaokaServer) -> None:
        answers: dict[str, Any] = {}
        async with httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
            for path in sorted(EXAMPLES.glob("*.graphql")):
                query = path.read_text(encoding="utf-8")
                variables = filled(path.with_suffix(".json"), answers)
                headers = filled(path.with_suffix(".headers.json"), answers)
                if path.stem == "03-code-verify":
                    variables["input"]["code"] = await code_in(http)
                token = headers.get("Authorization", "").removeprefix("Bearer ")
                async with Client(served.url, token=token or None) as client:
                    if re.search(r"^subscription", query, re.MULTILINE):
                        async with client.socket() as socket:
                            assert await (await socket.subscribe(query, **variables)).next()
                        continue
                    data = await client.run(query, **variables)
                for value in data.values():
                    assert value, path.stem
                    assert value.get("userErrors", []) == [], path.stem
                answers |= data

        assert answers["ticketResolve"]["ticket"]["status"] == "RESOLVED"
        assert answers["orderIngest"]["results"][0]["outcome"] == "CREATED"


def filled(path: Path, answers: dict[str, Any]) -> dict[str, Any]:
    """The JSON beside an example with its placeholders filled, as the page does it."""
    if not path.exists():
        return {}

    def value_at(found: re.Match[str]) -> str:
        value: Any = answers
        for name in found[1].split("."):
            value = value[name]
        return str(value)

    text = re.sub(r"<(\w+(?:\.\w+)+)>", value_at, path.read_text(encoding="utf-8"))
    given: dict[str, Any] = json.loads(text)
    return given


async def inbox_page(stack: Stack) -> httpx.Response:
    transport = httpx.ASGITransport(app=Starlette(routes=demo_routes(stack.keyring)))
    async with httpx.AsyncClient(transport=transport, base_url="http://xiaoka.test") as client:
        return await client.get(PATH)


async def write(scene: Scene, key: str, facts: dict[str, object], *, at: int | None = None) -> None:
    async def work(tx: Tx) -> None:
        send(tx, key=key, channel=Channel.EMAIL, destination="li@example.com", template="CODE", facts=facts)

    await transact(scene.act(now=at), work)


class TestInbox:
    async def test_is_nowhere_without_the_demo(self, scene: Scene, server: XiaokaServer) -> None:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
            assert (await http.get(PATH)).status_code == httpx.codes.NOT_FOUND

    async def test_shows_the_latest_fifty_the_newest_first(self, scene: Scene, database: Stack) -> None:
        now = now_micros()
        for number in range(52):
            await write(scene, f"letter-{number}", {"code": f"{number:06d}"}, at=now + number)

        shown = re.findall(r"\b\d{6}\b", (await inbox_page(database)).text.partition("<article>")[2])

        assert shown == [f"{number:06d}" for number in range(51, 1, -1)]

    async def test_escapes_what_it_shows(self, scene: Scene, database: Stack) -> None:
        script = "<script>alert('&')</script>"
        await write(scene, "letter", {"code": script})

        page = await inbox_page(database)

        assert script not in page.text
        assert escape(script) in page.text

    async def test_lets_the_browser_keep_and_ask_nothing(self, database: Stack) -> None:
        page = await inbox_page(database)

        assert page.headers["cache-control"] == "no-store"
        assert page.headers["content-security-policy"].startswith("default-src 'none';")
        assert '<meta http-equiv="refresh"' in page.text

    async def test_shows_no_other_shop_s_codes(self, scene: Scene, database: Stack) -> None:
        other = await a_scene(database.keyring, slug="other")
        await other.order(email="li@example.com", number="XK777777777")
        await request_code_for(other.act(), order_number="XK777777777", contact=None, channel=ContactKind.EMAIL)

        assert await count("outgoing") == 1
        assert "Nothing yet." in (await inbox_page(database)).text

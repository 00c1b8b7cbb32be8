"""The whole story, as the people in it live it: over HTTP, websockets, the signed webhook and real e-mail."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

import httpx
import pytest

from api.ingest import signature
from domain.shared.act import Role
from tests.builders.client import Client, Refused
from tests.builders.scene import Scene, a_scene, order_input
from tests.builders.stacks import Stack
from tests.servers.smtp import SmtpServer
from tests.servers.xiaoka import XiaokaServer

PROGRESS = """subscription($id: ID!, $after: String) { ticketProgress(ticketId: $id, after: $after) {
  cursor initial resync
  event { type actor { kind name } message { text isInternal } fromStatus toStatus agent { name } score }
  ticket { status agent { name } } } }"""
POSITION = """subscription($id: ID!) { queuePosition(ticketId: $id) {
  state position waitP50Seconds waitP90Seconds agentName message } }"""
BOARD = """subscription($id: ID) { queueBoard(queueId: $id) {
  queue { name } waitingCount next { number } agents { name busy capacity } } }"""


async def push(server: XiaokaServer, secret: str, orders: list[dict[str, Any]], source: str) -> dict[str, Any]:
    body, timestamp = json.dumps({"orders": orders}).encode(), str(int(time.time()))
    headers = {
        "x-xiaoka-source": source,
        "x-xiaoka-timestamp": timestamp,
        "x-xiaoka-signature": signature(secret, timestamp, body),
    }
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{server.url}/ingest/orders", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def prove(guest: Client, mail: SmtpServer, address: str, **named: str) -> str:
    """The buyer's token, by the code in the e-mail."""
    challenge = await guest.mutate("codeRequest", "challengeId maskedDestination expiresAt", **named)
    letter = await mail.wait_for_message(address)
    code = re.search(r"\b(\d{6})\b", letter.message.get_content())
    assert code is not None
    granted = await guest.mutate(
        "codeVerify", "token expiresAt viewer { role }", challengeId=challenge["challengeId"], code=code[1]
    )
    assert granted["viewer"]["role"] == "BUYER"
    token: str = granted["token"]
    return token


@pytest.fixture
async def story(stack: Stack) -> Any:
    async with stack.connected():
        scene = await a_scene(stack.keyring)
        async with SmtpServer() as mail:
            settings = {
                **stack.environment,
                "XIAOKA_SMTP_URL": mail.url,
                "XIAOKA_PUBLIC_URL": "https://shop.example",
            }
            async with XiaokaServer(settings) as server:
                yield scene, server, mail


async def test_an_order_comes_in_something_is_wrong_and_the_buyer_watches_it_being_put_right(
    story: tuple[Scene, XiaokaServer, SmtpServer],
) -> None:
    scene, server, mail = story
    secret = await scene.webhook_secret("duka")
    wrong = order_input(number="XK900000001", buyer={"email": "li@example.com", "phone": "13800138000"})
    pushed = await push(server, secret, [wrong, order_input(quantity=0)], "duka")
    assert [r["outcome"] for r in pushed["results"]] == ["CREATED", "REJECTED"]
    assert pushed["results"][1]["userErrors"][0]["path"] == ["orders", "1", "quantity"]

    async with Client(server.url) as guest:
        look_up = "query($i: OrderLookupInput!) { orderLookup(input: $i) { maskedNumber paymentStatus productName } }"
        seen = await guest.run(look_up, i={"number": "XK900000001", "phoneTail": "8000"})
        assert seen["orderLookup"] == {
            "maskedNumber": "XK90****01",
            "paymentStatus": "PAID",
            "productName": "Steam 100",
        }
        for wrong_proof in (
            {"number": "XK900000001", "phoneTail": "8001"},
            {"number": "XK999999999", "phoneTail": "8000"},
            {"number": "XK900000001", "email": "other@example.com"},
        ):
            assert await guest.run(look_up, i=wrong_proof) == {"orderLookup": None}
        token = await prove(guest, mail, "li@example.com", orderNumber="XK900000001")

    lead = await scene.agent("Lead", role=Role.SUPERVISOR)
    ann, ben = await scene.agent("Ann", capacity=1), await scene.agent("Ben")
    async with (
        Client(server.url, token=token) as buyer,
        Client(server.url, token=ann.token) as anns,
        Client(server.url, token=ben.token) as bens,
        Client(server.url, token=lead.token) as leads,
    ):
        own = await buyer.run("{ orders { nodes { number buyer { maskedContact } cards { hasSecret batch } } } }")
        assert own["orders"]["nodes"] == [
            {
                "number": "XK900000001",
                "buyer": {"maskedContact": "l***@example.com"},
                "cards": [{"hasSecret": True, "batch": "B-1"}],
            }
        ]
        opened = await buyer.mutate(
            "ticketOpen",
            "ticket { id number status order { number } progressCursor }",
            text="卡密无效",
            orderNumber="XK900000001",
            category="INVALID_CARD",
            idempotencyKey="first",
        )
        ticket = opened["ticket"]
        again = await buyer.mutate(
            "ticketOpen",
            "ticket { id }",
            text="卡密无效",
            orderNumber="XK900000001",
            category="INVALID_CARD",
            idempotencyKey="first",
        )
        assert again["ticket"]["id"] == ticket["id"] and ticket["order"]["number"] == "XK900000001"

        async with buyer.socket() as phone, leads.socket() as desk:
            progress = await phone.subscribe(PROGRESS, id=ticket["id"], after=ticket["progressCursor"])
            watching = await desk.subscribe(PROGRESS, id=ticket["id"])
            position = await phone.subscribe(POSITION, id=ticket["id"])
            board = await desk.subscribe(BOARD)
            assert (await watching.next())["initial"]
            place = await position.next()
            assert place["state"] == "WAITING" and place["position"] == 1
            assert (await board.next())["waitingCount"] == 1

            claimed = await anns.mutate("ticketClaimNext", "ticket { id agent { name } }")
            assert claimed["ticket"] == {"id": ticket["id"], "agent": {"name": "Ann"}}
            step = await progress.next()
            assert step["event"]["type"] == "CLAIMED" and step["ticket"]["agent"]["name"] == "Ann"
            while place["state"] == "WAITING":
                place = await position.next()
            assert place["state"] == "TAKEN" and place["message"] == "Ann is looking after you"
            with pytest.raises(StopAsyncIteration):
                await position.next()

            await anns.mutate("messageAdd", "message { id }", ticketId=ticket["id"], text="Suspicious", internal=True)
            await anns.mutate(
                "messageAdd", "message { id }", ticketId=ticket["id"], text="Send a photo", awaitsBuyer=True
            )
            step = await progress.next()
            assert step["event"]["message"] == {"text": "Send a photo", "isInternal": False}
            assert step["event"]["toStatus"] == "PENDING"
            last_cursor = step["cursor"]
            phone.drop()

        await buyer.mutate("messageAdd", "message { id }", ticketId=ticket["id"], text="Here it is")
        await anns.mutate(
            "ticketTransfer", "ticket { id }", ticketId=ticket["id"], agentId=await id_of(bens), note="Yours"
        )
        resolved = await bens.mutate(
            "ticketResolve",
            "ticket { status resolution { text } }",
            ticketId=ticket["id"],
            text="New code sent",
        )
        assert resolved["ticket"] == {"status": "RESOLVED", "resolution": {"text": "New code sent"}}
        await buyer.mutate("ticketRate", "ticket { id }", ticketId=ticket["id"], score=2, comment="Slow")
        refused = await buyer.attempt("ticketRate", "ticket { id }", ticketId=ticket["id"], score=5)
        assert [e["code"] for e in refused["userErrors"]] == ["ALREADY_RATED"]
        await buyer.mutate("ticketReopen", "ticket { status }", ticketId=ticket["id"], text="Still broken")

        async with buyer.socket() as phone:
            progress = await phone.subscribe(PROGRESS, id=ticket["id"], after=last_cursor)
            missed = [await progress.next() for _ in range(6)]
            assert [m["event"]["type"] for m in missed] == [
                "MESSAGE_ADDED", "TRANSFERRED", "RESOLVED", "RATED", "MESSAGE_ADDED", "REOPENED",
            ]  # fmt: skip
            assert await progress.nothing_comes()
        everything = await leads.run(
            "query($id: ID!) { ticket(id: $id) { events(first: 50) { nodes { type } } ratings { score comment } } }",
            id=ticket["id"],
        )
        types = [e["type"] for e in everything["ticket"]["events"]["nodes"]]
        assert types.count("NOTE_ADDED") == 2 and len(types) == 11
        assert everything["ticket"]["ratings"] == [{"score": 2, "comment": "Slow"}]

        letters = [await mail.wait_for_message("li@example.com") for _ in range(4)]
        assert all("https://shop.example/tickets/" in letter.message.get_content() for letter in letters)
        inbox = await buyer.run("{ inboxItems(first: 20) { nodes { subject } } }")
        assert any("resolved" in item["subject"] for item in inbox["inboxItems"]["nodes"])


async def id_of(client: Client) -> str:
    agent_id: str = (await client.run("{ viewer { agent { id } } }"))["viewer"]["agent"]["id"]
    return agent_id


async def test_one_notice_and_one_resolution_reach_all_tickets_of_an_incident_and_later_ones(
    scene: Scene, server: XiaokaServer
) -> None:
    buyers = [await scene.buyer(f"b{i}@example.com") for i in range(3)]
    orders = [await scene.order(email=f"b{i}@example.com", number=f"XK8000000{i}") for i in range(3)]
    assert len(orders) == 3
    lead = await scene.agent("Lead", role=Role.SUPERVISOR)
    async with Client(server.url, token=lead.token) as leads:
        product = (await leads.run("{ products { nodes { id } } }"))["products"]["nodes"][0]["id"]
        tickets = []
        for number in (0, 1):
            async with Client(server.url, token=buyers[number].token) as client:
                opened = await client.mutate(
                    "ticketOpen", "ticket { id }", text="Dead code", orderNumber=f"XK8000000{number}"
                )
                tickets.append(opened["ticket"]["id"])
        incident = (
            await leads.mutate(
                "incidentOpen",
                "incident { id status }",
                title="Batch B-1 is dead",
                notice="We know, new codes come.",
                ticketIds=tickets,
                productId=product,
            )
        )["incident"]
        async with Client(server.url, token=buyers[2].token) as client:
            late = await client.mutate(
                "ticketOpen",
                "ticket { id incident { title } messages(first: 9) { nodes { text author { kind } } } }",
                text="Mine too",
                orderNumber="XK80000002",
            )
            assert late["ticket"]["incident"] == {"title": "Batch B-1 is dead"}
            assert late["ticket"]["messages"]["nodes"][-1] == {
                "text": "We know, new codes come.",
                "author": {"kind": "SYSTEM"},
            }
            tickets.append(late["ticket"]["id"])
            async with client.socket() as socket:
                progress = await socket.subscribe(PROGRESS, id=tickets[2])
                await progress.next()
                await leads.mutate(
                    "incidentResolve", "incident { status }", incidentId=incident["id"], text="All replaced"
                )
                assert (await progress.next())["event"]["type"] == "RESOLVED"
        again = await leads.attempt("incidentResolve", "incident { status }", incidentId=incident["id"], text="Twice")
        assert [e["code"] for e in again["userErrors"]] == ["INCIDENT_RESOLVED"]
        for _ in range(50):
            shown = await leads.run(
                "query($id: ID!) { node(id: $id) { ... on Incident { tickets(first: 9) { nodes { status"
                " messages(first: 9) { nodes { text } } } } } } }",
                id=incident["id"],
            )
            members = shown["node"]["tickets"]["nodes"]
            if all(member["status"] == "RESOLVED" for member in members):
                break
            await asyncio.sleep(0.1)
        for member in members:
            texts = [message["text"] for message in member["messages"]["nodes"]]
            assert texts.count("We know, new codes come.") == 1 and texts.count("All replaced") == 1


async def test_what_somebody_may_not_see_does_not_exist_for_them(scene: Scene, server: XiaokaServer) -> None:
    await scene.order(email="li@example.com", number="XK700000001")
    owner, stranger = await scene.buyer("li@example.com"), await scene.buyer("no@example.com")
    async with Client(server.url, token=owner.token) as client:
        ticket_id = (await client.mutate("ticketOpen", "ticket { id }", text="Help", orderNumber="XK700000001"))[
            "ticket"
        ]["id"]
    async with Client(server.url, token=stranger.token) as client:
        assert await client.run("query($id: ID!) { ticket(id: $id) { id } }", id=ticket_id) == {"ticket": None}
        assert await client.run('{ order(number: "XK700000001") { id } }') == {"order": None}
        refused = await client.attempt("messageAdd", "message { id }", ticketId=ticket_id, text="Hi")
        assert [e["code"] for e in refused["userErrors"]] == ["NOT_FOUND"]
        async with client.socket() as socket:
            stream = await socket.subscribe(PROGRESS, id=ticket_id)
            with pytest.raises(Refused) as refusal:
                await stream.next()
            assert refusal.value.codes == ["NOT_FOUND"]
            still = await socket.subscribe("{ viewer { role } }")
            assert await still.next() == {"role": "BUYER"}

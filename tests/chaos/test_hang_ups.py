"""Clients that hang up in the middle of a mutation cost the server neither a lock nor a connection."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from uuid import UUID

import pytest

from domain.shared.sql import fetch, sql
from domain.tickets.reading import text_of
from resolvers.shared.ids import encode_id
from tests.builders.client import Client
from tests.builders.scene import Person, Scene
from tests.servers.xiaoka import XiaokaServer

pytestmark = pytest.mark.chaos
ADD = "mutation($input: MessageAddInput!) { messageAdd(input: $input) { message { id } userErrors { code } } }"
BUYERS, EACH = 10, 50
# More than the server's connections, so one that is missing stops somebody.
BURST_EACH = 6


@pytest.mark.parametrize("seed", [20261122])
async def test_the_server_answers_and_writes_after_five_hundred_clients_hung_up_on_their_mutations(
    seed: int, scene: Scene, server: XiaokaServer
) -> None:
    chance = Random(seed)
    tickets: dict[UUID, Person] = {}
    for _ in range(BUYERS):
        buyer = await scene.buyer()
        tickets[await scene.ticket(buyer)] = buyer

    await asyncio.gather(*(hang_up_again_and_again(server, buyer, key, chance) for key, buyer in tickets.items()))

    written = await asyncio.gather(*(still_served(server, buyer, key) for key, buyer in tickets.items()))
    logs = [await texts_in(scene, key) for key in tickets]
    for log, texts in zip(logs, written, strict=True):
        assert [times for text, times in log.items() if times != 1] == []
        assert set(texts) <= set(log)
    # Else nobody hung up on a mutation that had begun.
    assert any(text.startswith("hung up") for log in logs for text in log)


async def hang_up_again_and_again(server: XiaokaServer, buyer: Person, key: UUID, chance: Random) -> None:
    async with Client(server.url, token=buyer.token) as client:
        for number in range(EACH):
            async with client.socket() as socket:
                given = {"ticketId": encode_id("Ticket", key), "text": f"hung up {number}"}
                await socket.subscribe(ADD, input=given)
                await asyncio.sleep(chance.choice([0, chance.uniform(0, 0.05)]))
                socket.drop()


async def still_served(server: XiaokaServer, buyer: Person, key: UUID) -> list[str]:
    ticket_id = encode_id("Ticket", key)
    texts = [f"still there {number}" for number in range(BURST_EACH)]
    async with Client(server.url, token=buyer.token) as client:
        await asyncio.gather(
            *(client.mutate("messageAdd", "message { id }", ticketId=ticket_id, text=text) for text in texts)
        )
        shown = await client.run("query($id: ID!) { ticket(id: $id) { id } }", id=ticket_id)
        assert shown == {"ticket": {"id": ticket_id}}
        async with client.socket() as socket:
            answer = await (await socket.subscribe(ADD, input={"ticketId": ticket_id, "text": "and by socket"})).next()
            assert answer["userErrors"] == []
    return [*texts, "and by socket"]


async def texts_in(scene: Scene, key: UUID) -> Counter[str]:
    """What the ticket's log holds, each as often as it was committed; the numbers have no gaps."""
    numbers = [row["seq"] for row in await fetch(sql("SELECT seq FROM event WHERE subject_id = {} ORDER BY seq", key))]
    assert numbers == list(range(1, len(numbers) + 1))
    rows = await fetch(sql("SELECT id, sealed_text FROM message WHERE ticket_id = {}", key))
    assert len(rows) == len(numbers)
    return Counter(text_of(scene.keyring, row) for row in rows)

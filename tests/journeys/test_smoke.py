from __future__ import annotations

from tests.builders.client import Client
from tests.builders.scene import Scene
from tests.servers.xiaoka import XiaokaServer

PROGRESS = """subscription($id: ID!, $after: String) { ticketProgress(ticketId: $id, after: $after) {
  cursor initial resync event { type message { text } } ticket { status } } }"""


async def test_a_buyer_watches_a_ticket_being_answered(scene: Scene, server: XiaokaServer) -> None:
    await scene.order(email="li@example.com", number="XK777777777")
    buyer, agent = await scene.buyer("li@example.com"), await scene.agent("Ann")
    async with Client(server.url, token=buyer.token) as b, Client(server.url, token=agent.token) as a:
        opened = await b.mutate("ticketOpen", "ticket { id status }", text="No code", orderNumber="XK777777777")
        ticket_id = opened["ticket"]["id"]
        async with b.socket() as socket:
            progress = await socket.subscribe(PROGRESS, id=ticket_id)
            first = await progress.next()
            assert first["initial"] and first["event"] is None
            claimed = await a.mutate("ticketClaimNext", "ticket { id }")
            assert claimed["ticket"]["id"] == ticket_id
            assert (await progress.next())["event"]["type"] == "CLAIMED"

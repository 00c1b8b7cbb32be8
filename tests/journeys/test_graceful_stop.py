"""A server that is told to stop says so on every socket, and keeps all that it confirmed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from uuid import UUID

import httpx
import websockets

from domain.shared.sql import fetch, sql
from domain.tickets.reading import text_of
from resolvers.shared.ids import encode_id
from tests.builders.client import Client, Disconnected, Socket, Stream
from tests.builders.scene import Person, Scene
from tests.servers.xiaoka import XiaokaServer

PROGRESS = "subscription($id: ID!) { ticketProgress(ticketId: $id) { cursor } }"
POSITION = "subscription($id: ID!) { queuePosition(ticketId: $id) { position } }"
ADD = "mutation($input: MessageAddInput!) { messageAdd(input: $input) { message { id } userErrors { code } } }"
SERVICE_RESTART, GOING_AWAY = 1012, 1001
Say = Callable[[str], Awaitable[None]]


class Caller:
    """A buyer who follows a ticket by websocket and keeps writing, by that socket and by HTTP, until cut off."""

    def __init__(self, buyer: Person, ticket_id: UUID) -> None:
        self.buyer = buyer
        self.ticket_id = ticket_id
        self.ticket = encode_id("Ticket", ticket_id)
        self.confirmed: list[str] = []

    async def come(self, server: XiaokaServer, opened: AsyncExitStack) -> None:
        self.client = await opened.enter_async_context(Client(server.url, token=self.buyer.token))
        self.socket: Socket = await opened.enter_async_context(self.client.socket())
        for query in (PROGRESS, POSITION):
            stream: Stream = await self.socket.subscribe(query, id=self.ticket)
            await stream.next()

    async def write_on(self, name: str, say: Say) -> None:
        """Until the server is gone."""
        number = 0
        while True:
            number += 1
            text = f"{name} {number}"
            try:
                await say(text)
            except (httpx.TransportError, websockets.ConnectionClosed, Disconnected):
                return
            self.confirmed.append(text)
            await asyncio.sleep(0.05)

    async def say_by_http(self, text: str) -> None:
        await self.client.mutate("messageAdd", "message { id }", ticketId=self.ticket, text=text)

    async def say_by_socket(self, text: str) -> None:
        stream = await self.socket.subscribe(ADD, input={"ticketId": self.ticket, "text": text})
        payload = await stream.next()
        assert payload["userErrors"] == []


async def test_a_server_told_to_stop_closes_its_sockets_properly_and_loses_nothing_it_confirmed(
    scene: Scene, server: XiaokaServer
) -> None:
    callers = []
    for _ in range(10):
        buyer = await scene.buyer()
        callers.append(Caller(buyer, await scene.ticket(buyer)))

    async with AsyncExitStack() as opened:
        for caller in callers:
            await caller.come(server, opened)
        async with asyncio.TaskGroup() as group:
            for caller in callers:
                group.create_task(caller.write_on("by HTTP", caller.say_by_http))
                group.create_task(caller.write_on("by socket", caller.say_by_socket))
            while not all(len(caller.confirmed) >= 4 for caller in callers):
                await asyncio.sleep(0.01)
            # It ends by itself; `stop` would only resort to force after a longer time.
            await asyncio.wait_for(server.stop(), 15)
        for caller in callers:
            await caller.socket.connection.wait_closed()
            assert caller.socket.connection.close_code in {SERVICE_RESTART, GOING_AWAY}

    for caller in callers:
        rows = await fetch(sql("SELECT id, sealed_text FROM message WHERE ticket_id = {}", caller.ticket_id))
        written = Counter(text_of(scene.keyring, row) for row in rows)
        assert {text: written[text] for text in caller.confirmed if written[text] != 1} == {}
        assert {"by HTTP 1", "by socket 1"} <= set(caller.confirmed)

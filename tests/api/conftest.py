from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest
import pytest_asyncio

from tests.builders.client import Client
from tests.builders.scene import Person, Scene, a_scene
from tests.builders.stacks import SQLITE, Stack, new_stack
from tests.builders.written import everything_written, jobs_done
from tests.servers.xiaoka import XiaokaServer


@dataclass
class Shop:
    """A running server with one shop, one order and its ticket, and everybody signed in."""

    stack: Stack
    scene: Scene
    server: XiaokaServer
    buyer: Person
    agent: Person
    order_id: UUID
    ticket_id: UUID

    def client(self, who: Person | None = None) -> Client:
        return Client(self.server.url, token=who.token if who else None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """One for all tests of a file, on SQLite unless another stack is asked for; the domain is connected to it."""
    kind = getattr(request, "param", SQLITE)
    async with new_stack(kind, tmp_path_factory.mktemp("shop")) as stack, stack.connected():
        scene = await a_scene(stack.keyring)
        async with XiaokaServer(stack.environment) as server:
            order_id = await scene.order(email="li@example.com")
            buyer, agent = await scene.buyer("li@example.com"), await scene.agent()
            ticket_id = await scene.ticket(buyer, order_id=order_id)
            await jobs_done()
            yield Shop(stack, scene, server, buyer, agent, order_id, ticket_id)


@pytest_asyncio.fixture(loop_scope="module")
async def unchanged(shop: Shop) -> AsyncIterator[None]:
    """The whole test writes nothing."""
    await jobs_done()
    before = await everything_written()
    yield
    await jobs_done()
    assert await everything_written() == before

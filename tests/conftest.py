from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.builders.client import Client
from tests.builders.scene import Scene, a_scene
from tests.builders.stacks import KINDS, Stack, new_stack
from tests.servers.xiaoka import XiaokaServer


@pytest.fixture(params=KINDS)
async def stack(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stack]:
    """A migrated, empty database of each kind, and the bus that goes with it."""
    async with new_stack(request.param, tmp_path) as made:
        yield made


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Stack]:
    """The domain of this process is connected to the stack's database."""
    async with stack.connected():
        yield stack


@pytest.fixture
async def scene(database: Stack) -> Scene:
    """A shop called `demo` with one queue; the domain is connected to its database."""
    return await a_scene(database.keyring)


@pytest.fixture
async def server(stack: Stack, scene: Scene) -> AsyncIterator[XiaokaServer]:
    """A real server on the scene's database."""
    async with XiaokaServer(stack.environment) as running:
        yield running


@pytest.fixture
async def guest(server: XiaokaServer) -> AsyncIterator[Client]:
    async with Client(server.url) as client:
        yield client

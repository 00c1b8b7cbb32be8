from __future__ import annotations

from rich.console import Console

from domain.identity import setup
from domain.shared.act import Act, Language, Role, Viewer
from domain.shared.clock import uuid7
from domain.shared.crypto import Keyring
from domain.tickets.setup import create_queue, join_queues


async def load_demo(keyring: Keyring, *, orders: int, console: Console) -> None:
    act = Act(viewer=Viewer.system(uuid7()), keyring=keyring, language=Language.ZH)
    await setup.create_shop(act, slug="demo", name="小卡演示店")
    await create_queue(act, slug="general", name="综合", is_default=True)
    agent = await setup.create_agent(
        act, email="agent@example.com", name="小李", password="demo-password", role=Role.AGENT
    )
    await join_queues(act, agent_id=agent)

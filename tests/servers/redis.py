from __future__ import annotations

import asyncio
import os
import shutil
import time

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.servers.child import Child
from tests.servers.free_port import free_port
from tests.servers.server import Server, new_folder, remove_folder

START_S = 20.0


class RedisServer(Server):
    """Keeps nothing on disk: whatever ends it empties it, as our hints must survive."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = new_folder("redis")
        self._child = Child(
            command=[_program(), *self._options()],
            folder=self.folder,
            log_file=self.folder / "redis.log",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        )

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        return self._child.pid

    def log(self) -> str:
        return self._child.log()

    async def start(self) -> None:
        self._child.start()
        await self._wait_until_ready()

    async def stop(self) -> None:
        await self._child.stop()

    async def kill(self) -> None:
        await self._child.kill()

    async def close(self, *, failed: bool) -> None:
        await self.stop()
        remove_folder(self.folder)

    def _options(self) -> list[str]:
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]

    async def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        async with Redis.from_url(self.url) as client:
            while not await _answers(client):
                self._child.assert_running()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"Redis is not ready:\n{self.log()}")
                await asyncio.sleep(0.02)


async def _answers(client: Redis) -> bool:
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False


def is_installed() -> bool:
    return shutil.which("redis-server") is not None


def _program() -> str:
    found = shutil.which("redis-server")
    assert found is not None, "redis-server is not installed"
    return found

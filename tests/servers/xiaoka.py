from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.servers.child import Child
from tests.servers.free_port import free_port
from tests.servers.server import Server, new_folder, remove_folder

ROOT = Path(__file__).resolve().parents[2]
READY_S = 60.0


class XiaokaServer(Server):
    """The service as an operator runs it; two on the same URLs are two processes of one installation."""

    def __init__(self, env: Mapping[str, str] | None = None, *, ready_within: float = READY_S) -> None:
        self.port = free_port()
        self.folder = new_folder("serve")
        self._ready_within = ready_within
        self._env = {
            **_environment_without_ours(),
            "XIAOKA_DATA_DIR": str(self.folder),
            "PYTHONUNBUFFERED": "1",
            **(env or {}),
            "PORT": str(self.port),
        }
        self._child = Child(
            command=[sys.executable, "-m", "api", "serve"],
            folder=ROOT,
            log_file=self.folder / "serve.log",
            env=self._env,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def log_file(self) -> Path:
        return self._child.log_file

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
        if not failed:
            remove_folder(self.folder)

    async def run(self, *arguments: str) -> str:
        """Run another command of ours with the same settings, such as `migrate`; returns what it printed."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "api", *arguments],
            cwd=ROOT,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    async def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._ready_within
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=5) as client:
            while (answer := await _readiness(client)) != "200":
                self._child.assert_running()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"/ready says {answer}; {self.log_file} ends with:\n{self.log()}")
                await asyncio.sleep(0.05)


async def _readiness(client: httpx.AsyncClient) -> str:
    try:
        answer = await client.get("/ready")
    except httpx.TransportError as error:
        return type(error).__name__
    return "200" if answer.status_code == 200 else f"{answer.status_code} {answer.text[:500]}"


def _environment_without_ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("XIAOKA_")}

"""The service as an operator runs it, in a child process, and what it costs the machine."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from benchmarks.http_client import ask_once
from benchmarks.stack import Stack

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
READY_WITHIN = 60.0
GRACE = 20.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `proportional` is None where the kernel does not tell it to us."""

    resident: int
    proportional: int | None


class Server:
    def __init__(self, stack: Stack, popen: subprocess.Popen[bytes], port: int) -> None:
        self.stack = stack
        self.port = port
        self._popen = popen
        self._child = psutil.Process(popen.pid)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def end(self) -> None:
        self._popen.terminate()
        try:
            self._popen.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def cpu_seconds(self) -> float:
        times = self._child.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> Memory:
        with suppress(psutil.AccessDenied, AttributeError):
            found = self._child.memory_full_info()
            return Memory(found.rss, found.pss)
        return Memory(self._child.memory_info().rss, None)

    async def database_cpu_seconds(self) -> float | None:
        """Of PostgreSQL's processes that serve our database; None for SQLite or a server on another machine."""
        if not self.stack.is_postgres:
            return None
        admin = await asyncpg.connect(self.stack.database_url)
        try:
            rows = await admin.fetch(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        finally:
            await admin.close()
        try:
            return sum(_cpu_of_backend(row["pid"]) for row in rows)
        except LookupError:
            return None


def _cpu_of_backend(pid: int) -> float:
    try:
        backend = psutil.Process(pid)
        if not backend.name().startswith("postgres"):
            raise LookupError(pid)
        times = backend.cpu_times()
    except psutil.Error as error:
        raise LookupError(pid) from error
    return float(times.user + times.system)


@asynccontextmanager
async def serving(stack: Stack, **settings: str) -> AsyncIterator[Server]:
    """A fresh server on a free port; it is ended whatever happens."""
    log_file = stack.folder / "serve.log"
    server = _start(stack, log_file, settings)
    try:
        await _until_ready(server, log_file)
        yield server
        if not server.is_running:
            raise RuntimeError(f"the server ended by itself:\n{_tail(log_file)}")
    finally:
        await asyncio.to_thread(server.end)


def _start(stack: Stack, log_file: Path, settings: Mapping[str, str]) -> Server:
    port = _free_port()
    others = {name: value for name, value in os.environ.items() if not name.startswith("XIAOKA_")}
    with log_file.open("wb") as log:
        popen = subprocess.Popen(
            [sys.executable, "-m", "api", "serve", "--host", HOST, "--port", str(port)],
            cwd=ROOT,
            env={**others, **stack.environment, **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    return Server(stack, popen, port)


async def _until_ready(server: Server, log_file: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while True:
        with suppress(OSError):
            if (await ask_once(HOST, server.port, "/ready"))[0] == 200:
                return
        if not server.is_running or time.monotonic() > deadline:
            raise RuntimeError(f"the server is not ready:\n{_tail(log_file)}")
        await asyncio.sleep(0.05)


def _tail(log_file: Path) -> str:
    return log_file.read_text(errors="replace")[-4000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port

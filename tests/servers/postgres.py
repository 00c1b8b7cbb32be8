from __future__ import annotations

import asyncio
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from functools import cache
from pathlib import Path

import asyncpg

from tests.servers.child import Child
from tests.servers.free_port import free_port
from tests.servers.server import Server, new_folder, remove_folder

START_S = 60.0

# fsync may be off: what a killed server has written stays in the kernel's cache, and the machine stays up.
# synchronous_commit must stay on, or a kill would lose what the server itself still held back.
# Shared memory goes to files of ours: /dev/shm is tiny in containers, and a killed server leaves its part.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "dynamic_shared_memory_type": "mmap",
    "shared_buffers": "32MB",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


class PostgresServer(Server):
    def __init__(self, *, database: str = "xiaoka") -> None:
        self.database = database
        self.port = free_port()
        self.folder = new_folder("postgres")
        self._cluster = self.folder / "cluster"
        # `postgres` refuses to run as root.
        self._account = _unprivileged_account() if os.geteuid() == 0 else None
        self._env = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
        self._child = Child(
            command=[_program("postgres"), "-D", str(self._cluster), *self._options()],
            folder=self.folder,
            log_file=self.folder / "postgres.log",
            env=self._env,
            account=self._account,
        )

    @property
    def url(self) -> str:
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        return self._child.pid

    def log(self) -> str:
        return self._child.log()

    async def start(self) -> None:
        if not self._cluster.exists():
            await asyncio.to_thread(self._init_cluster)
        self._child.start()
        await self._wait_until_ready()
        await self.create_database(self.database)

    async def stop(self) -> None:
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait until every client has left.
        await self._child.stop(by=signal.SIGINT)

    async def kill(self) -> None:
        await self._child.kill()

    async def close(self, *, failed: bool) -> None:
        await self.stop()
        remove_folder(self.folder)

    async def create_database(self, name: str) -> str:
        connection = await asyncpg.connect(self.url_of("postgres"))
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()
        return self.url_of(name)

    def _options(self) -> list[str]:
        settings = {**SETTINGS, "port": str(self.port), "unix_socket_directories": str(self.folder)}
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _init_cluster(self) -> None:
        if self._account:
            shutil.chown(self.folder, self._account)
        made = subprocess.run(
            [
                _program("initdb"),
                f"--pgdata={self._cluster}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            cwd=self.folder,
            env=self._env,
            user=self._account,
            group=pwd.getpwnam(self._account).pw_gid if self._account else None,
            extra_groups=[] if self._account else None,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr

    async def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            self._child.assert_running()
            try:
                connection = await asyncpg.connect(self.url_of("postgres"), timeout=5)
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError) as error:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"PostgreSQL is not ready:\n{self.log()}") from error
                await asyncio.sleep(0.02)
            else:
                await connection.close()
                return


def is_installed() -> bool:
    return _bin_folder() is not None


def _program(name: str) -> str:
    folder = _bin_folder()
    assert folder is not None, "PostgreSQL's server programs (initdb, postgres) are not installed"
    return str(folder / name)


@cache
def _bin_folder() -> Path | None:
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version_of, reverse=True)
    on_path = [Path(found).resolve()] if (found := shutil.which("initdb")) else []
    for initdb in (*packaged, *on_path):
        if (initdb.parent / "postgres").exists():
            return initdb.parent
    return None


def _version_of(program: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", program.parts[-3])]


def _unprivileged_account() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)

from __future__ import annotations

import asyncio
import contextlib
import pwd
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

GRACE_S = 20.0


class ChildEndedError(RuntimeError):
    def __init__(self, command: Sequence[str], returncode: int, log: str) -> None:
        super().__init__(f"{' '.join(command)} ended with {returncode}:\n{log}")


@dataclass(kw_only=True)
class Child:
    """A program that we started, and its children; nothing else is ever signalled."""

    command: Sequence[str]
    folder: Path
    log_file: Path
    env: Mapping[str, str]
    # The account to run as, by name; None keeps ours.
    account: str | None = None
    _popen: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int:
        assert self._popen is not None, "not started"
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def log(self, last: int = 8_000) -> str:
        return self.log_file.read_text(errors="replace")[-last:] if self.log_file.exists() else ""

    def start(self) -> None:
        assert not self.is_running, "already running"
        # A plain Popen and not asyncio's: a server may outlive the event loop of the test that started it.
        with self.log_file.open("ab") as log:
            self._popen = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.account,
                group=pwd.getpwnam(self.account).pw_gid if self.account else None,
                extra_groups=[] if self.account else None,
            )

    def assert_running(self) -> None:
        assert self._popen is not None, "not started"
        if (returncode := self._popen.poll()) is not None:
            raise ChildEndedError(self.command, returncode, self.log())

    async def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        if self._popen is None or not self.is_running:
            return
        self._popen.send_signal(by)
        try:
            await self._ended(within=GRACE_S)
        except TimeoutError:
            await self.kill()
            raise TimeoutError(f"{self.command[0]} ignored {by.name} for {GRACE_S} s:\n{self.log()}") from None

    async def kill(self) -> None:
        """As when the power goes: the children die with it, none gets to say goodbye."""
        if self._popen is None or not self.is_running:
            return
        family = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        await self._ended(within=GRACE_S)
        while any(_is_alive(member) for member in family[1:]):
            await asyncio.sleep(0.01)

    async def _ended(self, *, within: float) -> None:
        deadline = time.monotonic() + within
        while self.is_running:
            if time.monotonic() > deadline:
                raise TimeoutError
            await asyncio.sleep(0.01)


def _is_alive(member: psutil.Process) -> bool:
    try:
        return bool(member.is_running() and member.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

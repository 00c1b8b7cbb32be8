from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self


class Server(ABC):
    """A private server: it keeps its port and its folder through every stop, kill and start."""

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    async def start(self) -> None: ...

    @abstractmethod
    async def stop(self) -> None:
        """End as the operator would end it."""

    @abstractmethod
    async def kill(self) -> None:
        """End as a power cut would end it."""

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def close(self, *, failed: bool) -> None:
        await self.stop()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close(failed=True)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(failed=kind is not None)


def new_folder(name: str) -> Path:
    """A short path that other accounts can reach: a unix socket's path has room for about 100 letters."""
    for parent in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        if len(str(parent)) < 60 and _is_open_to_all(parent):
            return Path(tempfile.mkdtemp(prefix=f"xiaoka-{name}-", dir=parent))
    return Path(tempfile.mkdtemp(prefix=f"xiaoka-{name}-"))


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _is_open_to_all(folder: Path) -> bool:
    return folder.is_dir() and all(step.stat().st_mode & 0o001 for step in (folder, *folder.parents))

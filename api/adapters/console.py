from __future__ import annotations

import sys

from domain.messaging.ports import Letter


class ConsoleSender:
    """The Null twin: prints instead of sending, for a machine without a provider."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    async def send(self, letter: Letter) -> str:
        sys.stdout.write(f"[{self._kind} to {letter.destination}] {letter.subject}: {letter.text}\n")
        sys.stdout.flush()
        return ""

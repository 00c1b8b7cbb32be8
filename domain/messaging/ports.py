from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a provider is asked to carry. `key` stays the same over retries, so a provider can drop a repeat."""

    key: str
    destination: str
    subject: str
    text: str


class Sender(Protocol):
    """Carries letters of one channel. Raises Transient when it may work later."""

    async def send(self, letter: Letter) -> str:
        """The provider's own key of the message, or an empty text."""
        ...

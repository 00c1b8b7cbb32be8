"""Acting in the past."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random
from uuid import UUID

from domain.shared.act import Act, Language, Viewer
from domain.shared.clock import uuid7
from domain.shared.crypto import Keyring


@dataclass(frozen=True, slots=True)
class Stage:
    keyring: Keyring
    shop_id: UUID
    now: int
    dice: Random

    def act(self, at: int, viewer: Viewer | None = None, language: Language = Language.ZH) -> Act:
        """What the shop or somebody in it did then. No event reacts: nobody is written to about the past."""
        return Act(
            viewer=viewer or Viewer.system(self.shop_id),
            keyring=self.keyring,
            language=language,
            now=at,
            new_id=partial(uuid7, at),
            reacting_types=frozenset(),
        )

"""What a resolver has at hand: who asks, the feed, and loaders that live as long as one answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from domain.shared.act import Act, Hints, Language, Throttle, Viewer
from domain.shared.crypto import Keyring
from resolvers.shared.feed import Feed, Known

BatchRead = Callable[[Sequence[Any]], Awaitable[list[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The same for every request of a process."""

    keyring: Keyring
    hints: Hints
    throttle: Throttle
    feed: Feed
    reacting_types: frozenset[str]
    public_url: str


@dataclass(slots=True, kw_only=True)
class Context:
    viewer: Viewer
    language: Language
    services: Services
    loaders: dict[Hashable, DataLoader[Any, Any]] = field(default_factory=dict)
    known: Known = field(default_factory=dict)

    @property
    def act(self) -> Act:
        """A new one each time: what is done now is done at this moment."""
        return Act(
            viewer=self.viewer,
            keyring=self.services.keyring,
            language=self.language,
            hints=self.services.hints,
            throttle=self.services.throttle,
            public_url=self.services.public_url,
            reacting_types=self.services.reacting_types,
        )

    def for_operation(self) -> Context:
        """A websocket runs many operations; each has loaders of its own."""
        return replace(self, loaders={}, known={})

    def begin_push(self, known: Known | None = None) -> None:
        """Before each push of a subscription: a loader would answer with the first value for ever.

        `known` is what the feed has read already, for all who watch; it holds nothing that depends on the viewer.
        """
        self.loaders, self.known = {}, known or {}

    async def load(self, loader: Hashable, read: BatchRead, key: UUID) -> Any:
        if loader not in self.loaders:
            self.loaders[loader] = DataLoader(load_fn=read)
        return await self.loaders[loader].load(key)


Info = strawberry.Info[Context, None]

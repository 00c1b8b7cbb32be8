"""Mutations: one action each; its refusals become `userErrors`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

import strawberry

from domain.shared.errors import DomainError
from resolvers.shared.context import Info
from resolvers.shared.types import UserError

P = TypeVar("P")


def user_errors() -> Any:
    return strawberry.field(description="Why nothing was done; empty when it was done.", default_factory=list)


def mutation(*, description: str) -> Callable[[Callable[..., Awaitable[P]]], Any]:
    """The field; a DomainError raised inside is answered with the payload type of the return annotation."""

    def declare(act: Callable[..., Awaitable[P]]) -> Any:
        @wraps(act)
        async def resolve(*args: Any, **kwargs: Any) -> Any:
            info: Info = kwargs["info"]
            try:
                return await act(*args, **kwargs)
            except DomainError as error:
                payload: Any = info.return_type
                return payload(user_errors=[UserError.of(error, info.context.language)])

        return strawberry.mutation(resolver=resolve, description=description)

    return declare


INPUT = strawberry.argument(description="Everything that the mutation needs.")

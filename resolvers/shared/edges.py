"""Edges: a declaration beside the type, never a resolver with its own await."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any
from uuid import UUID

import strawberry

from domain.shared.paging import Order, Page, read_page
from resolvers.shared.connections import Connection, connection_of
from resolvers.shared.context import Context, Info


def lazy_type(name: str, module: str) -> Any:
    return Annotated[name, strawberry.lazy(module)]


def _target(name: str, module: str) -> Any:
    return getattr(import_module(module), name)


def edge(name: str, module: str, *, key: str, by: Any, description: str) -> Any:
    """To one thing or nothing: `by(viewer, keys)` finds the targets of all parents in one statement."""

    async def resolve(root: Any, info: Info) -> Any:
        target = root.row[key]
        if target is None:
            return None
        row = await load_one(info.context, by, target)
        return None if row is None else _target(name, module).of(row)

    resolve.__annotations__ = {"info": Info, "return": Any}
    return strawberry.field(resolver=resolve, graphql_type=lazy_type(name, module) | None, description=description)


async def load_one(context: Context, by: Any, key: UUID) -> Any:
    if (by, key) in context.known:
        return context.known[by, key]

    async def read(keys: Sequence[UUID]) -> list[Any]:
        found = await by(context.viewer, keys)
        return [found.get(k) for k in keys]

    return await context.load(by, read, key)


def few(name: str, module: str, *, by: Any, description: str) -> Any:
    """To a list that cannot grow long: `by(viewer, keys)` gives the rows of all parents, already limited."""

    async def resolve(root: Any, info: Info) -> Any:
        rows = await load_one(info.context, by, root.row["id"])
        return [_target(name, module).of(row) for row in rows]

    resolve.__annotations__ = {"info": Info, "return": Any}
    return strawberry.field(
        resolver=resolve,
        graphql_type=list[lazy_type(name, module)],  # type: ignore[misc]
        description=description,
    )


def many(name: str, module: str, *, order: Order, by: Any, description: str) -> Any:
    """To a list that grows: a keyset page for each parent, `by(viewer, keys, page)` reads those of all parents."""

    async def resolve(
        root: Any,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Any:
        context = info.context
        page = read_page(context.services.keyring, order, first=first, after=after, last=last, before=before)

        async def read(keys: Sequence[UUID]) -> list[Any]:
            found = await by(context.viewer, keys, page)
            return [found[k] for k in keys]

        found = await context.load((by, page), read, root.row["id"])
        return connection_of(_target(name, module), found, context.services.keyring)

    resolve.__annotations__ = {"info": Info, **PAGE_ARGUMENTS, "return": Any}
    return strawberry.field(
        resolver=resolve,
        graphql_type=Connection[lazy_type(name, module)],  # type: ignore[misc]
        description=description,
    )


First = Annotated[
    int | None, strawberry.argument(description="At most this many, from the start; 0 to 100, usually 20.")
]
After = Annotated[str | None, strawberry.argument(description="Only what comes after this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="At most this many, from the end; not with `first`.")]
Before = Annotated[str | None, strawberry.argument(description="Only what comes before this cursor.")]
PAGE_ARGUMENTS = {"first": First, "after": After, "last": Last, "before": Before}


def page_of(
    info: Info, order: Order, first: int | None, after: str | None, last: int | None, before: str | None
) -> Page:
    keyring = info.context.services.keyring
    return read_page(keyring, order, first=first, after=after, last=last, before=before)

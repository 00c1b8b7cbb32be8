"""Relay connections over keyset pages."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import strawberry

from domain.shared.crypto import Keyring
from domain.shared.paging import Slice, encode_cursor

T = TypeVar("T")


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more follows after `endCursor`.")
    has_previous_page: bool = strawberry.field(description="Whether something lies before `startCursor`.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first edge; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last edge; null on an empty page.")


@strawberry.type(description="One place in a list.")
class Edge(Generic[T]):
    node: T = strawberry.field(description="What stands there.")
    found: strawberry.Private[Slice]
    keyring: strawberry.Private[Keyring]
    place: strawberry.Private[int]

    @strawberry.field(description="Give it as `after` or `before` to page on from here.")
    def cursor(self) -> str:
        return encode_cursor(self.keyring, self.found.page.order, self.found.rows[self.place])


@strawberry.type(description="A page of a list. Paging on costs the same wherever the page lies.")
class Connection(Generic[T]):
    node_type: strawberry.Private[Any]
    found: strawberry.Private[Slice]
    keyring: strawberry.Private[Keyring]

    @strawberry.field(description="The page, each with its cursor.")
    def edges(self) -> list[Edge[T]]:
        return [
            Edge(node=self.node_type.of(row), found=self.found, keyring=self.keyring, place=place)
            for place, row in enumerate(self.found.rows)
        ]

    @strawberry.field(description="The page without the cursors.")
    def nodes(self) -> list[T]:
        return [self.node_type.of(row) for row in self.found.rows]

    @strawberry.field(description="Where the page lies.")
    def page_info(self) -> PageInfo:
        rows, order = self.found.rows, self.found.page.order
        return PageInfo(
            has_next_page=self.found.has_next,
            has_previous_page=self.found.has_previous,
            start_cursor=encode_cursor(self.keyring, order, rows[0]) if rows else None,
            end_cursor=encode_cursor(self.keyring, order, rows[-1]) if rows else None,
        )


def connection_of(node_type: Any, found: Slice, keyring: Keyring) -> Connection[Any]:
    return Connection(node_type=node_type, found=found, keyring=keyring)

"""Keyset pages: a page starts after a key, not after a number of rows, so page 10,000 costs what page 1 costs."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.shared.crypto import Keyring, Unreadable
from domain.shared.errors import BadInput
from domain.shared.sql import Row, Sql, sql

MAX_PAGE = 100
DEFAULT_PAGE = 20


@dataclass(frozen=True, slots=True)
class Key:
    """Where a row stands in its list: an integer that is never null, then the id."""

    rank: int
    id: UUID


@dataclass(frozen=True, slots=True)
class Order:
    """`name` is bound into cursors, so a cursor of one order cannot be used in another."""

    name: str
    column: str
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    size: int
    order: Order
    after: Key | None = None
    before: Key | None = None
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Slice:
    rows: Sequence[Row]
    page: Page
    has_next: bool
    has_previous: bool


def encode_bytes(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_bytes(text: str) -> bytes:
    """Raises Unreadable for anything that `encode_bytes` did not write."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Unreadable("not base64") from error
    if encode_bytes(raw) != text:
        raise Unreadable("not canonical")
    return raw


def encode_cursor(keyring: Keyring, order: Order, row: Row) -> str:
    content = struct.pack(">q", row[order.column]) + row["id"].bytes
    return encode_bytes(keyring.seal_cursor(f"page:{order.name}", content))


def decode_cursor(keyring: Keyring, order: Order, cursor: str, argument: str) -> Key:
    try:
        content = keyring.unseal_cursor(f"page:{order.name}", decode_bytes(cursor))
        return Key(struct.unpack(">q", content[:8])[0], UUID(bytes=content[8:]))
    except (Unreadable, struct.error, ValueError) as error:
        raise BadInput(f"`{argument}` is not a cursor that this list gave out.", argument=[argument]) from error


def _size(first: int | None, last: int | None) -> int:
    if first is not None and last is not None:
        raise BadInput("Give `first` or `last`, not both.", argument=["first", "last"])
    size = DEFAULT_PAGE if first is None and last is None else first if first is not None else last
    assert size is not None
    if not 0 <= size <= MAX_PAGE:
        name = "first" if first is not None else "last"
        raise BadInput(f"`{name}` must be from 0 to {MAX_PAGE}.", argument=[name])
    return size


def read_page(
    keyring: Keyring,
    order: Order,
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Page:
    return Page(
        size=_size(first, last),
        order=order,
        after=decode_cursor(keyring, order, after, "after") if after is not None else None,
        before=decode_cursor(keyring, order, before, "before") if before is not None else None,
        backwards=last is not None,
    )


def _beyond(order: Order, key: Key, *, later: bool) -> Sql:
    sign = "<" if order.descending == later else ">"
    return sql(f"({order.column}, id) {sign} ({{}}, {{}})", key.rank, key.id)


def window(page: Page) -> tuple[Sql, Sql]:
    """The criterion and the ORDER BY … LIMIT of a page; it reads one row more to know whether there are others."""
    criterion = Sql("1 = 1")
    if page.after:
        criterion = criterion & _beyond(page.order, page.after, later=True)
    if page.before:
        criterion = criterion & _beyond(page.order, page.before, later=False)
    direction = "DESC" if page.order.descending != page.backwards else "ASC"
    tail = sql(f"ORDER BY {page.order.column} {direction}, id {direction} LIMIT {{}}", page.size + 1)
    return criterion, tail


def sliced(rows: list[Row], page: Page) -> Slice:
    more, rows = len(rows) > page.size, rows[: page.size]
    if page.backwards:
        return Slice(rows[::-1], page, has_next=page.before is not None, has_previous=more)
    return Slice(rows, page, has_next=more, has_previous=page.after is not None)

"""Building blocks of every area: nodes that read their row, enumerations, user errors, money."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Any, ClassVar, Self
from uuid import UUID

import strawberry

from domain.shared.act import Language, Viewer
from domain.shared.errors import DomainError, ErrorCode
from domain.shared.messages import say
from domain.shared.money import Money as Amount
from domain.shared.sql import Row
from resolvers.shared.ids import encode_id

FindNodes = Callable[[Viewer, Iterable[UUID]], Awaitable[dict[UUID, Row]]]


def read_field(source: Any, name: str) -> Any:
    """The default resolver: a column of the row behind the object, else an attribute."""
    row = source.__dict__.get("row")
    return getattr(source, name) if row is None else row[name]


class OfRow:
    """A GraphQL object that shows one row; its plain fields are the row's columns."""

    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row) -> Self:
        shown = object.__new__(cls)
        shown.row = row
        return shown

    @classmethod
    def of_maybe(cls, row: Row | None) -> Self | None:
        return None if row is None else cls.of(row)


@strawberry.interface(description="Anything that has a global id.")
class Node:
    found_by: ClassVar[FindNodes]
    row: strawberry.Private[Row]

    @strawberry.field(description="Opaque, the same for ever, and unique among all types.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id(type(self).__name__, self.row["id"]))

    @classmethod
    def of(cls, row: Row) -> Self:
        shown = object.__new__(cls)
        shown.row = row
        return shown

    @classmethod
    def of_maybe(cls, row: Row | None) -> Self | None:
        return None if row is None else cls.of(row)


NODE_TYPES: dict[str, type[Node]] = {}


def node_type(description: str, *, found_by: FindNodes) -> Callable[[type[Any]], type[Any]]:
    """Declares a node and the domain query that finds it for `node(id:)`."""

    def declare(cls: type[Any]) -> type[Any]:
        declared = strawberry.type(cls, description=description)
        declared.found_by = staticmethod(found_by)
        NODE_TYPES[cls.__name__] = declared
        return declared

    return declare


@strawberry.type(description="Something about the input that the caller can mend.")
class UserError:
    code: ErrorCode = strawberry.field(description="For programs.")
    message: str = strawberry.field(description="For people, in the language of Accept-Language.")
    path: list[str] = strawberry.field(description="Which part of `input` it is about; empty for the whole.")

    @classmethod
    def of(cls, error: DomainError, language: Language) -> UserError:
        message = say(language, error.message_key, error.facts)
        return cls(code=error.code, message=message, path=error.path)


@strawberry.type(description="An amount of money.")
class Money:
    amount: Decimal = strawberry.field(description="In whole units of the currency, with its decimals.")
    currency: str = strawberry.field(description="ISO 4217 code, or the usual ticker of a stablecoin.")

    @classmethod
    def of(cls, minor: int, currency: str) -> Money:
        return cls(amount=Amount(minor, currency).amount, currency=currency)


@strawberry.input(description="An amount of money.")
class MoneyInput:
    amount: Decimal = strawberry.field(description="In whole units of the currency, zero or more.")
    currency: str = strawberry.field(description="ISO 4217 code in capitals, or USDT or USDC.")

"""Raw SQL in one placeholder style, with typed rows on both databases.

A fragment is text with `{}` for each value or nested fragment. Rows are dicts. Types follow the column's name, because
SQLite gives ids as text and booleans as integers: `id` and `…_id` are UUIDs, `is_…` and `has_…` are booleans; all else
comes as the driver gives it (text, integers, floats, bytes). A key of somebody else's system is called `…_key`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.connection import get_connection
from tortoise.models import Model

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sql:
    text: str
    args: tuple[Any, ...] = ()

    def __and__(self, other: Sql) -> Sql:
        return Sql(f"({self.text}) AND ({other.text})", self.args + other.args)

    def __or__(self, other: Sql) -> Sql:
        return Sql(f"({self.text}) OR ({other.text})", self.args + other.args)

    def __add__(self, other: Sql) -> Sql:
        return Sql(f"{self.text} {other.text}", self.args + other.args)


@dataclass(frozen=True, slots=True)
class Among:
    """Binds a whole list as one parameter, so that the statement's text does not depend on its length."""

    values: Sequence[Any]


EVERYTHING = Sql("1 = 1")
NOTHING = Sql("1 = 0")
_MARK = "\x00"
_AMONG = "\x01"


def sql(text: str, *values: object) -> Sql:
    """`sql("a = {} AND {}", 1, criterion)`: fragments are spliced, everything else is bound."""
    pieces = text.split("{}")
    if len(pieces) != len(values) + 1:
        raise RuntimeError(f"{len(pieces) - 1} places for {len(values)} values: {text}")
    out: list[str] = [pieces[0]]
    args: list[Any] = []
    for value, piece in zip(values, pieces[1:], strict=True):
        if isinstance(value, Sql):
            out.append(value.text)
            args.extend(value.args)
        else:
            out.append(_AMONG if isinstance(value, Among) else _MARK)
            args.append(value)
        out.append(piece)
    return Sql("".join(out), tuple(args))


def joined(parts: Iterable[Sql], separator: str = ", ") -> Sql:
    parts = list(parts)
    return Sql(separator.join(p.text for p in parts), tuple(a for p in parts for a in p.args))


def among(values: Iterable[Any]) -> Sql:
    """For `column {}`: is one of."""
    return Sql(_AMONG, (Among(list(values)),))


@lru_cache(maxsize=1024)
def _postgres_text(text: str) -> str:
    out, number = [], 0
    for char in text:
        if char in (_MARK, _AMONG):
            number += 1
            out.append(f"= ANY(${number})" if char == _AMONG else f"${number}")
        else:
            out.append(char)
    return "".join(out)


@lru_cache(maxsize=1024)
def _sqlite_text(text: str) -> str:
    return text.replace(_AMONG, "IN (SELECT value FROM json_each(?))").replace(_MARK, "?")


def _sqlite_value(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Among):
        return orjson.dumps([_sqlite_value(item) for item in value.values]).decode()
    return value


def is_postgres(db: BaseDBAsyncClient) -> bool:
    return db.capabilities.dialect == "postgres"


def _rendered(db: BaseDBAsyncClient, statement: Sql) -> tuple[str, list[Any]]:
    if is_postgres(db):
        args = [a.values if isinstance(a, Among) else a for a in statement.args]
        return _postgres_text(statement.text), args
    return _sqlite_text(statement.text), [_sqlite_value(a) for a in statement.args]


@lru_cache(maxsize=4096)
def _decoder(column: str) -> Any:
    if column == "id" or column.endswith("_id"):
        return lambda value: value if value is None or isinstance(value, UUID) else UUID(value)
    if column.startswith(("is_", "has_")):
        return bool
    return None


def _decode(rows: list[Row]) -> list[Row]:
    if not rows:
        return rows
    typed = [(column, d) for column in rows[0] if (d := _decoder(column)) is not None]
    for row in rows:
        for column, decoder in typed:
            row[column] = decoder(row[column])
    return rows


def reader() -> BaseDBAsyncClient:
    """The connection for reads outside a transaction; on SQLite a second one, so a read never waits for a writer."""
    return get_connection("reader")


async def fetch(statement: Sql, db: BaseDBAsyncClient | None = None) -> list[Row]:
    db = db or reader()
    text, args = _rendered(db, statement)
    rows = await db.execute_query_dict(text, args)
    return rows if is_postgres(db) else _decode(rows)


async def fetch_one(statement: Sql, db: BaseDBAsyncClient | None = None) -> Row | None:
    rows = await fetch(statement, db)
    return rows[0] if rows else None


async def fetch_value(statement: Sql, db: BaseDBAsyncClient | None = None) -> Any:
    row = await fetch_one(statement, db)
    return next(iter(row.values())) if row else None


async def execute(statement: Sql, db: BaseDBAsyncClient) -> int:
    """Runs a statement that gives no rows; answers how many rows it touched."""
    text, args = _rendered(db, statement)
    touched, _ = await db.execute_query(text, args)
    return touched


def database_now(db: BaseDBAsyncClient) -> Sql:
    """The database's clock in microseconds, so that servers with different clocks rank by one."""
    if is_postgres(db):
        return Sql("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    return Sql("CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000")


def columns_of(model: type[Model]) -> tuple[str, ...]:
    return tuple(sorted(model._meta.fields_db_projection.values()))


def select(model: type[Model], criterion: Sql, *, tail: str = "") -> Sql:
    names = ", ".join(columns_of(model))
    return sql(f"SELECT {names} FROM {model._meta.db_table} WHERE {{}} {tail}", criterion)


def values_of(row: Model) -> Row:
    return {column: getattr(row, field) for field, column in row._meta.fields_db_projection.items()}


def insert(model: type[Model], rows: Sequence[Row], conflict: Sql | None = None) -> Sql:
    """One statement for many rows; all rows have the same columns. `conflict` is all that follows the values."""
    columns = list(rows[0])
    values = joined(joined(sql("{}", row[c]) for c in columns) for row in rows).args
    one = "(" + ", ".join([_MARK] * len(columns)) + ")"
    text = f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) VALUES {', '.join([one] * len(rows))}"
    statement = Sql(text, values)
    return statement + conflict if conflict else statement

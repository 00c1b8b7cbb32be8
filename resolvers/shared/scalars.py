"""Scalars: instants are integers inside and RFC 3339 outside; decimals are texts, so that no float touches money."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

Instant = NewType("Instant", int)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


def _write_instant(value: int) -> str:
    moment = _EPOCH + timedelta(microseconds=value)
    form = "milliseconds" if value % 1000 == 0 else "microseconds"
    return moment.isoformat(timespec=form).replace("+00:00", "Z")


def _read_instant(value: object) -> Instant:
    if not isinstance(value, str) or not _FORM.fullmatch(value):
        raise ValueError("Give a moment as RFC 3339 with an offset, such as 2026-11-22T08:30:00Z.")
    try:
        moment = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("There is no such moment.") from error
    if not 1970 <= moment.year <= 2200:
        raise ValueError("The moment must lie between 1970 and 2200.")
    return Instant(int((moment - _EPOCH) / timedelta(microseconds=1)))


def _read_decimal(value: object) -> Decimal:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        raise ValueError('Give a decimal number as text, such as "9.90".')
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError("That is not a decimal number.") from error


SCALARS: dict[object, ScalarDefinition] = {
    Instant: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC, as RFC 3339 with up to microseconds: 2026-11-22T08:30:00.000Z.",
        serialize=_write_instant,
        parse_value=_read_instant,
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='A decimal number as text, so that nothing is rounded on the way: "9.90".',
        serialize=str,
        parse_value=_read_decimal,
    ),
}

"""Limits of what comes in: each refusal names the path of the value and the rule it broke."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from domain.shared.errors import Invalid, Required, TooLong

Path = Sequence[str | int]


def text(value: str, path: Path, *, most: int, least: int = 1) -> str:
    """The text in NFC without white space around it. Lengths are counted in characters."""
    value = unicodedata.normalize("NFC", value).strip()
    if len(value) < least:
        raise Required(path)
    if len(value) > most:
        raise TooLong(path, most=most)
    return value


def optional_text(value: str | None, path: Path, *, most: int) -> str | None:
    """None for a text that is missing or empty."""
    if value is None or not value.strip():
        return None
    return text(value, path, most=most)


def number(value: int, path: Path, *, least: int, most: int) -> int:
    if not least <= value <= most:
        raise Invalid(path, rule="NUMBER_RANGE", least=least, most=most)
    return value


def count(values: Sequence[object], path: Path, *, most: int, least: int = 0) -> None:
    if len(values) < least:
        raise Required(path)
    if len(values) > most:
        raise TooLong(path, rule="TOO_MANY", most=most)

"""Enumerations whose members carry the sentence that the schema shows for them."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Described(StrEnum):
    """`NAME = "NAME", "what it means"`; stored and sent as the name."""

    description: str

    def __new__(cls, value: str, description: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

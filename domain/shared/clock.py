"""Instants and ids. An instant is an integer: microseconds since 1970 in UTC."""

from __future__ import annotations

import os
import time
from uuid import UUID

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def now_micros() -> int:
    return time.time_ns() // 1000


_NOISE_BITS = 74
_newest = 0


def uuid7(at: int | None = None) -> UUID:
    """A version 7 UUID (RFC 9562, method 2): each one that this process makes for a moment sorts after the one before.

    What is written in one transaction has one moment, so its order is that of the ids.
    """
    global _newest  # noqa: PLW0603 - the order of ids is the process's, not a caller's
    millis = (now_micros() if at is None else at) // 1000
    drawn = (millis & 0xFFFFFFFFFFFF) << _NOISE_BITS | int.from_bytes(os.urandom(10), "big") >> 6
    if at is None:
        if drawn >> _NOISE_BITS <= _newest >> _NOISE_BITS:
            drawn = _newest + 1 + int.from_bytes(os.urandom(4), "big")
        _newest = drawn
    noise = drawn & ((1 << _NOISE_BITS) - 1)
    return UUID(int=(drawn >> _NOISE_BITS) << 80 | 0x7 << 76 | (noise >> 62) << 64 | 0b10 << 62 | noise & (1 << 62) - 1)

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


def uuid7(at: int | None = None) -> UUID:
    """A version 7 UUID (RFC 9562): 48 bits of milliseconds, then 74 random bits."""
    millis = (now_micros() if at is None else at) // 1000
    noise = int.from_bytes(os.urandom(10), "big")
    return UUID(
        int=(millis & 0xFFFFFFFFFFFF) << 80
        | 0x7 << 76
        | (noise >> 68) << 64
        | 0b10 << 62
        | noise & 0x3FFFFFFFFFFFFFFF
    )

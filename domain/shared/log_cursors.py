"""Cursors of an event log: opaque, because the plain number would tell buyers how many internal notes there are."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from uuid import UUID

from domain.shared.crypto import Keyring, Unreadable
from domain.shared.errors import BadInput
from domain.shared.paging import decode_bytes, encode_bytes

KIND = "log"
UNUSABLE = -1
"""A cursor that can be read but belongs to another log: answered like one that is too old."""


@dataclass(frozen=True, slots=True)
class Place:
    subject_id: UUID
    seq: int


def encode_place(keyring: Keyring, subject_id: UUID, seq: int) -> str:
    return encode_bytes(keyring.seal_cursor(KIND, subject_id.bytes + struct.pack(">q", seq)))


def read_place(keyring: Keyring, subject_id: UUID, cursor: str | None) -> int | None:
    """The number to go on after; None without a cursor; UNUSABLE for another log's cursor."""
    if cursor is None:
        return None
    try:
        content = keyring.unseal_cursor(KIND, decode_bytes(cursor))
        place = Place(UUID(bytes=content[:16]), struct.unpack(">q", content[16:])[0])
    except (Unreadable, struct.error, ValueError) as error:
        raise BadInput("`after` is not a cursor that this server gave out.", argument=["after"]) from error
    return place.seq if place.subject_id == subject_id else UNUSABLE

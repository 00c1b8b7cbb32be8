"""Global ids: the type's name and the row's id, opaque to clients."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domain.shared.crypto import Unreadable
from domain.shared.errors import BadInput, Invalid
from domain.shared.paging import decode_bytes, encode_bytes

LONGEST = 200


def encode_id(type_name: str, key: UUID) -> str:
    return encode_bytes(f"{type_name}:{key.hex}".encode())


def split_id(text: str) -> tuple[str, UUID] | None:
    """The type and key of an id, or None for a text that is not one."""
    if len(text) > LONGEST:
        return None
    try:
        type_name, _, key = decode_bytes(text).decode().partition(":")
        return (type_name, UUID(hex=key)) if len(key) == 32 else None
    except (Unreadable, ValueError):
        return None


def read_id(text: str, type_name: str, argument: str) -> UUID:
    """For arguments of queries and subscriptions: a wrong id is a wrong question."""
    found = split_id(text)
    if found is None or found[0] != type_name:
        raise BadInput(f"`{argument}` is not the id of a {type_name}.", argument=[argument])
    return found[1]


def input_id(text: str, type_name: str, path: Sequence[str | int]) -> UUID:
    """For inputs of mutations: the caller can mend it, so it becomes a user error."""
    found = split_id(text)
    if found is None or found[0] != type_name:
        raise Invalid(path, rule="GLOBAL_ID", type=type_name)
    return found[1]


def input_ids(texts: Sequence[str], type_name: str, path: Sequence[str | int]) -> list[UUID]:
    return [input_id(text, type_name, [*path, index]) for index, text in enumerate(texts)]

"""Texts of tickets in clear, for whoever was shown the row."""

from __future__ import annotations

from domain.shared.crypto import Keyring
from domain.shared.sql import Row
from domain.tickets.incidents import text_place
from domain.tickets.writing import message_place


def text_of(keyring: Keyring, message: Row) -> str:
    """Unsealed once for all who are shown the same row."""
    if "text" not in message:
        message["text"] = keyring.unseal(message["sealed_text"], message_place(message["id"]))
    text: str = message["text"]
    return text


def incident_text(keyring: Keyring, incident: Row, part: str) -> str | None:
    sealed = incident[f"sealed_{part}"]
    return None if sealed is None else keyring.unseal(sealed, text_place(incident["id"], part))


def comment_of(keyring: Keyring, rating: Row) -> str | None:
    sealed = rating["sealed_comment"]
    return None if sealed is None else keyring.unseal(sealed, f"rating:{rating['id']}")

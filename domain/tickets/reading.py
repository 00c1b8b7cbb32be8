"""Texts of tickets in clear, for whoever was shown the row."""

from __future__ import annotations

from domain.shared.crypto import Keyring
from domain.shared.sql import Row


def text_of(keyring: Keyring, message: Row) -> str:
    """Unsealed once for all who are shown the same row."""
    if "text" not in message:
        message["text"] = keyring.unseal(message["sealed_text"], f"message:{message['id']}")
    text: str = message["text"]
    return text


def comment_of(keyring: Keyring, rating: Row) -> str | None:
    sealed = rating["sealed_comment"]
    return None if sealed is None else keyring.unseal(sealed, f"rating:{rating['id']}")

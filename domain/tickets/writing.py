"""Writing a message; its text is sealed under the message's own id."""

from __future__ import annotations

from uuid import UUID

from domain.shared.act import Viewer
from domain.shared.events import actor_of
from domain.shared.transact import Tx
from domain.tickets.models import Message


def message_place(message_id: UUID) -> str:
    return f"message:{message_id}"


def new_message(
    tx: Tx,
    ticket_id: UUID,
    text: str,
    *,
    is_internal: bool = False,
    message_id: UUID | None = None,
    by: Viewer | None = None,
) -> Message:
    kind, author_id = actor_of(by or tx.act.viewer)
    message_id = message_id or tx.act.new_id()
    return Message(
        id=message_id,
        shop_id=tx.act.viewer.shop_id,
        ticket_id=ticket_id,
        at=tx.act.now,
        author_kind=kind,
        author_id=author_id,
        is_internal=is_internal,
        sealed_text=tx.act.keyring.seal(text, message_place(message_id)),
    )

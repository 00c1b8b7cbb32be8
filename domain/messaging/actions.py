"""Writing to people: into the outgoing table in the transaction that decides it, sent by a job after the commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from domain.messaging.kinds import Channel, OutgoingStatus
from domain.messaging.models import Inbox, InboxItem, Outgoing
from domain.messaging.ports import Letter, Sender
from domain.shared.act import Act, Language
from domain.shared.crypto import Keyring
from domain.shared.events import Event
from domain.shared.jobs import JobOrder
from domain.shared.messages import say
from domain.shared.sql import Row, Sql, fetch_one, insert, select, sql, values_of
from domain.shared.transact import Tx, transact

INBOX_ITEM_ADDED = "INBOX_ITEM_ADDED"


def _place(table: str, key: str) -> str:
    return f"{table}:{key}"


def send(
    tx: Tx,
    *,
    key: str,
    channel: Channel,
    destination: str,
    template: str,
    facts: Mapping[str, object],
    language: Language | None = None,
) -> None:
    """Queues one e-mail or SMS. `key` must be new; to be safe against repeats, ask `was_queued` first."""
    act = tx.act
    outgoing = Outgoing(
        id=act.new_id(),
        shop_id=act.viewer.shop_id,
        key=key,
        channel=channel,
        sealed_destination=act.keyring.seal(destination, _place("destination", key)),
        template=template,
        sealed_facts=act.keyring.seal_facts(facts, _place("outgoing", key)),
        language=language or act.language,
        status=OutgoingStatus.QUEUED,
        provider_key=None,
        created_at=act.now,
        sent_at=None,
    )
    tx.add(outgoing)
    tx.schedule(JobOrder(kind="deliver", key=f"deliver:{key}", due_at=act.now, payload={"outgoing": str(outgoing.id)}))


async def was_queued(tx: Tx, key: str) -> bool:
    return await tx.fetch_one(sql("SELECT id FROM outgoing WHERE key = {}", key)) is not None


async def deliver(act: Act, senders: Mapping[Channel, Sender], *, outgoing_id: UUID) -> None:
    """Hands a queued text to its provider; raises Transient to be called again. A text already sent is left alone."""
    row = await fetch_one(select(Outgoing, sql("id = {}", outgoing_id)))
    if row is None or row["status"] != OutgoingStatus.QUEUED:
        return
    provider_key = await senders[Channel(row["channel"])].send(letter_of(act.keyring, row))

    async def work(tx: Tx) -> None:
        await tx.execute(
            sql(
                "UPDATE outgoing SET status = {}, provider_key = {}, sent_at = {} WHERE id = {}",
                OutgoingStatus.SENT, provider_key[:200], act.now, outgoing_id,
            )
        )  # fmt: skip

    await transact(act, work)


def letter_of(keyring: Keyring, row: Row) -> Letter:
    """A queued text in clear, in the language that it was queued in."""
    facts = keyring.unseal_facts(row["sealed_facts"], _place("outgoing", row["key"]))
    language = Language(row["language"])
    return Letter(
        key=str(row["id"]),
        destination=keyring.unseal(row["sealed_destination"], _place("destination", row["key"])),
        subject=say(language, f"{row['template']}_SUBJECT", facts),
        text=say(language, f"{row['template']}_TEXT", facts),
    )


async def give_up(act: Act, *, outgoing_id: UUID) -> None:
    """After the last try: whoever looks sees that the text did not go out."""

    async def work(tx: Tx) -> None:
        await tx.execute(
            sql(
                "UPDATE outgoing SET status = {} WHERE id = {} AND status = {}",
                OutgoingStatus.FAILED, outgoing_id, OutgoingStatus.QUEUED,
            )
        )  # fmt: skip

    await transact(act, work)


async def put_in_inbox(
    tx: Tx,
    *,
    owner_id: UUID,
    key: str,
    template: str,
    facts: Mapping[str, object],
    ticket_id: UUID | None = None,
) -> None:
    """Adds one in-site message; the same key a second time adds nothing."""
    act = tx.act
    new = Inbox(id=owner_id, shop_id=act.viewer.shop_id, version=0)
    await tx.execute(insert(Inbox, [values_of(new)], Sql("ON CONFLICT (id) DO NOTHING")))
    inbox = await tx.load_one(Inbox, sql("id = {}", owner_id))
    assert inbox is not None
    if await tx.fetch_one(sql("SELECT id FROM inbox_item WHERE key = {}", key)):
        return
    item = InboxItem(
        id=act.new_id(),
        shop_id=act.viewer.shop_id,
        owner_id=owner_id,
        key=key,
        template=template,
        sealed_facts=act.keyring.seal_facts(facts, _place("inbox", key)),
        ticket_id=ticket_id,
        created_at=act.now,
    )
    tx.add(item)
    tx.record(inbox, Event(type=INBOX_ITEM_ADDED, body={"item_id": item.id}))


def read_item_text(act: Act, row: Mapping[str, Any], part: str) -> str:
    """The subject or text of an in-site message, in the reader's language."""
    facts = act.keyring.unseal_facts(row["sealed_facts"], _place("inbox", row["key"]))
    return say(act.language, f"{row['template']}_{part}", facts)

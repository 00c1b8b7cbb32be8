"""Contacts and the buyers behind them, found or made in one statement for many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from domain.identity.kinds import ContactText
from domain.identity.models import Buyer, Contact
from domain.identity.rules import masked
from domain.shared.act import Act, ContactKind
from domain.shared.crypto import Keyring
from domain.shared.sql import Row, Sql, among, fetch_one, insert, sql
from domain.shared.transact import Tx


def contact_index(keyring: Keyring, shop_id: UUID, contact: ContactText) -> str:
    return keyring.blind_index("contact", str(shop_id), contact.kind, contact.normal)


def _place(shop_id: UUID, kind: str) -> str:
    return f"contact:{shop_id}:{kind}"


async def keep_contacts(tx: Tx, contacts: Iterable[ContactText]) -> dict[ContactText, UUID]:
    """The id of each contact; those never seen before are added. Sorted, so that two writers cannot deadlock."""
    act, shop_id = tx.act, tx.act.viewer.shop_id
    keys = {contact_index(act.keyring, shop_id, c): c for c in set(contacts)}
    if not keys:
        return {}
    found = await _known(tx, keys)
    missing = sorted(key for key, contact in keys.items() if contact not in found)
    if missing:
        rows = [
            {
                "id": act.new_id(),
                "shop_id": shop_id,
                "kind": keys[key].kind,
                "index_key": key,
                "sealed": act.keyring.seal(keys[key].normal, _place(shop_id, keys[key].kind)),
                "created_at": act.now,
            }
            for key in missing
        ]
        await tx.execute(insert(Contact, rows, Sql("ON CONFLICT DO NOTHING")))
        found = await _known(tx, keys)
    return found


async def _known(tx: Tx, keys: dict[str, ContactText]) -> dict[ContactText, UUID]:
    rows: list[Row] = []
    for kind in ContactKind:
        wanted = [key for key, contact in keys.items() if contact.kind is kind]
        if wanted:
            rows += await tx.fetch(
                sql(
                    "SELECT id, kind, index_key FROM contact WHERE shop_id = {} AND kind = {} AND index_key {}",
                    tx.act.viewer.shop_id, kind, among(wanted),
                )
            )  # fmt: skip
    return {keys[row["index_key"]]: row["id"] for row in rows}


async def keep_buyers(
    tx: Tx,
    contacts: dict[UUID, ContactText],
    *,
    external_keys: dict[UUID, str | None],
    languages: dict[UUID, Any],
) -> dict[UUID, UUID]:
    """The buyer behind each contact id; those never seen before are added."""
    if not contacts:
        return {}
    wanted = sql("SELECT id, contact_id FROM buyer WHERE contact_id {}", among(contacts))
    known = {row["contact_id"]: row["id"] for row in await tx.fetch(wanted)}
    missing = sorted((c for c in contacts if c not in known), key=str)
    if missing:
        rows = [
            {
                "id": tx.act.new_id(),
                "shop_id": tx.act.viewer.shop_id,
                "contact_id": contact_id,
                "contact_kind": contacts[contact_id].kind,
                "masked_contact": masked(contacts[contact_id].kind, contacts[contact_id].normal)[:80],
                "external_key": external_keys.get(contact_id),
                "lane": "STANDARD",
                "language": languages.get(contact_id),
                "created_at": tx.act.now,
            }
            for contact_id in missing
        ]
        await tx.execute(insert(Buyer, rows, Sql("ON CONFLICT DO NOTHING")))
        known = {row["contact_id"]: row["id"] for row in await tx.fetch(wanted)}
    return known


async def find_contact(act: Act, contact: ContactText) -> UUID | None:
    row = await fetch_one(
        sql(
            "SELECT id FROM contact WHERE shop_id = {} AND kind = {} AND index_key = {}",
            act.viewer.shop_id, contact.kind, contact_index(act.keyring, act.viewer.shop_id, contact),
        )
    )  # fmt: skip
    return row["id"] if row else None


async def read_contact(act: Act, contact_id: UUID) -> ContactText | None:
    """The contact in clear, for sending something to it."""
    row = await fetch_one(
        sql(
            "SELECT kind, sealed FROM contact WHERE id = {} AND shop_id = {}",
            contact_id, act.viewer.shop_id,
        )
    )  # fmt: skip
    if row is None:
        return None
    normal = act.keyring.unseal(row["sealed"], _place(act.viewer.shop_id, row["kind"]))
    return ContactText(ContactKind(row["kind"]), normal)

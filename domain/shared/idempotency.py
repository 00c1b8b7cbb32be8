"""The same key and input do it once. A refusal is not kept: its transaction is rolled back with the key."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import orjson

from domain.shared import checks
from domain.shared.errors import IdempotencyKeyReused
from domain.shared.models import IdempotencyRecord
from domain.shared.sql import Sql, insert, sql
from domain.shared.transact import Tx


def fingerprint(values: dict[str, Any]) -> bytes:
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS, default=str)).digest()


async def earlier_subject(
    tx: Tx, operation: str, key: str | None, values: dict[str, Any], subject_id: UUID
) -> UUID | None:
    """None when this call is the first with its key; else the subject of the first call.

    A second call that comes while the first runs waits for it (the unique key's row lock).
    """
    viewer = tx.act.viewer
    if key is None or viewer.principal_id is None:
        return None
    row = {
        "id": tx.act.new_id(),
        "shop_id": viewer.shop_id,
        "principal_id": viewer.principal_id,
        "operation": operation,
        "key": checks.text(key, ["idempotencyKey"], most=100),
        "input_hash": fingerprint(values),
        "subject_id": subject_id,
        "at": tx.act.now,
    }
    if await tx.fetch(insert(IdempotencyRecord, [row], Sql("ON CONFLICT DO NOTHING RETURNING id"))):
        return None
    first = await tx.fetch_one(
        sql(
            "SELECT input_hash, subject_id FROM idempotency"
            " WHERE shop_id = {} AND principal_id = {} AND operation = {} AND key = {}",
            viewer.shop_id, viewer.principal_id, operation, row["key"],
        )
    )  # fmt: skip
    assert first is not None
    if bytes(first["input_hash"]) != row["input_hash"]:
        raise IdempotencyKeyReused
    earlier: UUID = first["subject_id"]
    return earlier

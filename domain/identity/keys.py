"""What programs show: API keys, and the secrets that sign webhooks."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from uuid import UUID

from domain.identity.models import ApiKey, WebhookSource
from domain.identity.rules import SCOPES
from domain.shared import checks
from domain.shared.act import Act, Role, Viewer
from domain.shared.crypto import Keyring
from domain.shared.errors import Invalid
from domain.shared.sql import Sql, fetch_one, insert, sql
from domain.shared.transact import Tx, transact

PREFIX = "xk"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def create_api_key(act: Act, *, name: str, scopes: Iterable[str], expires_at: int | None = None) -> str:
    """The key in clear, which is shown this once and kept as a hash."""
    wanted = sorted(set(scopes))
    if not wanted or not SCOPES.issuperset(wanted):
        raise Invalid(["scopes"])
    secret, key_id = secrets.token_urlsafe(32), act.new_id()

    async def work(tx: Tx) -> str:
        tx.add(
            ApiKey(
                id=key_id,
                shop_id=act.viewer.shop_id,
                name=checks.text(name, ["name"], most=80),
                secret_hash=_hash(secret),
                scopes=" ".join(wanted),
                created_at=act.now,
                expires_at=expires_at,
                revoked_at=None,
            )
        )
        return f"{PREFIX}_{key_id.hex}_{secret}"

    return await transact(act, work)


async def read_api_key(key: str, *, now: int) -> Viewer | None:
    """The integrator whom a key names, or None for a key that is unknown, revoked or run out."""
    parts = key.split("_", 2)
    if len(parts) != 3 or parts[0] != PREFIX:
        return None
    try:
        key_id = UUID(hex=parts[1])
    except ValueError:
        return None
    row = await fetch_one(
        sql(
            "SELECT shop_id, name, secret_hash, scopes, expires_at, revoked_at FROM api_key WHERE id = {}",
            key_id,
        )
    )
    if row is None or not hmac.compare_digest(bytes(row["secret_hash"]), _hash(parts[2])):
        return None
    if row["revoked_at"] is not None or (row["expires_at"] is not None and row["expires_at"] <= now):
        return None
    return Viewer(
        role=Role.INTEGRATOR,
        shop_id=row["shop_id"],
        principal_id=key_id,
        scopes=frozenset(row["scopes"].split()),
        expires_at=row["expires_at"],
        name=row["name"],
    )


def _place(shop_id: UUID, source: str) -> str:
    return f"webhook:{shop_id}:{source}"


async def create_webhook_source(act: Act, *, source: str) -> str:
    """The secret that signs what this source pushes. A source that exists gets a new secret."""
    secret, name = secrets.token_urlsafe(32), checks.text(source, ["source"], most=40)
    sealed = act.keyring.seal(secret, _place(act.viewer.shop_id, name))

    async def work(tx: Tx) -> str:
        row = {
            "id": act.new_id(),
            "shop_id": act.viewer.shop_id,
            "source": name,
            "sealed_secret": sealed,
            "created_at": act.now,
        }
        again = Sql("ON CONFLICT (shop_id, source) DO UPDATE SET sealed_secret = excluded.sealed_secret")
        await tx.execute(insert(WebhookSource, [row], again))
        return secret

    return await transact(act, work)


async def webhook_secret(keyring: Keyring, *, shop_id: UUID, source: str) -> str | None:
    row = await fetch_one(
        sql("SELECT sealed_secret FROM webhook_source WHERE shop_id = {} AND source = {}", shop_id, source)
    )
    return keyring.unseal(row["sealed_secret"], _place(shop_id, source)) if row else None

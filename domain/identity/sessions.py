"""Sessions and the short access tokens over them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

import jwt

from domain.identity.errors import SessionEnded
from domain.identity.models import Agent, Buyer, Session
from domain.identity.rules import ACCESS_LIFETIME
from domain.shared.act import Act, ContactKind, Role, Viewer
from domain.shared.clock import SECOND
from domain.shared.crypto import Keyring
from domain.shared.sql import fetch_one, sql
from domain.shared.transact import Tx, transact

ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """`token` is for requests, `refresh_token` for the next token; the moments are microseconds."""

    token: str
    expires_at: int
    refresh_token: str
    session_expires_at: int
    viewer: Viewer


def _secret_hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _token(keyring: Keyring, session: Session, viewer: Viewer, expires_at: int) -> str:
    claims = {
        "sid": str(session.id),
        "sub": str(session.principal_id),
        "shop": str(session.shop_id),
        "role": session.role,
        "cid": str(session.contact_id) if session.contact_id else None,
        "ck": session.contact_kind,
        "name": viewer.name,
        "exp": expires_at // SECOND,
    }
    return jwt.encode(claims, keyring.derived("token"), algorithm=ALGORITHM)


def _grant(act: Act, session: Session, viewer: Viewer, secret: str) -> Grant:
    expires_at = min(act.now + ACCESS_LIFETIME, session.expires_at) // SECOND * SECOND
    return Grant(
        token=_token(act.keyring, session, viewer, expires_at),
        expires_at=expires_at,
        refresh_token=f"{session.id}.{secret}",
        session_expires_at=session.expires_at,
        viewer=viewer,
    )


def begin_session(tx: Tx, subject: Buyer | Agent, *, lifetime: int) -> Grant:
    act, secret = tx.act, secrets.token_urlsafe(32)
    buyer = subject if isinstance(subject, Buyer) else None
    session = Session(
        id=act.new_id(),
        shop_id=subject.shop_id,
        role=Role.BUYER if isinstance(subject, Buyer) else subject.role,
        principal_id=subject.id,
        contact_id=buyer.contact_id if buyer else None,
        contact_kind=buyer.contact_kind if buyer else None,
        refresh_hash=_secret_hash(secret),
        created_at=act.now,
        expires_at=act.now + lifetime,
        revoked_at=None,
    )
    tx.add(session)
    name = subject.masked_contact if isinstance(subject, Buyer) else subject.name
    return _grant(act, session, _viewer(session, name), secret)


def _viewer(session: Session, name: str) -> Viewer:
    return Viewer(
        role=Role(session.role),
        shop_id=session.shop_id,
        principal_id=session.principal_id,
        session_id=session.id,
        contact_id=session.contact_id,
        contact_kind=ContactKind(session.contact_kind) if session.contact_kind else None,
        name=name,
    )


async def refresh_session(act: Act, *, refresh_token: str) -> Grant:
    """A new short token. The session's own end does not move."""
    session_id, _, secret = refresh_token.partition(".")
    try:
        key = UUID(session_id)
    except ValueError as error:
        raise SessionEnded(["refreshToken"]) from error

    async def work(tx: Tx) -> Grant:
        session = await tx.load_one(Session, sql("id = {} AND shop_id = {}", key, act.viewer.shop_id))
        if session is None or not hmac.compare_digest(bytes(session.refresh_hash), _secret_hash(secret)):
            raise SessionEnded(["refreshToken"])
        if session.revoked_at is not None or session.expires_at <= act.now:
            raise SessionEnded(["refreshToken"])
        return _grant(act, session, _viewer(session, await _current_name(tx, session)), secret)

    return await transact(act, work)


async def _current_name(tx: Tx, session: Session) -> str:
    """Also asks again whether the person may still sign in, and in which role."""
    if session.role == Role.BUYER:
        buyer = await tx.fetch_one(sql("SELECT masked_contact FROM buyer WHERE id = {}", session.principal_id))
        return str(buyer["masked_contact"]) if buyer else ""
    agent = await tx.fetch_one(
        sql("SELECT name, role FROM agent WHERE id = {} AND is_active = {}", session.principal_id, True)
    )
    if agent is None:
        raise SessionEnded(["refreshToken"])
    session.role = agent["role"]
    return str(agent["name"])


def read_token(keyring: Keyring, token: str) -> Viewer | None:
    """The viewer whom a token names, or None when it is not ours, was changed, or has run out."""
    try:
        claims = jwt.decode(
            token,
            keyring.derived("token"),
            algorithms=[ALGORITHM],
            options={"require": ["exp", "sid", "sub"]},
        )
        return Viewer(
            role=Role(claims["role"]),
            shop_id=UUID(claims["shop"]),
            principal_id=UUID(claims["sub"]),
            session_id=UUID(claims["sid"]),
            contact_id=UUID(claims["cid"]) if claims["cid"] else None,
            contact_kind=ContactKind(claims["ck"]) if claims["ck"] else None,
            expires_at=claims["exp"] * SECOND,
            name=claims["name"],
        )
    except (jwt.InvalidTokenError, KeyError, ValueError, TypeError):
        return None


async def session_is_live(session_id: UUID, *, now: int) -> bool:
    row = await fetch_one(
        sql("SELECT id FROM session WHERE id = {} AND revoked_at IS NULL AND expires_at > {}", session_id, now)
    )
    return row is not None

"""Proving who somebody is: one-time codes for buyers, passwords for staff."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from domain.identity.contacts import keep_buyers, read_contact
from domain.identity.errors import CodeExpired, CodeInvalid, LoginFailed
from domain.identity.kinds import ContactText
from domain.identity.models import Agent, Buyer, CodeChallenge
from domain.identity.rules import (
    BUYER_SESSION,
    CODE_LIFETIME,
    CODE_TRIES,
    LONGEST_CONTACT,
    STAFF_SESSION,
)
from domain.identity.sessions import Grant, begin_session
from domain.messaging.actions import send
from domain.messaging.kinds import Channel
from domain.shared import checks
from domain.shared.act import Act, ContactKind
from domain.shared.clock import HOUR, SECOND
from domain.shared.sql import fetch_value, sql
from domain.shared.transact import Tx, transact

_hasher = PasswordHasher()


@cache
def _hash_of_nobody() -> str:
    """Verified when nobody has the address, so that the answer takes as long as for somebody who has."""
    return _hasher.hash(secrets.token_urlsafe())


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    id: UUID
    masked_destination: str
    expires_at: int


def _code_hash(act: Act, challenge_id: UUID, code: str) -> bytes:
    return hmac.digest(act.keyring.derived("code"), f"{challenge_id}:{code}".encode(), hashlib.sha256)


async def request_code(
    act: Act, *, contact_id: UUID | None, kind: ContactKind, masked_destination: str, asked_by: str
) -> Challenge:
    """Sends a code to the contact, or does all the same and sends nothing where there is no contact.

    `asked_by` is what the caller named (an order number, an address): codes for it are counted together.
    """
    counted = act.keyring.blind_index("code-throttle", asked_by)
    await act.throttle.hit(f"code:address:{act.viewer.address}", limit=20, seconds=HOUR // SECOND)
    await act.throttle.hit(f"code:{act.viewer.shop_id}:{counted}", limit=5, seconds=HOUR // SECOND)
    contact = await read_contact(act, contact_id) if contact_id else None
    code = f"{secrets.randbelow(10**6):06d}"

    async def work(tx: Tx) -> Challenge:
        challenge = CodeChallenge(
            id=act.new_id(),
            shop_id=act.viewer.shop_id,
            contact_id=contact_id,
            contact_kind=kind,
            code_hash=b"",
            attempts=0,
            is_used=False,
            created_at=act.now,
            expires_at=act.now + CODE_LIFETIME,
        )
        challenge.code_hash = _code_hash(act, challenge.id, code)
        tx.add(challenge)
        if contact:
            send(
                tx,
                key=f"code:{challenge.id}",
                channel=Channel.EMAIL if contact.kind is ContactKind.EMAIL else Channel.SMS,
                destination=contact.normal,
                template="CODE",
                facts={"code": code},
            )
        return Challenge(id=challenge.id, masked_destination=masked_destination, expires_at=challenge.expires_at)

    return await transact(act, work)


async def verify_code(act: Act, *, challenge_id: UUID, code: str) -> Grant:
    """A wrong try is counted although it is refused, so the refusal is raised after the commit."""
    await act.throttle.hit(f"verify:address:{act.viewer.address}", limit=60, seconds=HOUR // SECOND)

    async def work(tx: Tx) -> Grant | CodeInvalid | CodeExpired:
        challenge = await tx.load_one(CodeChallenge, sql("id = {} AND shop_id = {}", challenge_id, act.viewer.shop_id))
        if challenge is None:
            return CodeExpired(["challengeId"])
        if challenge.is_used or challenge.expires_at <= act.now or challenge.attempts >= CODE_TRIES:
            return CodeExpired(["code"])
        challenge.attempts += 1
        expected = _code_hash(act, challenge.id, code.strip()[:20])
        is_right = hmac.compare_digest(bytes(challenge.code_hash), expected)
        if not is_right or challenge.contact_id is None:
            return CodeInvalid(["code"], left=CODE_TRIES - challenge.attempts)
        challenge.is_used = True
        return begin_session(tx, await _buyer_behind(tx, challenge.contact_id), lifetime=BUYER_SESSION)

    answer = await transact(act, work)
    if isinstance(answer, Grant):
        return answer
    raise answer


async def _buyer_behind(tx: Tx, contact_id: UUID) -> Buyer:
    contact = await read_contact(tx.act, contact_id)
    assert contact is not None
    await keep_buyers(tx, {contact_id: ContactText(contact.kind, contact.normal)}, external_keys={}, languages={})
    buyer = await tx.load_one(Buyer, sql("contact_id = {}", contact_id))
    assert buyer is not None
    return buyer


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerifyMismatchError:
        return False


async def login_staff(act: Act, *, email: str, password: str) -> Grant:
    email_key = checks.text(email, ["email"], most=LONGEST_CONTACT).lower()
    checks.text(password, ["password"], most=200)
    await act.throttle.hit(f"login:address:{act.viewer.address}", limit=120, seconds=HOUR // SECOND)
    counted = act.keyring.blind_index("login-throttle", str(act.viewer.shop_id), email_key)
    await act.throttle.hit(f"login:{counted}", limit=20, seconds=900)

    async def work(tx: Tx) -> Grant:
        agent = await tx.load_one(
            Agent,
            sql("shop_id = {} AND email_key = {} AND is_active = {}", act.viewer.shop_id, email_key, True),
        )
        if agent is None or agent.password_hash != verified:
            raise LoginFailed(["password"])
        return begin_session(tx, agent, lifetime=STAFF_SESSION)

    verified = await _verified_hash(act, email_key, password)
    return await transact(act, work)


async def _verified_hash(act: Act, email_key: str, password: str) -> str | None:
    """The stored hash that the password fits. Takes tens of milliseconds: in a thread, outside the transaction."""
    known = await _password_hash(act, email_key)
    fits = await asyncio.to_thread(_matches, known or _hash_of_nobody(), password)
    return known if fits else None


async def _password_hash(act: Act, email_key: str) -> str | None:
    found: str | None = await fetch_value(
        sql(
            "SELECT password_hash FROM agent WHERE shop_id = {} AND email_key = {}",
            act.viewer.shop_id,
            email_key,
        )
    )
    return found

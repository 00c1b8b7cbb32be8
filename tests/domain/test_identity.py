from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import jwt
import pytest

from domain.identity.actions import Challenge, login_staff, verify_code
from domain.identity.keys import create_api_key, create_webhook_source, read_api_key, webhook_secret
from domain.identity.models import ApiKey, Buyer, CodeChallenge, Session
from domain.identity.rules import ACCESS_LIFETIME, BUYER_SESSION, CODE_LIFETIME, CODE_TRIES, STAFF_SESSION
from domain.identity.sessions import Grant, read_token, refresh_session, session_is_live
from domain.identity.setup import create_agent, create_shop
from domain.messaging.models import Outgoing
from domain.orders.actions import look_up_order, request_code_for
from domain.shared.act import ContactKind, Role, Viewer
from domain.shared.clock import DAY, HOUR, MINUTE, SECOND, now_micros, uuid7
from domain.shared.crypto import Keyring
from domain.shared.errors import Conflict, DomainError, ErrorCode, Invalid, Required
from domain.shared.sql import EVERYTHING, Row, Sql, fetch, fetch_one, select, sql
from domain.shared.transact import Tx, transact
from tests.builders.scene import Scene

EMAIL, PHONE = ContactKind.EMAIL, ContactKind.PHONE


def guest(scene: Scene) -> Viewer:
    return Viewer(role=Role.GUEST, shop_id=scene.shop_id, address="10.0.0.1")


async def ask(scene: Scene, *, number: str | None = None, contact: str | None = None) -> Challenge:
    act = scene.act(guest(scene))
    return await request_code_for(act, order_number=number, contact=contact, channel=EMAIL)


async def code_of(scene: Scene, challenge: Challenge) -> str | None:
    """The code in the letter that waits to be sent."""
    row = await fetch_one(select(Outgoing, sql("key = {}", f"code:{challenge.id}")))
    if row is None:
        return None
    return str(scene.keyring.unseal_facts(row["sealed_facts"], f"outgoing:{row['key']}")["code"])


async def attempt(scene: Scene, challenge: Challenge, code: str, *, now: int | None = None) -> Grant | ErrorCode:
    try:
        return await verify_code(scene.act(guest(scene), now=now), challenge_id=challenge.id, code=code)
    except DomainError as error:
        return error.code


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def change(scene: Scene, statement: Sql) -> None:
    async def work(tx: Tx) -> None:
        await tx.execute(statement)

    await transact(scene.act(), work)


async def rows(model: type) -> list[Row]:
    return sorted(await fetch(select(model, EVERYTHING)), key=lambda row: row["id"])


# Codes


async def test_the_right_code_gives_a_session_of_the_buyer_behind_the_contact(scene: Scene) -> None:
    await scene.order(number="N1", email="li@example.com")
    now = now_micros()
    challenge = await ask(scene, number="N1")
    assert challenge.masked_destination == "l***@example.com"
    code = await code_of(scene, challenge)
    assert code is not None
    grant = await attempt(scene, challenge, f" {code} ")
    assert isinstance(grant, Grant)
    (buyer,) = await rows(Buyer)
    viewer = read_token(scene.keyring, grant.token)
    assert viewer is not None
    assert (viewer.role, viewer.principal_id, viewer.contact_id) == (Role.BUYER, buyer["id"], buyer["contact_id"])
    assert (viewer.shop_id, viewer.contact_kind, viewer.name) == (scene.shop_id, EMAIL, "l***@example.com")
    assert 0 < grant.expires_at - now <= ACCESS_LIFETIME + MINUTE
    assert abs(grant.session_expires_at - now - BUYER_SESSION) < MINUTE


async def test_a_code_works_once(scene: Scene) -> None:
    await scene.order(number="N1")
    challenge = await ask(scene, number="N1")
    code = await code_of(scene, challenge) or ""
    answers = await asyncio.gather(*(attempt(scene, challenge, code) for _ in range(6)))
    assert sum(isinstance(answer, Grant) for answer in answers) == 1
    assert answers.count(ErrorCode.CODE_EXPIRED) == 5
    assert len(await rows(Session)) == 1


async def test_five_wrong_tries_end_a_challenge_also_for_the_right_code(scene: Scene) -> None:
    await scene.order(number="N1")
    challenge = await ask(scene, number="N1")
    code = await code_of(scene, challenge) or ""
    answers = await asyncio.gather(*(attempt(scene, challenge, wrong(code)) for _ in range(CODE_TRIES + 3)))
    assert sorted(map(str, answers)) == ["CODE_EXPIRED"] * 3 + ["CODE_INVALID"] * CODE_TRIES
    assert await attempt(scene, challenge, code) is ErrorCode.CODE_EXPIRED
    assert await rows(Session) == []


async def test_the_fifth_try_may_still_be_right(scene: Scene) -> None:
    await scene.order(number="N1")
    challenge = await ask(scene, number="N1")
    code = await code_of(scene, challenge) or ""
    for _ in range(CODE_TRIES - 1):
        assert await attempt(scene, challenge, wrong(code)) is ErrorCode.CODE_INVALID
    assert isinstance(await attempt(scene, challenge, code), Grant)


async def test_a_code_ends_after_ten_minutes(scene: Scene) -> None:
    await scene.order(number="N1")
    challenge = await ask(scene, number="N1")
    code = await code_of(scene, challenge) or ""
    over = challenge.expires_at
    assert over - (now_micros() - MINUTE) >= CODE_LIFETIME
    assert await attempt(scene, challenge, code, now=over) is ErrorCode.CODE_EXPIRED
    assert await rows(Session) == []
    assert isinstance(await attempt(scene, challenge, code, now=over - 1), Grant)


async def test_a_code_of_one_challenge_opens_no_other(scene: Scene) -> None:
    await scene.order(number="N1")
    first, second = await ask(scene, number="N1"), await ask(scene, number="N1")
    code = await code_of(scene, first) or ""
    if code != await code_of(scene, second):
        assert await attempt(scene, second, code) is ErrorCode.CODE_INVALID
    nowhere = Challenge(id=uuid7(), masked_destination="", expires_at=0)
    assert await attempt(scene, nowhere, code) is ErrorCode.CODE_EXPIRED
    assert await rows(Session) == []


async def test_a_challenge_of_another_shop_does_not_exist(scene: Scene) -> None:
    await scene.order(number="N1")
    challenge = await ask(scene, number="N1")
    code = await code_of(scene, challenge) or ""
    other = await create_shop(scene.act(Viewer.system(uuid7())), slug="other", name="Other")
    stranger = scene.act(Viewer(role=Role.GUEST, shop_id=other))
    with pytest.raises(DomainError) as refused:
        await verify_code(stranger, challenge_id=challenge.id, code=code)
    assert refused.value.code is ErrorCode.CODE_EXPIRED
    assert [row["attempts"] for row in await rows(CodeChallenge)] == [0]


@pytest.mark.parametrize("asked", [{"number": "NOT-THERE"}, {"contact": "nobody@example.com"}])
async def test_who_asks_for_what_does_not_exist_cannot_tell(scene: Scene, asked: dict[str, str]) -> None:
    await scene.order(number="N1", email="li@example.com")
    there = await ask(scene, **({"number": "N1"} if "number" in asked else {"contact": "li@example.com"}))
    nobody = await ask(scene, **asked)
    assert await code_of(scene, there) is not None
    assert await code_of(scene, nobody) is None
    name, _, domain = nobody.masked_destination.partition("@")
    assert name.endswith("***")
    assert "." in domain
    assert abs(nobody.expires_at - there.expires_at) < MINUTE
    assert (await ask(scene, **asked)).masked_destination == nobody.masked_destination
    for challenge in (there, nobody):
        tries = [await _left(scene, challenge) for _ in range(CODE_TRIES + 1)]
        assert tries == [*((ErrorCode.CODE_INVALID, left) for left in (4, 3, 2, 1, 0)), (ErrorCode.CODE_EXPIRED, None)]


async def _left(scene: Scene, challenge: Challenge) -> tuple[ErrorCode, object]:
    with pytest.raises(DomainError) as refused:
        await verify_code(scene.act(guest(scene)), challenge_id=challenge.id, code="no code")
    return refused.value.code, refused.value.facts.get("left")


async def test_the_code_is_kept_neither_in_clear_nor_as_a_plain_hash(scene: Scene) -> None:
    await scene.order(number="N1")
    challenge = await ask(scene, number="N1")
    code = (await code_of(scene, challenge) or "").encode()
    (letter,), (kept,) = await rows(Outgoing), await rows(CodeChallenge)
    assert code not in bytes(letter["sealed_facts"])
    assert code not in bytes(kept["code_hash"])
    assert b"example" not in bytes(letter["sealed_destination"])


@pytest.mark.parametrize("given", [(None, None), ("N1", "a@b.com"), ("", " ")], ids=["neither", "both", "both empty"])
async def test_exactly_one_of_order_and_contact_is_named(scene: Scene, given: Sequence[str | None]) -> None:
    number, contact = given
    with pytest.raises(Invalid):
        await ask(scene, number=number, contact=contact)
    assert await rows(CodeChallenge) == []


# Looking an order up


async def test_an_order_is_shown_to_whoever_knows_its_number_and_a_proof(scene: Scene) -> None:
    order_id = await scene.order(number="N1", payment_serial="P1", email="li@example.com", phone="13800138000")
    await scene.order(number="N2", email="other@example.com", phone="13900139999")

    async def look(
        number: str | None = None, serial: str | None = None, email: str | None = None, tail: str | None = None
    ) -> UUID | None:
        act = scene.act(guest(scene))
        found = await look_up_order(act, number=number, payment_serial=serial, email=email, phone_tail=tail)
        return found["id"] if found else None

    assert await look(number="N1", email="LI@example.com") == order_id
    assert await look(serial="P1", email="li@example.com") == order_id
    assert await look(number="N1", tail="8000") == order_id
    assert await look(serial="P1", tail="8000") == order_id
    for wrong_proof in ({"email": "other@example.com"}, {"email": "no@example.com"}, {"tail": "9999"}):
        assert await look(number="N1", **wrong_proof) is None
    assert await look(number="NONE", email="li@example.com") is None
    for tail in ("800", "80000", "８０００", "x000"):
        with pytest.raises(Invalid):
            await look(number="N1", tail=tail)


# Passwords


async def an_account(scene: Scene) -> UUID:
    return await create_agent(scene.act(), email="Ann@Shop.example", name="Ann", password="correct horse")


async def login(scene: Scene, email: str, password: str) -> Grant | ErrorCode:
    try:
        return await login_staff(scene.act(guest(scene)), email=email, password=password)
    except DomainError as error:
        return error.code


async def test_staff_sign_in_with_their_password(scene: Scene) -> None:
    agent_id = await an_account(scene)
    grant = await login(scene, " ann@shop.EXAMPLE", "correct horse")
    assert isinstance(grant, Grant)
    assert (grant.viewer.role, grant.viewer.principal_id) == (Role.AGENT, agent_id)
    assert abs(grant.session_expires_at - now_micros() - STAFF_SESSION) < MINUTE


async def test_a_wrong_password_an_unknown_address_and_a_left_agent_get_the_same_answer(scene: Scene) -> None:
    await an_account(scene)
    failed = ErrorCode.LOGIN_FAILED
    assert await login(scene, "ann@shop.example", "correct horse ") is failed
    assert await login(scene, "ann@shop.example", "wrong horse") is failed
    assert await login(scene, "bob@shop.example", "correct horse") is failed
    await change(scene, sql("UPDATE agent SET is_active = {}", False))
    assert await login(scene, "ann@shop.example", "correct horse") is failed
    assert await rows(Session) == []


async def test_an_address_is_taken_once_a_shop_and_short_passwords_are_refused(scene: Scene) -> None:
    await an_account(scene)
    with pytest.raises(Conflict):
        await an_account(scene)
    with pytest.raises(Required):
        await create_agent(scene.act(), email="b@shop.example", name="Bob", password="short")


# Sessions


async def test_a_session_is_refreshed_until_it_ends_or_is_revoked(scene: Scene) -> None:
    await an_account(scene)
    grant = await login(scene, "ann@shop.example", "correct horse")
    assert isinstance(grant, Grant)
    session_id = grant.viewer.session_id
    assert session_id is not None

    async def refresh(token: str, now: int | None = None) -> Grant | ErrorCode:
        try:
            return await refresh_session(scene.act(guest(scene), now=now), refresh_token=token)
        except DomainError as error:
            return error.code

    again = await refresh(grant.refresh_token)
    assert isinstance(again, Grant)
    assert again.session_expires_at == grant.session_expires_at
    late = await refresh(grant.refresh_token, now=grant.session_expires_at - 5 * SECOND)
    assert isinstance(late, Grant)
    assert late.expires_at <= grant.session_expires_at
    ended = ErrorCode.SESSION_ENDED
    assert await refresh(grant.refresh_token, now=grant.session_expires_at) is ended
    name, _, secret = grant.refresh_token.partition(".")
    for tampered in ("", ".", name, f"{name}.", f"{name}.{secret[:-1]}", f"{uuid7()}.{secret}", f"x.{secret}"):
        assert await refresh(tampered) is ended
    assert await session_is_live(session_id, now=now_micros())
    await change(scene, sql("UPDATE agent SET role = {}", Role.SUPERVISOR))
    promoted = await refresh(grant.refresh_token)
    assert isinstance(promoted, Grant)
    assert promoted.viewer.role is Role.SUPERVISOR
    await change(scene, sql("UPDATE agent SET is_active = {}", False))
    assert await refresh(grant.refresh_token) is ended
    await change(scene, sql("UPDATE agent SET is_active = {}", True))
    await change(scene, sql("UPDATE session SET revoked_at = {}", 1))
    assert await refresh(grant.refresh_token) is ended
    assert not await session_is_live(session_id, now=now_micros())


async def test_a_token_that_is_not_ours_was_changed_or_has_run_out_names_nobody(scene: Scene) -> None:
    buyer = await scene.buyer()
    assert read_token(scene.keyring, buyer.token) is not None
    assert read_token(Keyring.generated(), buyer.token) is None
    head, body, signature = buyer.token.split(".")
    claims = jwt.decode(buyer.token, options={"verify_signature": False})
    key = scene.keyring.derived("token")
    bad = [
        "",
        "xk",
        f"{head}.{body}.",
        f"{head}.{body[:-2]}.{signature}",
        jwt.encode({**claims, "exp": 1}, key, "HS256"),
        jwt.encode({**claims, "role": "KING"}, key, "HS256"),
        jwt.encode({**claims, "sub": "me"}, key, "HS256"),
        jwt.encode({name: value for name, value in claims.items() if name != "sid"}, key, "HS256"),
        jwt.encode({**claims, "role": "ADMIN"}, b"another key of thirty-two bytes!", "HS256"),
    ]
    assert [read_token(scene.keyring, token) for token in bad] == [None] * len(bad)


# Keys of programs


async def test_an_api_key_names_an_integrator_with_its_scopes_until_it_ends(scene: Scene) -> None:
    now = now_micros()
    key = await create_api_key(scene.act(), name="shop", scopes=["orders:write"], expires_at=now + HOUR)
    viewer = await read_api_key(key, now=now)
    assert viewer is not None
    assert (viewer.role, viewer.shop_id, viewer.scopes) == (Role.INTEGRATOR, scene.shop_id, {"orders:write"})
    assert await read_api_key(key, now=now + HOUR) is None
    (kept,) = await rows(ApiKey)
    prefix, key_id, secret = key.split("_", 2)
    assert secret.encode() not in bytes(kept["secret_hash"])
    for wrong_key in ("", "xk", f"{prefix}_{key_id}", f"{prefix}_{key_id}_", f"yk_{key_id}_{secret}", f"{key}x"):
        assert await read_api_key(wrong_key, now=now) is None
    assert await read_api_key(f"{prefix}_{uuid7().hex}_{secret}", now=now) is None
    assert await read_api_key(f"{prefix}_nonsense_{secret}", now=now) is None
    await change(scene, sql("UPDATE api_key SET revoked_at = {}", now - DAY))
    assert await read_api_key(key, now=now) is None


@pytest.mark.parametrize("scopes", [[], ["orders:write", "everything"], [""]])
async def test_a_key_with_unknown_scopes_is_not_made(scene: Scene, scopes: list[str]) -> None:
    with pytest.raises(Invalid):
        await create_api_key(scene.act(), name="shop", scopes=scopes)
    assert await rows(ApiKey) == []


async def test_a_webhook_source_gets_a_new_secret_and_the_old_one_is_gone(scene: Scene) -> None:
    first = await create_webhook_source(scene.act(), source="taobao")
    second = await create_webhook_source(scene.act(), source="taobao")
    assert first != second
    assert await webhook_secret(scene.keyring, shop_id=scene.shop_id, source="taobao") == second
    assert await webhook_secret(scene.keyring, shop_id=scene.shop_id, source="other") is None
    assert await webhook_secret(scene.keyring, shop_id=uuid7(), source="taobao") is None

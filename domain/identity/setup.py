"""Making shops and accounts, from the command line and the demo."""

from __future__ import annotations

from uuid import UUID

from domain.identity.actions import hash_password
from domain.identity.kinds import Lane, Presence
from domain.identity.models import Agent, Buyer, Shop
from domain.identity.rules import LONGEST_CONTACT, normal_email
from domain.shared import checks
from domain.shared.act import Act, Language, Role
from domain.shared.errors import Conflict, NotFound
from domain.shared.sql import sql
from domain.shared.transact import Tx, transact

SHORTEST_PASSWORD = 10


async def create_shop(act: Act, *, slug: str, name: str, language: Language = Language.ZH) -> UUID:
    async def work(tx: Tx) -> UUID:
        if await tx.fetch_one(sql("SELECT id FROM shop WHERE slug = {}", slug)):
            raise Conflict(["slug"])
        shop = Shop(
            id=act.viewer.shop_id,
            slug=checks.text(slug, ["slug"], most=40),
            name=checks.text(name, ["name"], most=80),
            language=language,
            created_at=act.now,
        )
        tx.add(shop)
        return shop.id

    return await transact(act, work)


async def create_agent(
    act: Act, *, email: str, name: str, password: str, role: Role = Role.AGENT, capacity: int = 3
) -> UUID:
    checks.text(password, ["password"], least=SHORTEST_PASSWORD, most=200)
    email_key = checks.text(email, ["email"], most=LONGEST_CONTACT).lower()
    normal_email(email_key, ["email"])
    password_hash = hash_password(password)

    async def work(tx: Tx) -> UUID:
        known = sql("shop_id = {} AND email_key = {}", act.viewer.shop_id, email_key)
        if await tx.load(Agent, known):
            raise Conflict(["email"])
        agent = Agent(
            id=act.new_id(),
            shop_id=act.viewer.shop_id,
            email_key=email_key,
            name=checks.text(name, ["name"], most=40),
            role=role,
            password_hash=password_hash,
            presence=Presence.OFFLINE,
            presence_at=act.now,
            capacity=checks.number(capacity, ["capacity"], least=0, most=50),
            created_at=act.now,
        )
        tx.add(agent)
        return agent.id

    return await transact(act, work)


async def set_lane(act: Act, *, buyer_id: UUID, lane: Lane) -> None:
    """How early the buyer's coming tickets count; those in line keep their place."""
    act.viewer.require(Role.ADMIN)

    async def work(tx: Tx) -> None:
        buyer = await tx.load_one(Buyer, sql("id = {} AND shop_id = {}", buyer_id, act.viewer.shop_id))
        if buyer is None:
            raise NotFound(["buyerId"])
        buyer.lane = lane

    await transact(act, work)

"""A shop with people in it, made through the domain: name only what matters."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.identity.contacts import keep_buyers, keep_contacts
from domain.identity.keys import create_api_key, create_webhook_source
from domain.identity.kinds import ContactText, Presence
from domain.identity.models import Agent, Buyer
from domain.identity.rules import BUYER_SESSION, STAFF_SESSION
from domain.identity.sessions import Grant, begin_session
from domain.identity.setup import create_shop
from domain.orders.facts import BuyerDraft, CardDraft, OrderDraft, Price, ProductDraft
from domain.orders.ingest import ingest_orders
from domain.orders.kinds import DeliveryStatus, PaymentStatus
from domain.reactions import REACTING_TYPES
from domain.shared.act import Act, ContactKind, Language, Role, Viewer
from domain.shared.clock import now_micros, uuid7
from domain.shared.crypto import Keyring
from domain.shared.sql import sql
from domain.shared.transact import Tx, transact
from domain.tickets.actions.opening import open_ticket
from domain.tickets.actions.working import set_presence
from domain.tickets.setup import create_queue, join_queues

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """Somebody signed in: the viewer for domain calls, the token for clients."""

    viewer: Viewer
    token: str

    @property
    def id(self) -> UUID:
        assert self.viewer.principal_id is not None
        return self.viewer.principal_id


@dataclass
class Scene:
    keyring: Keyring
    shop_id: UUID
    slug: str
    queue_id: UUID
    hints: Any = None
    extras: dict[str, Any] = field(default_factory=dict)

    def act(self, viewer: Viewer | Person | None = None, *, now: int | None = None) -> Act:
        """What somebody does at a moment; the machine itself when nobody is named."""
        who = viewer.viewer if isinstance(viewer, Person) else viewer or Viewer.system(self.shop_id)
        act = Act(
            viewer=who,
            keyring=self.keyring,
            language=Language.EN,
            now=now or now_micros(),
            reacting_types=REACTING_TYPES,
        )
        return replace(act, hints=self.hints) if self.hints else act

    async def buyer(self, email: str | None = None) -> Person:
        """Signed in by e-mail, as after codeVerify."""
        contact = ContactText(ContactKind.EMAIL, email or f"buyer{next(_numbers)}@example.com")

        async def work(tx: Tx) -> Grant:
            contact_id = (await keep_contacts(tx, [contact]))[contact]
            await keep_buyers(tx, {contact_id: contact}, external_keys={}, languages={})
            buyer = await tx.load_one(Buyer, sql("contact_id = {}", contact_id))
            assert buyer is not None
            return begin_session(tx, buyer, lifetime=BUYER_SESSION)

        return _person(await transact(self.act(), work))

    async def agent(
        self,
        name: str | None = None,
        *,
        role: Role = Role.AGENT,
        capacity: int = 3,
        presence: Presence = Presence.ONLINE,
        queues: list[UUID] | None = None,
    ) -> Person:
        """Signed in and on the queues (all of them by default), as after staffLogin and presenceSet."""
        number = next(_numbers)
        act = self.act()

        async def work(tx: Tx) -> Grant:
            agent = Agent(
                id=uuid7(),
                shop_id=self.shop_id,
                email_key=f"agent{number}@example.com",
                name=name or f"Agent {number}",
                role=role,
                password_hash="",
                presence=Presence.OFFLINE,
                presence_at=act.now,
                capacity=capacity,
                created_at=act.now,
            )
            tx.add(agent)
            return begin_session(tx, agent, lifetime=STAFF_SESSION)

        person = _person(await transact(act, work))
        await join_queues(act, agent_id=person.id, queue_ids=queues)
        await set_presence(self.act(person), presence=presence, capacity=capacity)
        return person

    async def queue(self, slug: str, **options: Any) -> UUID:
        return await create_queue(self.act(), slug=slug, name=slug, **options)

    async def api_key(self, *scopes: str) -> str:
        return await create_api_key(self.act(), name="test", scopes=scopes)

    async def webhook_secret(self, source: str) -> str:
        return await create_webhook_source(self.act(), source=source)

    async def order(self, **changes: Any) -> UUID:
        """One order in the shop; `changes` as for `an_order`."""
        (result,) = await ingest_orders(self.act(), source="test", drafts=[an_order(**changes)])
        assert result.order_id is not None, result
        return result.order_id

    async def ticket(self, buyer: Person, *, text: str = "The code does not work", **given: Any) -> UUID:
        return await open_ticket(self.act(buyer), text=text, **given)


def _person(grant: Grant) -> Person:
    return Person(grant.viewer, grant.token)


def an_order(*, email: str | None = "buyer@example.com", phone: str | None = None, **changes: Any) -> OrderDraft:
    number = next(_numbers)
    draft = OrderDraft(
        external_key=f"key-{number}",
        version=1,
        number=f"XK{number:012d}",
        payment_status=PaymentStatus.PAID,
        delivery_status=DeliveryStatus.DELIVERED,
        placed_at=1_780_000_000_000_000 + number * 1_000_000,
        paid_at=1_780_000_060_000_000 + number * 1_000_000,
        product=ProductDraft(external_key="steam-100", name="Steam 100", warranty_hours=72),
        quantity=1,
        total=Price(amount=Decimal("98.50"), currency="CNY"),
        buyer=BuyerDraft(email=email, phone=phone),
        cards=[CardDraft(external_key=f"card-{number}", secret=f"SECRET-{number}", batch="B-1")],
    )
    return replace(draft, **changes)


def order_input(**changes: Any) -> dict[str, Any]:
    """The same as JSON, for orderIngest and the webhook."""
    number = next(_numbers)
    order: dict[str, Any] = {
        "externalId": f"key-{number}",
        "version": 1,
        "number": f"XK{number:012d}",
        "paymentStatus": "PAID",
        "deliveryStatus": "DELIVERED",
        "placedAt": "2026-11-20T08:00:00Z",
        "paidAt": "2026-11-20T08:01:00Z",
        "product": {"externalId": "steam-100", "name": "Steam 100", "warrantyHours": 72},
        "quantity": 1,
        "total": {"amount": "98.50", "currency": "CNY"},
        "buyer": {"email": "buyer@example.com"},
        "cards": [{"externalId": f"card-{number}", "secret": f"SECRET-{number}", "batch": "B-1"}],
    }
    return order | changes


async def a_scene(keyring: Keyring, *, slug: str = "demo", hints: Any = None) -> Scene:
    shop_id = uuid7()
    act = Act(viewer=Viewer.system(shop_id), keyring=keyring)
    await create_shop(act, slug=slug, name=slug.title(), language=Language.EN)
    queue_id = await create_queue(act, slug="general", name="General", is_default=True)
    return Scene(keyring, shop_id, slug, queue_id, hints=hints)

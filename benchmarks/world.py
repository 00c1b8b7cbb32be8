"""A shop with orders, buyers, agents and tickets, made through the domain as clients would make it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from domain.identity.contacts import keep_contacts
from domain.identity.kinds import ContactText, Presence
from domain.identity.models import Agent, Buyer
from domain.identity.rules import BUYER_SESSION, STAFF_SESSION
from domain.identity.sessions import Grant, begin_session
from domain.identity.setup import create_agent, create_shop
from domain.orders.facts import BuyerDraft, CardDraft, OrderDraft, Price, ProductDraft
from domain.orders.ingest import ingest_orders
from domain.orders.kinds import DeliveryStatus, PaymentStatus
from domain.shared.act import Act, ContactKind, Language, Role, Viewer
from domain.shared.clock import MINUTE, SECOND, now_micros, uuid7
from domain.shared.crypto import Keyring
from domain.shared.sql import among, sql
from domain.shared.transact import Tx, transact
from domain.tickets.actions.ending import rate_ticket, resolve_ticket
from domain.tickets.actions.opening import open_ticket
from domain.tickets.actions.talking import add_message
from domain.tickets.actions.working import assign_ticket, set_presence
from domain.tickets.kinds import TicketCategory
from domain.tickets.setup import create_queue, join_queues

AGENTS = 8
CAPACITY = 50
AT_ONCE = 8
ORDERS_AT_ONCE = 500
STORY = ["OPENED", "ASSIGNED", "MESSAGE_ADDED", "MESSAGE_ADDED", "RESOLVED", "RATED"]
Step = Callable[[int], None]
"""Told how much more is done, for a progress bar."""


@dataclass(frozen=True, slots=True)
class Person:
    viewer: Viewer
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """An order, and who bought it."""

    number: str
    email: str
    order_id: UUID
    buyer: Person


@dataclass(slots=True, kw_only=True)
class World:
    keyring: Keyring
    shop_id: UUID
    queue_id: UUID
    agents: list[Person] = field(default_factory=list)
    purchases: list[Purchase] = field(default_factory=list)
    tickets: dict[UUID, Purchase] = field(default_factory=dict)

    def act(self, person: Person | None = None) -> Act:
        """Nothing reacts to what is filled in, so that no jobs are left for the server that is measured."""
        viewer = person.viewer if person else Viewer.system(self.shop_id)
        return Act(viewer=viewer, keyring=self.keyring, language=Language.EN)


async def new_world(keyring: Keyring) -> World:
    shop_id = uuid7()
    act = Act(viewer=Viewer.system(shop_id), keyring=keyring, language=Language.EN)
    await create_shop(act, slug="bench", name="Bench", language=Language.EN)
    queue_id = await create_queue(act, slug="general", name="General", is_default=True)
    world = World(keyring=keyring, shop_id=shop_id, queue_id=queue_id)
    world.agents = [await _agent(world, number) for number in range(AGENTS)]
    return world


async def _agent(world: World, number: int) -> Person:
    agent_id = await create_agent(
        world.act(),
        email=f"agent{number}@example.com",
        name=f"Agent {number}",
        password="not used here",
        role=Role.SUPERVISOR,
        capacity=CAPACITY,
    )
    await join_queues(world.act(), agent_id=agent_id)

    async def work(tx: Tx) -> Grant:
        agent = await tx.load_one(Agent, sql("id = {}", agent_id))
        assert agent is not None
        return begin_session(tx, agent, lifetime=STAFF_SESSION)

    person = _person(await transact(world.act(), work))
    await set_presence(world.act(person), presence=Presence.ONLINE, capacity=CAPACITY)
    return person


async def add_purchases(world: World, count: int, step: Step) -> None:
    """Each order has a buyer of its own, signed in."""
    begin = now_micros() - count * MINUTE
    for first in range(0, count, ORDERS_AT_ONCE):
        numbers = range(first, min(first + ORDERS_AT_ONCE, count))
        drafts = [_draft(number, begin + number * MINUTE) for number in numbers]
        results = await ingest_orders(world.act(), source="bench", drafts=drafts)
        buyers = await _signed_in(world, [_email(number) for number in numbers])
        for draft, result, buyer in zip(drafts, results, buyers, strict=True):
            assert result.order_id is not None, result.error
            assert draft.buyer.email is not None
            world.purchases.append(
                Purchase(number=draft.number, email=draft.buyer.email, order_id=result.order_id, buyer=buyer)
            )
        step(len(numbers))


def _email(number: int) -> str:
    return f"buyer{number}@example.com"


def _draft(number: int, placed_at: int) -> OrderDraft:
    return OrderDraft(
        external_key=f"key-{number}",
        version=1,
        number=f"XK{number:012d}",
        payment_serial=f"PAY{number:012d}",
        payment_method="alipay",
        payment_status=PaymentStatus.PAID,
        delivery_status=DeliveryStatus.DELIVERED,
        placed_at=placed_at,
        paid_at=placed_at + 30 * SECOND,
        product=ProductDraft(external_key=f"card-{number % 20}", name=f"Card {number % 20}", warranty_hours=72),
        quantity=1,
        total=Price(amount=Decimal("98.50"), currency="CNY"),
        buyer=BuyerDraft(email=_email(number)),
        cards=[CardDraft(external_key=f"card-{number}", secret=f"SECRET-{number}", batch="B-1")],
    )


async def _signed_in(world: World, emails: Sequence[str]) -> list[Person]:
    contacts = [ContactText(ContactKind.EMAIL, email) for email in emails]

    async def work(tx: Tx) -> list[Grant]:
        ids = await keep_contacts(tx, contacts)
        rows = await tx.load(Buyer, sql("contact_id {}", among(ids.values())))
        buyers = {buyer.contact_id: buyer for buyer in rows}
        return [begin_session(tx, buyers[ids[c]], lifetime=BUYER_SESSION) for c in contacts]

    return [_person(grant) for grant in await transact(world.act(), work)]


def _person(grant: Grant) -> Person:
    return Person(grant.viewer, grant.token)


async def add_waiting_tickets(world: World, count: int, step: Step) -> None:
    """One for each of the first `count` orders; all of them stand in line."""

    async def add(number: int) -> None:
        await _open(world, world.purchases[number])
        step(1)

    await _several_at_once(add, range(count))


async def add_told_tickets(world: World, count: int, step: Step) -> None:
    """Tickets whose whole story has been told, in six events each."""

    async def add(number: int) -> None:
        purchase, agent = world.purchases[number], world.agents[number % AGENTS]
        ticket_id = await _open(world, purchase)
        await assign_ticket(world.act(agent), ticket_id=ticket_id)
        await add_message(world.act(agent), ticket_id=ticket_id, text="Which message does it show?")
        await add_message(world.act(purchase.buyer), ticket_id=ticket_id, text="That it was used before.")
        await resolve_ticket(world.act(agent), ticket_id=ticket_id, text="You have a new code.")
        await rate_ticket(world.act(purchase.buyer), ticket_id=ticket_id, score=5)
        step(1)

    await _several_at_once(add, range(count))


async def _open(world: World, purchase: Purchase) -> UUID:
    ticket_id = await open_ticket(
        world.act(purchase.buyer),
        text="The code does not work.",
        order_id=purchase.order_id,
        category=TicketCategory.INVALID_CARD,
    )
    world.tickets[ticket_id] = purchase
    return ticket_id


async def _several_at_once(work: Callable[[int], Awaitable[None]], numbers: Sequence[int]) -> None:
    waiting = iter(numbers)

    async def take() -> None:
        for number in waiting:
            await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(take())

from __future__ import annotations

import itertools
from uuid import UUID

import pytest

from domain.identity.queries import agents_by_id, buyers_by_id
from domain.identity.setup import create_shop
from domain.orders.queries import orders_by_id
from domain.shared.act import ContactKind, Role, Viewer
from domain.shared.clock import uuid7
from domain.shared.errors import DomainError, ErrorCode
from domain.shared.sql import EVERYTHING, fetch, select
from domain.shared.transact import Tx, transact
from domain.tickets.actions import ending, talking, working
from domain.tickets.kinds import TicketCategory
from domain.tickets.models import Ticket
from domain.tickets.queries import may_see, messages_by_id, ticket_by_id, tickets_by_id
from tests.builders.scene import Person, Scene

SCOPES = ("tickets:read", "orders:read", "orders:write")


def every_viewer(shops: list[UUID], contacts: list[UUID]) -> list[Viewer]:
    """Each role in each shop, with each contact as each kind, and with each set of scopes."""
    people = [
        Viewer(role=role, shop_id=shop, principal_id=uuid7())
        for role, shop in itertools.product((Role.GUEST, Role.AGENT, Role.SUPERVISOR, Role.ADMIN), shops)
    ]
    buyers = [
        Viewer(role=Role.BUYER, shop_id=shop, principal_id=uuid7(), contact_id=contact, contact_kind=kind)
        for shop, contact, kind in itertools.product(shops, [*contacts, None], [*ContactKind, None])
    ]
    sets = itertools.chain.from_iterable(itertools.combinations(SCOPES, size) for size in range(len(SCOPES) + 1))
    programs = [
        Viewer(role=Role.INTEGRATOR, shop_id=shop, principal_id=uuid7(), scopes=frozenset(scopes))
        for scopes, shop in itertools.product(list(sets), shops)
    ]
    return [*people, *buyers, *programs, *(Viewer.system(shop) for shop in shops)]


async def test_what_is_pushed_to_a_viewer_is_exactly_what_a_query_would_show(scene: Scene) -> None:
    shops, contacts = [scene.shop_id, uuid7()], [uuid7(), uuid7()]
    made = [
        Ticket(
            id=uuid7(), shop_id=shop, number=f"T-{number}", category=TicketCategory.OTHER, language="EN",
            queue_id=scene.queue_id, email_id=email, phone_id=phone, entered_at=0, rank_at=0, opened_at=0, updated_at=0,
        )
        for number, (shop, email, phone) in enumerate(itertools.product(shops, [*contacts, None], [*contacts, None]))
    ]  # fmt: skip

    async def work(tx: Tx) -> None:
        tx.add(*made)

    await transact(scene.act(), work)
    rows = await fetch(select(Ticket, EVERYTHING))
    ids = [row["id"] for row in rows]
    seen = 0
    for viewer in every_viewer(shops, contacts):
        shown = set(await tickets_by_id(viewer, ids))
        assert shown == {row["id"] for row in rows if may_see(viewer, row)}, viewer
        seen += bool(shown)
        if viewer.role is Role.GUEST or (viewer.is_buyer and viewer.contact_id is None):
            assert not shown
        if viewer.is_buyer:
            assert all(row["shop_id"] == viewer.shop_id for row in rows if row["id"] in shown)
    assert seen > 20


@pytest.fixture
async def ticket(scene: Scene) -> UUID:
    """Of li@example.com, about an order with a phone as well."""
    await scene.order(email="li@example.com", phone="13800138000", number="XK11112222")
    return await scene.ticket(await scene.buyer("li@example.com"), order_number="XK11112222")


async def strangers(scene: Scene) -> list[Viewer]:
    other = await create_shop(scene.act(Viewer.system(uuid7())), slug="other", name="Other")
    there = Scene(scene.keyring, other, "other", scene.queue_id)
    return [
        (await scene.buyer("wang@example.com")).viewer,
        (await there.agent(role=Role.ADMIN, queues=[])).viewer,
        (await there.buyer("li@example.com")).viewer,
    ]


async def test_for_strangers_a_ticket_and_its_order_do_not_exist(scene: Scene, ticket: UUID) -> None:
    (row,) = await fetch(select(Ticket, EVERYTHING))
    agent = await scene.agent()
    note = await talking.add_message(scene.act(agent), ticket_id=ticket, text="psst", is_internal=True)
    hello = await talking.add_message(scene.act(agent), ticket_id=ticket, text="hello")
    for viewer in await strangers(scene):
        assert await ticket_by_id(viewer, ticket) is None
        assert await messages_by_id(viewer, [note, hello]) == {}
        assert await orders_by_id(viewer, [row["order_id"]]) == {}
        assert await buyers_by_id(viewer, [row["buyer_id"]]) == {}
    owner = (await scene.buyer("li@example.com")).viewer
    assert set(await messages_by_id(owner, [note, hello])) == {hello}
    assert set(await messages_by_id(agent.viewer, [note, hello])) == {note, hello}


async def test_what_strangers_try_on_a_ticket_is_not_found_and_changes_nothing(scene: Scene, ticket: UUID) -> None:
    before = await fetch(select(Ticket, EVERYTHING))
    for viewer in await strangers(scene):
        act = scene.act(viewer)
        deeds = [talking.add_message(act, ticket_id=ticket, text="hi"), ending.reopen_ticket(act, ticket_id=ticket)]
        if viewer.is_buyer:
            deeds.append(ending.rate_ticket(act, ticket_id=ticket, score=1))
        else:
            deeds += [
                ending.resolve_ticket(act, ticket_id=ticket, text="x"),
                working.assign_ticket(act, ticket_id=ticket),
                working.transfer_ticket(act, ticket_id=ticket, queue_id=scene.queue_id),
            ]
        for deed in deeds:
            with pytest.raises(DomainError) as refused:
                await deed
            assert refused.value.code is ErrorCode.NOT_FOUND
    assert await fetch(select(Ticket, EVERYTHING)) == before


async def test_a_ticket_cannot_be_given_to_another_shops_agent_or_queue(scene: Scene, ticket: UUID) -> None:
    lead = await scene.agent(role=Role.SUPERVISOR)
    other = await create_shop(scene.act(Viewer.system(uuid7())), slug="other", name="Other")
    there = Scene(scene.keyring, other, "other", scene.queue_id)
    foreign_agent, foreign_queue = await there.agent(queues=[]), await there.queue("theirs")
    before = await fetch(select(Ticket, EVERYTHING))
    act = scene.act(lead)
    for deed in (
        working.assign_ticket(act, ticket_id=ticket, agent_id=foreign_agent.id),
        working.transfer_ticket(act, ticket_id=ticket, agent_id=foreign_agent.id),
        working.transfer_ticket(act, ticket_id=ticket, queue_id=foreign_queue),
        working.claim_next(act, queue_id=foreign_queue),
    ):
        with pytest.raises(DomainError) as refused:
            await deed
        assert refused.value.code is ErrorCode.NOT_FOUND
    assert await fetch(select(Ticket, EVERYTHING)) == before
    assert await agents_by_id(lead.viewer, [foreign_agent.id]) == {}


async def test_a_buyer_by_phone_sees_the_ticket_that_was_opened_by_mail_on_the_shared_order(
    scene: Scene, ticket: UUID
) -> None:
    (row,) = await fetch(select(Ticket, EVERYTHING))

    def buyer(kind: ContactKind, contact_id: UUID) -> Viewer:
        return Viewer(
            role=Role.BUYER, shop_id=scene.shop_id, principal_id=uuid7(), contact_id=contact_id, contact_kind=kind
        )

    assert await ticket_by_id(buyer(ContactKind.PHONE, row["phone_id"]), ticket)
    assert await ticket_by_id(buyer(ContactKind.EMAIL, row["phone_id"]), ticket) is None
    assert await ticket_by_id(buyer(ContactKind.PHONE, row["email_id"]), ticket) is None


async def test_the_same_address_is_somebody_else_in_another_shop(scene: Scene) -> None:
    other = await create_shop(scene.act(Viewer.system(uuid7())), slug="other", name="Other")
    here: Person = await scene.buyer("li@example.com")
    there = await Scene(scene.keyring, other, "other", scene.queue_id).buyer("li@example.com")
    assert here.viewer.contact_id != there.viewer.contact_id
    assert here.id != there.id

from __future__ import annotations

import pytest

from domain.messaging.kinds import Channel
from domain.shared.act import Role
from domain.shared.errors import DomainError, ErrorCode
from domain.shared.sql import fetch_one, sql
from domain.tickets.actions.working import raise_priority
from domain.tickets.kinds import Priority, TicketCategory
from tests.builders.scene import Scene


async def test_a_ticket_opens_beside_one_that_an_earlier_contact_of_the_order_opened(scene: Scene) -> None:
    given = {"external_key": "moved", "number": "XK600000001"}
    await scene.order(**given, email="old@example.com")
    first = await scene.ticket(await scene.buyer("old@example.com"), order_number="XK600000001")
    await scene.order(**given, email="new@example.com", version=2)
    second = await scene.ticket(await scene.buyer("new@example.com"), order_number="XK600000001")
    row = await fetch_one(sql("SELECT duplicate_of_id, category FROM ticket WHERE id = {}", second))
    assert row == {"duplicate_of_id": first, "category": TicketCategory.OTHER}


async def test_the_same_key_with_another_way_of_notice_is_another_input(scene: Scene) -> None:
    buyer = await scene.buyer()
    await scene.ticket(buyer, idempotency_key="one", notice_channel=Channel.INBOX)
    with pytest.raises(DomainError) as refused:
        await scene.ticket(buyer, idempotency_key="one", notice_channel=Channel.EMAIL)
    assert refused.value.code is ErrorCode.IDEMPOTENCY_KEY_REUSED
    assert await fetch_one(sql("SELECT count(*) AS tickets FROM ticket")) == {"tickets": 1}


async def test_a_priority_never_falls_even_where_the_rank_stays(scene: Scene) -> None:
    ticket_id = await scene.ticket(await scene.buyer())
    lead = await scene.agent(role=Role.SUPERVISOR)
    with pytest.raises(DomainError) as refused:
        await raise_priority(scene.act(lead), ticket_id=ticket_id, priority=Priority.LOW)
    assert refused.value.message_key == "ONLY_FORWARD"
    assert await fetch_one(sql("SELECT priority, version FROM ticket WHERE id = {}", ticket_id)) == {
        "priority": Priority.NORMAL,
        "version": 1,
    }

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.shared.errors import DomainError, ErrorCode, IdempotencyKeyReused
from domain.shared.idempotency import fingerprint
from domain.shared.models import EventRecord, IdempotencyRecord
from domain.shared.sql import EVERYTHING, Row, fetch, select
from domain.tickets.actions import ending
from domain.tickets.actions.opening import open_ticket
from domain.tickets.actions.talking import add_message
from domain.tickets.kinds import TicketCategory
from domain.tickets.models import Message, Ticket
from tests.builders.scene import Scene

TABLES = (Ticket, Message, EventRecord, IdempotencyRecord)


async def everything() -> list[list[Row]]:
    return [sorted(await fetch(select(model, EVERYTHING)), key=lambda row: row["id"]) for model in TABLES]


async def counts() -> list[int]:
    return [len(rows) for rows in await everything()]


async def test_the_same_key_and_input_open_one_ticket(scene: Scene) -> None:
    act = scene.act(await scene.buyer())
    first = await open_ticket(act, text="broken", idempotency_key="k")
    before = await everything()
    assert await open_ticket(act, text=" broken ", idempotency_key="k") == first
    assert await everything() == before


async def test_the_same_key_and_input_at_once_open_one_ticket(scene: Scene) -> None:
    act = scene.act(await scene.buyer())
    opened = await asyncio.gather(*(open_ticket(act, text="broken", idempotency_key="k") for _ in range(12)))
    assert len(set(opened)) == 1
    assert await counts() == [1, 1, 1, 1]


async def test_messages_sent_again_are_written_once(scene: Scene) -> None:
    buyer = await scene.buyer()
    ticket_id = await scene.ticket(buyer)
    sent = await asyncio.gather(
        *(add_message(scene.act(buyer), ticket_id=ticket_id, text="?", idempotency_key="m") for _ in range(8))
    )
    assert len(set(sent)) == 1
    assert await counts() == [1, 2, 2, 1]


@pytest.mark.parametrize(
    "changes", [{"text": "other"}, {"category": TicketCategory.COMPLAINT}, {"language": "ZH"}], ids=str
)
async def test_the_same_key_with_another_input_is_refused_and_does_nothing(
    scene: Scene, changes: dict[str, Any]
) -> None:
    act = scene.act(await scene.buyer())
    await open_ticket(act, text="broken", idempotency_key="k")
    before = await everything()
    with pytest.raises(IdempotencyKeyReused) as refused:
        await open_ticket(act, **{"text": "broken", "idempotency_key": "k", **changes})
    assert refused.value.path == ["idempotencyKey"]
    assert await everything() == before


async def test_of_two_inputs_with_one_key_at_once_one_is_refused(scene: Scene) -> None:
    act = scene.act(await scene.buyer())
    answers = await asyncio.gather(
        *(open_ticket(act, text=text, idempotency_key="k") for text in ("one", "two")), return_exceptions=True
    )
    assert sum(isinstance(answer, IdempotencyKeyReused) for answer in answers) == 1
    assert await counts() == [1, 1, 1, 1]


async def test_a_refusal_is_not_kept(scene: Scene) -> None:
    buyer = await scene.buyer("li@example.com")
    asked = {"text": "broken", "order_number": "XK12121212", "idempotency_key": "k"}
    with pytest.raises(DomainError) as refused:
        await open_ticket(scene.act(buyer), **asked)  # type: ignore[arg-type]
    assert refused.value.code is ErrorCode.NOT_FOUND
    assert await counts() == [0, 0, 0, 0]
    await scene.order(email="li@example.com", number="XK12121212")
    await open_ticket(scene.act(buyer), **asked)  # type: ignore[arg-type]
    assert await counts() == [1, 1, 1, 1]


async def test_the_key_of_another_person_or_of_another_operation_is_another_key(scene: Scene) -> None:
    one, other = await scene.buyer(), await scene.buyer()
    first = await open_ticket(scene.act(one), text="broken", idempotency_key="k")
    second = await open_ticket(scene.act(other), text="something else", idempotency_key="k")
    assert first != second
    await add_message(scene.act(one), ticket_id=first, text="broken", idempotency_key="k")
    assert await counts() == [2, 3, 3, 3]


async def test_without_a_key_everything_is_done_each_time(scene: Scene) -> None:
    act = scene.act(await scene.buyer())
    assert await open_ticket(act, text="broken") != await open_ticket(act, text="broken")


async def test_a_key_is_kept_apart_from_what_happens_to_its_subject(scene: Scene) -> None:
    buyer, agent = await scene.buyer(), await scene.agent()
    ticket_id = await open_ticket(scene.act(buyer), text="broken", idempotency_key="k")
    await ending.resolve_ticket(scene.act(agent), ticket_id=ticket_id, text="done")
    assert await open_ticket(scene.act(buyer), text="broken", idempotency_key="k") == ticket_id


@pytest.mark.parametrize(
    ("key", "code"), [("", ErrorCode.REQUIRED), (" ", ErrorCode.REQUIRED), ("k" * 101, ErrorCode.TOO_LONG)]
)
async def test_a_key_has_limits(scene: Scene, key: str, code: ErrorCode) -> None:
    with pytest.raises(DomainError) as refused:
        await open_ticket(scene.act(await scene.buyer()), text="broken", idempotency_key=key)
    assert (refused.value.code, refused.value.path) == (code, ["idempotencyKey"])
    assert await counts() == [0, 0, 0, 0]


values = st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5))


@given(one=values, other=values)
def test_fingerprints_are_equal_for_equal_inputs_only(one: dict[str, Any], other: dict[str, Any]) -> None:
    shuffled = dict(reversed(one.items()))
    assert fingerprint(one) == fingerprint(shuffled)
    is_same = {key: (type(v), v) for key, v in one.items()} == {key: (type(v), v) for key, v in other.items()}
    assert (fingerprint(one) == fingerprint(other)) == is_same

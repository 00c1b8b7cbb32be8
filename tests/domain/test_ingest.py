from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders.facts import CardDraft, DeliveryDraft, OrderDraft, Price
from domain.orders.ingest import IngestOutcome, IngestResult, ingest_orders
from domain.orders.ingest_rows import card_place
from domain.orders.kinds import DeliveryStatus, PaymentStatus
from domain.orders.models import Card, Delivery, Order, OrderState
from domain.orders.rules import MOST_CARDS, MOST_ORDERS
from domain.shared.errors import DomainError, ErrorCode, Invalid, Required, TooLong
from domain.shared.sql import EVERYTHING, Row, among, fetch, select, sql
from tests.builders.scene import Scene, an_order
from tests.domain.examples import examples

CREATED, UPDATED, UNCHANGED, STALE, REJECTED = IngestOutcome
LANDED = {CREATED, UPDATED}
_names = itertools.count(1)

# Which order, and which of its versions; the same one may be sent again.
sendings = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=14)
cuts = st.lists(st.booleans(), min_size=14, max_size=14)


def version_of(name: str, version: int) -> OrderDraft:
    """What the shop tells of one order in one version; each version can be told from the others."""
    return an_order(
        external_key=name,
        number=f"N-{name}",
        version=version,
        email=f"{name}@example.com",
        payment_status=list(PaymentStatus)[version],
        quantity=version + 1,
        total=Price(amount=Decimal(version), currency="CNY"),
        cards=[CardDraft(external_key=f"{name}-{i}", secret=f"v{version}-{i}", batch=f"B{version}") for i in range(2)],
        deliveries=[DeliveryDraft(at=1_780_000_000_000_000, channel="email", status="sent")],
    )


def in_calls(drafts: Sequence[OrderDraft], cut_after: Sequence[bool]) -> list[list[OrderDraft]]:
    calls: list[list[OrderDraft]] = [[]]
    for draft, is_cut in zip(drafts, cut_after, strict=False):
        calls[-1].append(draft)
        if is_cut:
            calls.append([])
    return [call for call in calls if call]


async def ingest(scene: Scene, drafts: Sequence[OrderDraft | DomainError]) -> list[IngestResult]:
    return await ingest_orders(scene.act(), source="test", drafts=drafts)


async def rows_of(model: Any, order_ids: Sequence[UUID]) -> list[Row]:
    return await fetch(select(model, sql("order_id {}", among(order_ids))))


async def everything() -> list[list[Row]]:
    return [
        sorted(await fetch(select(model, EVERYTHING)), key=lambda row: row["id"])
        for model in (Order, OrderState, Card, Delivery)
    ]


async def assert_newest_stand(scene: Scene, calls: list[list[OrderDraft]], results: list[list[IngestResult]]) -> None:
    """What has to hold whatever the order of the calls was."""
    told: dict[str, Counter[int]] = {}
    landed: dict[str, list[tuple[int, IngestOutcome]]] = {}
    ids: dict[str, UUID] = {}
    for call, call_results in zip(calls, results, strict=True):
        assert [result.index for result in call_results] == list(range(len(call)))
        for draft, result in zip(call, call_results, strict=True):
            assert result.error is None
            assert result.order_id is not None
            assert ids.setdefault(draft.external_key, result.order_id) == result.order_id
            told.setdefault(draft.external_key, Counter())[draft.version] += 1
            if result.outcome in LANDED:
                landed.setdefault(draft.external_key, []).append((draft.version, result.outcome))
    for name, versions in told.items():
        newest = max(versions)
        (row,) = await fetch(select(Order, sql("external_key = {}", name)))
        assert row["id"] == ids[name]
        assert (row["version"], row["quantity"], row["total_minor"]) == (newest, newest + 1, newest * 100)
        assert row["payment_status"] == list(PaymentStatus)[newest]
        said = landed[name]
        assert [outcome for _, outcome in said].count(CREATED) == 1
        assert newest in dict(said)
        assert len(said) == len(dict(said)), "one version landed twice"
        history = await rows_of(OrderState, [ids[name]])
        assert sorted(state["version"] for state in history) == sorted(dict(said))
        cards = await rows_of(Card, [ids[name]])
        secrets = {scene.keyring.unseal(c["sealed_secret"], card_place(scene.shop_id, c["id"])) for c in cards}
        assert len(cards) == 2
        assert secrets == {f"v{newest}-0", f"v{newest}-1"}
        assert len(await rows_of(Delivery, [ids[name]])) == 1


@examples(30)
@given(sent=sendings, cut_after=cuts)
async def test_the_newest_version_stands_however_the_versions_come(
    scene: Scene, sent: list[tuple[int, int]], cut_after: list[bool]
) -> None:
    run = next(_names)
    calls = in_calls([version_of(f"k{run}-{order}", version) for order, version in sent], cut_after)
    results = [await ingest(scene, call) for call in calls]
    await assert_newest_stand(scene, calls, results)
    seen: dict[str, int] = {}
    for call, call_results in zip(calls, results, strict=True):
        best = {d.external_key: max(o.version for o in call if o.external_key == d.external_key) for d in call}
        first_best: set[str] = set()
        for draft, result in zip(call, call_results, strict=True):
            name, before = draft.external_key, seen.get(draft.external_key)
            newest = max(best[name], -1 if before is None else before)
            if draft.version < newest:
                expected = STALE
            elif before == draft.version or name in first_best:
                expected = UNCHANGED
            else:
                expected = CREATED if before is None else UPDATED
                first_best.add(name)
            assert result.outcome is expected
        for name, version in best.items():
            seen[name] = max(version, seen.get(name, -1))


@examples(25)
@given(sent=sendings, cut_after=cuts)
async def test_the_newest_version_stands_when_all_calls_come_at_once(
    scene: Scene, sent: list[tuple[int, int]], cut_after: list[bool]
) -> None:
    run = next(_names)
    calls = in_calls([version_of(f"k{run}-{order}", version) for order, version in sent], cut_after)
    results = list(await asyncio.gather(*(ingest(scene, call) for call in calls)))
    await assert_newest_stand(scene, calls, results)


async def test_calls_with_the_same_orders_the_other_way_round_do_not_lock_each_other_out(scene: Scene) -> None:
    names = [f"opposite-{i}" for i in range(40)]
    calls = []
    for version in range(5):
        drafts = [version_of(name, version) for name in names]
        calls += [drafts, drafts[::-1]]
    results = list(await asyncio.wait_for(asyncio.gather(*(ingest(scene, call) for call in calls)), 60))
    await assert_newest_stand(scene, calls, results)


async def test_what_is_sent_again_changes_no_row(scene: Scene) -> None:
    drafts = [version_of(f"again-{i}", 2) for i in range(3)]
    await ingest(scene, drafts)
    before = await everything()
    assert [result.outcome for result in await ingest(scene, drafts)] == [UNCHANGED] * 3
    older = [replace(draft, version=1, quantity=77) for draft in drafts]
    assert [result.outcome for result in await ingest(scene, older)] == [STALE] * 3
    assert await everything() == before


async def test_a_card_keeps_its_secret_when_a_later_version_leaves_it_out(scene: Scene) -> None:
    order_id = await scene.order(external_key="kept", version=1, cards=[CardDraft(external_key="c", secret="S")])
    later = an_order(external_key="kept", version=2, cards=[CardDraft(external_key="c", batch="B-9")])
    assert [result.outcome for result in await ingest(scene, [later])] == [UPDATED]
    (card,) = await rows_of(Card, [order_id])
    assert card["batch"] == "B-9"
    assert scene.keyring.unseal(card["sealed_secret"], card_place(scene.shop_id, card["id"])) == "S"


BAD: list[tuple[dict[str, Any], type[DomainError], list[str]]] = [
    ({"external_key": " "}, Required, ["externalId"]),
    ({"external_key": "x" * 101}, TooLong, ["externalId"]),
    ({"version": -1}, Invalid, ["version"]),
    ({"version": 2**31}, Invalid, ["version"]),
    ({"number": "9" * 65}, TooLong, ["number"]),
    ({"quantity": 0}, Invalid, ["quantity"]),
    ({"total": Price(amount=Decimal("1.001"), currency="CNY")}, Invalid, ["total", "amount"]),
    ({"total": Price(amount=Decimal(-1), currency="CNY")}, Invalid, ["total", "amount"]),
    ({"total": Price(amount=Decimal("NaN"), currency="CNY")}, Invalid, ["total", "amount"]),
    ({"total": Price(amount=Decimal(1), currency="XXX")}, Invalid, ["total", "currency"]),
    ({"email": "not an address"}, Invalid, ["buyer", "email"]),
    ({"phone": "12"}, Invalid, ["buyer", "phone"]),
    ({"paid_at": 1}, Invalid, ["paidAt"]),
    ({"cards": [CardDraft(external_key="a"), CardDraft(external_key="")]}, Required, ["cards", "1", "externalId"]),
    ({"cards": [CardDraft(external_key=str(i)) for i in range(MOST_CARDS + 1)]}, TooLong, ["cards"]),
    (
        {"deliveries": [DeliveryDraft(at=1, channel="c" * 21, status="sent")]},
        TooLong,
        ["deliveries", "0", "channel"],
    ),
]


@pytest.mark.parametrize(("changes", "kind", "path"), BAD, ids=lambda part: str(part)[:40])
async def test_a_bad_order_is_named_by_its_place_and_the_others_land(
    scene: Scene, changes: dict[str, Any], kind: type[DomainError], path: list[str]
) -> None:
    results = await ingest(scene, [an_order(), an_order(**changes), an_order()])
    assert [result.outcome for result in results] == [CREATED, REJECTED, CREATED]
    bad = results[1]
    assert isinstance(bad.error, kind)
    assert bad.error.path == ["orders", "1", *path]
    assert bad.order_id is None
    assert len(await fetch(select(Order, EVERYTHING))) == 2


async def test_an_order_that_could_not_even_be_read_keeps_its_place_among_the_results(scene: Scene) -> None:
    unreadable = Invalid(["orders", 0, "placedAt"])
    results = await ingest(scene, [unreadable, an_order()])
    assert [(result.index, result.outcome) for result in results] == [(0, REJECTED), (1, CREATED)]
    assert results[0].error is unreadable


@pytest.mark.parametrize(("count", "code"), [(0, ErrorCode.REQUIRED), (MOST_ORDERS + 1, ErrorCode.TOO_LONG)])
async def test_a_call_of_no_orders_or_too_many_is_refused_whole(scene: Scene, count: int, code: ErrorCode) -> None:
    with pytest.raises(DomainError) as refused:
        await ingest(scene, [an_order() for _ in range(count)])
    assert (refused.value.code, refused.value.path) == (code, ["orders"])
    assert await fetch(select(Order, EVERYTHING)) == []


async def test_five_hundred_orders_with_cards_and_deliveries_land_in_one_call(scene: Scene) -> None:
    drafts = [
        an_order(
            email=f"b{i}@example.com",
            cards=[CardDraft(external_key=f"c{n}", secret="s") for n in range(8)],
            deliveries=[DeliveryDraft(at=n + 1, channel="email", status="sent") for n in range(2)],
        )
        for i in range(MOST_ORDERS)
    ]
    results = await ingest(scene, drafts)
    assert {result.outcome for result in results} == {CREATED}
    assert len({result.order_id for result in results}) == MOST_ORDERS
    counts = [len(await fetch(select(model, EVERYTHING))) for model in (Order, OrderState, Card, Delivery)]
    assert counts == [500, 500, 4000, 1000]


async def test_the_same_external_id_of_another_source_or_shop_is_another_order(
    scene: Scene,
) -> None:
    one = await ingest_orders(scene.act(), source="a", drafts=[an_order(external_key="same")])
    two = await ingest_orders(scene.act(), source="b", drafts=[an_order(external_key="same")])
    assert [result.outcome for result in one + two] == [CREATED, CREATED]
    assert one[0].order_id != two[0].order_id


async def test_a_newer_version_says_how_payment_and_delivery_stand_now(scene: Scene) -> None:
    order_id = await scene.order(external_key="paid", version=1, delivery_status=DeliveryStatus.QUEUED)
    newer = an_order(external_key="paid", version=5, payment_status=PaymentStatus.REFUNDED)
    assert [result.outcome for result in await ingest(scene, [newer])] == [UPDATED]
    history = sorted(await rows_of(OrderState, [order_id]), key=lambda row: row["version"])
    assert [(s["version"], s["payment_status"], s["delivery_status"]) for s in history] == [
        (1, "PAID", "QUEUED"),
        (5, "REFUNDED", "DELIVERED"),
    ]

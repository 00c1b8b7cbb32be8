from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity.kinds import Lane
from domain.orders import queries as orders
from domain.orders.models import Order as OrderRow
from domain.shared.act import ContactKind, Language, Role, Viewer
from domain.shared.clock import uuid7
from domain.shared.crypto import Keyring
from domain.shared.errors import BadInput
from domain.shared.paging import MAX_PAGE, Key, Order, Page, Slice, encode_cursor, read_page, sliced
from domain.shared.transact import Tx, transact
from domain.tickets import queries as tickets
from domain.tickets.kinds import Priority, TicketCategory
from domain.tickets.models import Ticket
from tests.builders.scene import Scene
from tests.domain.examples import examples

MINE, OTHER = uuid7(), uuid7()
# Few moments for many rows, so that most sort keys are equal; and whose each row is.
rows = st.lists(st.tuples(st.integers(1, 4), st.sampled_from([MINE, OTHER])), max_size=16)
sizes = st.lists(st.integers(1, 6), min_size=1, max_size=4)


@dataclass(frozen=True)
class Listed:
    """One list of the service: how a row gets into it, and how a page of it is read."""

    name: str
    order: Order
    add: Callable[[Scene, UUID, Sequence[tuple[int, UUID]]], Awaitable[list[UUID]]]
    page: Callable[[Viewer, UUID, Page], Awaitable[Slice]]

    def __str__(self) -> str:
        return self.name


async def add_tickets(scene: Scene, group: UUID, given: Sequence[tuple[int, UUID]]) -> list[UUID]:
    made = [
        Ticket(
            id=uuid7(),
            shop_id=scene.shop_id,
            number=uuid7().hex[-20:],
            category=TicketCategory.OTHER,
            language=Language.EN,
            queue_id=group,
            lane=Lane.STANDARD,
            priority=Priority.NORMAL,
            email_id=owner,
            entered_at=moment,
            rank_at=moment,
            opened_at=moment,
            updated_at=moment,
        )
        for moment, owner in given
    ]
    await _write(scene, made)
    return [row.id for row in made]


async def add_orders(scene: Scene, group: UUID, given: Sequence[tuple[int, UUID]]) -> list[UUID]:
    made = [
        OrderRow(
            id=uuid7(),
            shop_id=scene.shop_id,
            source="test",
            external_key=uuid7().hex,
            version=1,
            number="N",
            payment_status="PAID",
            delivery_status="NONE",
            placed_at=moment,
            product_id=group,
            product_name="P",
            quantity=1,
            total_minor=1,
            currency="CNY",
            email_id=owner,
            updated_at=moment,
        )
        for moment, owner in given
    ]
    await _write(scene, made)
    return [row.id for row in made]


async def _write(scene: Scene, made: Sequence[Any]) -> None:
    async def work(tx: Tx) -> None:
        tx.add(*made)

    await transact(scene.act(), work)


async def ticket_page(viewer: Viewer, group: UUID, page: Page) -> Slice:
    return await tickets.ticket_page(viewer, tickets.TicketFilter(queue_id=group), page)


async def order_page(viewer: Viewer, group: UUID, page: Page) -> Slice:
    return await orders.order_page(viewer, orders.OrderFilter(product_id=group), page)


LISTS = [
    Listed("tickets, newest", tickets.NEWEST, add_tickets, ticket_page),
    Listed("tickets, oldest", tickets.OLDEST, add_tickets, ticket_page),
    Listed("tickets, updated", tickets.UPDATED, add_tickets, ticket_page),
    Listed("orders, newest", orders.NEWEST, add_orders, order_page),
    Listed("orders, oldest", orders.OLDEST, add_orders, order_page),
]
each_list = pytest.mark.parametrize("listed", LISTS, ids=str)


def viewers(scene: Scene) -> list[Viewer]:
    mine = {"contact_id": MINE, "contact_kind": ContactKind.EMAIL}
    return [
        Viewer(role=Role.AGENT, shop_id=scene.shop_id, principal_id=uuid7()),
        Viewer(role=Role.BUYER, shop_id=scene.shop_id, principal_id=uuid7(), **mine),  # type: ignore[arg-type]
    ]


def in_order(order: Order, moments: dict[UUID, int]) -> list[UUID]:
    return sorted(moments, key=lambda key: (moments[key], key), reverse=order.descending)


async def walk(
    scene: Scene,
    listed: Listed,
    viewer: Viewer,
    group: UUID,
    page_sizes: Sequence[int],
    *,
    is_backwards: bool,
    between: Callable[[], Awaitable[object]] | None = None,
) -> list[list[UUID]]:
    """The ids of each page, from one end of the list to the other."""
    pages: list[list[UUID]] = []
    edge: str | None = None
    while True:
        size = page_sizes[len(pages) % len(page_sizes)]
        asked: dict[str, Any] = {"last": size, "before": edge} if is_backwards else {"first": size, "after": edge}
        found = await listed.page(viewer, group, read_page(scene.keyring, listed.order, **asked))
        pages.append([row["id"] for row in found.rows])
        assert (found.has_next if is_backwards else found.has_previous) == (edge is not None)
        if not (found.has_previous if is_backwards else found.has_next):
            return pages[::-1] if is_backwards else pages
        assert len(found.rows) == size
        edge = encode_cursor(scene.keyring, listed.order, found.rows[0 if is_backwards else -1])
        if between:
            await between()


@each_list
@examples(12)
@given(given_rows=rows, page_sizes=sizes)
async def test_walking_a_list_either_way_shows_every_visible_row_once_and_in_order(
    scene: Scene, listed: Listed, given_rows: list[tuple[int, UUID]], page_sizes: list[int]
) -> None:
    group = uuid7()
    ids = await listed.add(scene, group, given_rows)
    for viewer in viewers(scene):
        seen_by = {
            key: moment
            for key, (moment, owner) in zip(ids, given_rows, strict=True)
            if viewer.is_staff or owner == MINE
        }
        for is_backwards in (False, True):
            pages = await walk(scene, listed, viewer, group, page_sizes, is_backwards=is_backwards)
            assert [key for page in pages for key in page] == in_order(listed.order, seen_by)


@each_list
@examples(8)
@given(given_rows=rows, page_sizes=sizes, is_backwards=st.booleans())
async def test_rows_that_come_in_front_while_somebody_walks_neither_repeat_nor_hide_any(
    scene: Scene, listed: Listed, given_rows: list[tuple[int, UUID]], page_sizes: list[int], is_backwards: bool
) -> None:
    """In front of where the walk began: those rows lie behind the walker and are not met."""
    group = uuid7()
    ids = await listed.add(scene, group, given_rows)
    moments = dict(zip(ids, (moment for moment, _ in given_rows), strict=True))
    begins_at_high_end = listed.order.descending != is_backwards

    async def one_more() -> None:
        await listed.add(scene, group, [(99 if begins_at_high_end else 0, MINE)])

    pages = await walk(scene, listed, viewers(scene)[0], group, page_sizes, is_backwards=is_backwards, between=one_more)
    assert [key for page in pages for key in page] == in_order(listed.order, moments)


@each_list
@examples(10)
@given(given_rows=rows, size=st.integers(0, 6), ends=st.tuples(st.integers(0, 15), st.integers(0, 15)))
async def test_a_page_between_two_cursors_holds_what_lies_between_them(
    scene: Scene, listed: Listed, given_rows: list[tuple[int, UUID]], size: int, ends: tuple[int, int]
) -> None:
    group, viewer = uuid7(), viewers(scene)[0]
    ids = await listed.add(scene, group, given_rows)
    whole = in_order(listed.order, dict(zip(ids, (moment for moment, _ in given_rows), strict=True)))
    if not whole:
        return
    low, high = sorted(end % len(whole) for end in ends)
    everything = (await listed.page(viewer, group, Page(size=MAX_PAGE, order=listed.order))).rows
    after, before = (encode_cursor(scene.keyring, listed.order, everything[place]) for place in (low, high))
    between = whole[low + 1 : high]
    for name, expected in (("first", between[:size]), ("last", between[max(0, len(between) - size) :])):
        page = read_page(scene.keyring, listed.order, after=after, before=before, **{name: size})  # type: ignore[arg-type]
        found = await listed.page(viewer, group, page)
        assert [row["id"] for row in found.rows] == expected
        assert (found.has_next if name == "first" else found.has_previous) == (len(between) > size)


ROW = {"opened_at": 5, "updated_at": 5, "placed_at": 5, "at": 5, "seq": 5, "created_at": 5, "id": uuid7()}
CURSOR_ORDERS = [*dict.fromkeys(listed.order for listed in LISTS), tickets.MESSAGES, tickets.EVENTS]


def test_a_cursor_of_one_list_is_refused_by_every_other() -> None:
    keyring = Keyring.generated()
    for order in CURSOR_ORDERS:
        cursor = encode_cursor(keyring, order, ROW)
        assert read_page(keyring, order, after=cursor).after == Key(5, ROW["id"])  # type: ignore[arg-type]
        for other in CURSOR_ORDERS:
            if other is not order:
                with pytest.raises(BadInput) as refused:
                    read_page(keyring, other, first=1, after=cursor)
                assert refused.value.extensions["argument"] == ["after"]


@examples(60)
@given(place=st.integers(0, 200), letter=st.sampled_from("AZaz09-_=+ é"))
def test_a_cursor_that_was_tampered_with_is_refused(place: int, letter: str) -> None:
    keyring = Keyring.generated()
    cursor = encode_cursor(keyring, tickets.NEWEST, ROW)
    place %= len(cursor)
    changed = cursor[:place] + letter + cursor[place + 1 :]
    for text in (changed, cursor[:place], cursor + letter):
        if text != cursor:
            with pytest.raises(BadInput):
                read_page(keyring, tickets.NEWEST, before=text)
    with pytest.raises(BadInput):
        read_page(Keyring.generated(), tickets.NEWEST, after=cursor)


@pytest.mark.parametrize(
    ("asked", "argument"),
    [
        ({"first": MAX_PAGE + 1}, ["first"]),
        ({"last": -1}, ["last"]),
        ({"first": 1, "last": 1}, ["first", "last"]),
        ({"after": ""}, ["after"]),
        ({"before": "x" * 10_000}, ["before"]),
    ],
)
def test_a_page_that_cannot_be_is_refused(asked: dict[str, Any], argument: list[str]) -> None:
    with pytest.raises(BadInput) as refused:
        read_page(Keyring.generated(), tickets.NEWEST, **asked)
    assert refused.value.extensions["argument"] == argument


def test_a_page_of_no_rows_still_tells_whether_there_are_some() -> None:
    page = Page(size=0, order=tickets.NEWEST)
    assert sliced([ROW], page).has_next
    assert not sliced([], page).has_next

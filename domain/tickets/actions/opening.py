"""Opening a ticket: one short form, and the order and the queue are found."""

from __future__ import annotations

import re
import secrets
from uuid import UUID

from domain.identity.kinds import Lane
from domain.messaging.kinds import Channel
from domain.orders.queries import orders_visible_to
from domain.shared import checks
from domain.shared.act import Act, ContactKind, Language, Role, Viewer
from domain.shared.errors import NotFound
from domain.shared.idempotency import earlier_subject
from domain.shared.sql import Row, Sql, among, sql
from domain.shared.transact import Tx, transact
from domain.tickets.events import TicketEventType, ticket_event
from domain.tickets.incidents import fitting_incident, join, tell_notice
from domain.tickets.kinds import Priority, TicketCategory, TicketStatus
from domain.tickets.models import Ticket
from domain.tickets.placing import enter_line, queue_for
from domain.tickets.rules import LONGEST_MESSAGE
from domain.tickets.writing import new_message

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_NUMBERS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{7,63}")
_MOST_NUMBERS = 10


def new_number() -> str:
    """Short enough to read out; 32^9 of them, so guessing one is hopeless and a clash ends in a plain retry."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(9))
    return f"T-{letters[:3]}-{letters[3:6]}-{letters[6:]}"


async def open_ticket(
    act: Act,
    *,
    text: str,
    order_id: UUID | None = None,
    order_number: str | None = None,
    category: TicketCategory | None = None,
    language: Language | None = None,
    notice_channel: Channel | None = None,
    idempotency_key: str | None = None,
) -> UUID:
    """The new ticket's id, or the earlier one's when the key was used before."""
    act.viewer.require(Role.BUYER, Role.AGENT, Role.SUPERVISOR, Role.ADMIN)
    text = checks.text(text, ["text"], most=LONGEST_MESSAGE)
    if order_number is not None:
        order_number = checks.text(order_number, ["orderNumber"], most=64)
    await act.throttle.hit(f"open:{act.viewer.principal_id}", limit=30, seconds=600)
    ticket_id = act.new_id()
    given = {
        "text": text,
        "order": order_id,
        "number": order_number,
        "category": category,
        "language": language,
        "notice": notice_channel,
    }

    async def work(tx: Tx) -> UUID:
        earlier = await earlier_subject(tx, "ticketOpen", idempotency_key, given, ticket_id)
        if earlier:
            return earlier
        order = await _order(tx, order_id, order_number, text)
        if order is None and not act.viewer.is_buyer:
            raise NotFound(["orderId"])
        ticket = await _new_ticket(tx, ticket_id, order, category or TicketCategory.OTHER)
        ticket.language = language or act.language
        ticket.notice_channel = notice_channel or _usual_channel(act)
        await _link_duplicate(tx, ticket)
        incident = await fitting_incident(tx, ticket, order)
        message = new_message(tx, ticket.id, text)
        tx.add(ticket, message)
        tx.record(
            ticket,
            ticket_event(
                TicketEventType.OPENED,
                message_id=message.id,
                to_status=ticket.status,
                queue_id=ticket.queue_id,
                category=ticket.category,
            ),
        )
        if incident:
            join(tx, ticket, incident, by=Viewer.system(ticket.shop_id))
            tell_notice(tx, ticket, incident)
        return ticket.id

    return await transact(act, work)


def _usual_channel(act: Act) -> Channel:
    return Channel.EMAIL if act.viewer.contact_kind is ContactKind.EMAIL else Channel.INBOX


async def _order(tx: Tx, order_id: UUID | None, number: str | None, text: str) -> Row | None:
    """The order that was named; else one of the buyer's own whose number stands in the text."""
    if order_id is not None:
        return await _own_order(tx, sql("id = {}", order_id), ["orderId"])
    if number is not None:
        return await _own_order(tx, sql("number = {}", number), ["orderNumber"])
    candidates = list(dict.fromkeys(_NUMBERS.findall(text)))[:_MOST_NUMBERS]
    if not candidates or not tx.act.viewer.is_buyer:
        return None
    return await tx.fetch_one(_orders(tx, sql("number {}", among(candidates))))


async def _own_order(tx: Tx, named: Sql, path: list[str]) -> Row:
    order = await tx.fetch_one(_orders(tx, named))
    if order is None:
        raise NotFound(path)
    return order


def _orders(tx: Tx, named: Sql) -> Sql:
    criterion = orders_visible_to(tx.act.viewer) & named
    return sql(
        "SELECT id, product_id, buyer_id, email_id, phone_id FROM shop_order WHERE {}"
        " ORDER BY placed_at DESC, id DESC LIMIT 1",
        criterion,
    )


async def _new_ticket(tx: Tx, ticket_id: UUID, order: Row | None, category: TicketCategory) -> Ticket:
    act = tx.act
    queue = await queue_for(tx, category)
    buyer_id = act.viewer.principal_id if act.viewer.is_buyer else order["buyer_id"] if order else None
    is_email = act.viewer.is_buyer and act.viewer.contact_kind is ContactKind.EMAIL
    is_phone = act.viewer.is_buyer and act.viewer.contact_kind is ContactKind.PHONE
    buyer = await tx.fetch_one(sql("SELECT lane FROM buyer WHERE id = {}", buyer_id)) if buyer_id else None
    ticket = Ticket(
        id=ticket_id,
        shop_id=act.viewer.shop_id,
        version=0,
        number=new_number(),
        order_id=order["id"] if order else None,
        buyer_id=buyer_id,
        email_id=order["email_id"] if order else act.viewer.contact_id if is_email else None,
        phone_id=order["phone_id"] if order else act.viewer.contact_id if is_phone else None,
        category=category,
        status=TicketStatus.NEW,
        language=act.language,
        queue_id=queue["id"],
        lane=buyer["lane"] if buyer else Lane.STANDARD,
        priority=Priority.NORMAL,
        entered_at=0,
        rank_at=0,
        opened_at=act.now,
        updated_at=act.now,
    )
    enter_line(tx, ticket, queue_id=queue["id"], at=queue["now"])
    return ticket


async def _link_duplicate(tx: Tx, ticket: Ticket) -> None:
    """A ticket of the same order and category that is not over yet is very likely the same case."""
    if ticket.order_id is None:
        return
    earlier = await tx.fetch_one(
        sql(
            "SELECT id FROM ticket WHERE order_id = {} AND shop_id = {} AND category = {} AND status {}"
            " ORDER BY opened_at, id LIMIT 1",
            ticket.order_id, ticket.shop_id, ticket.category,
            among([TicketStatus.NEW, TicketStatus.OPEN, TicketStatus.PENDING, TicketStatus.ON_HOLD]),
        )
    )  # fmt: skip
    if earlier is None:
        return
    ticket.duplicate_of_id = earlier["id"]
    # Not within the buyer's reach: the order's contact may have changed since that ticket came.
    original = await tx.load_one(Ticket, sql("id = {}", earlier["id"]))
    assert original is not None
    original.updated_at = tx.act.now
    tx.record(original, ticket_event(TicketEventType.DUPLICATE_LINKED, ticket_id=ticket.id))

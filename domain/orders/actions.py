"""What a guest may ask about an order: a masked look, and a code to its contact."""

from __future__ import annotations

from uuid import UUID

from domain.identity.actions import Challenge, request_code
from domain.identity.contacts import find_contact, read_contact
from domain.identity.kinds import ContactText
from domain.identity.rules import masked, masked_nobody, normal_contact, normal_email
from domain.orders import queries
from domain.orders.ingest_rows import phone_tail_key
from domain.shared import checks
from domain.shared.act import Act, ContactKind
from domain.shared.errors import Invalid
from domain.shared.sql import NOTHING, Row, Sql, fetch, fetch_one, sql


def one_of(**given: str | None) -> tuple[str, str]:
    """The name and text of the one argument that was given; refuses none and more than one."""
    filled = [(name, value) for name, value in given.items() if value is not None and value.strip()]
    if len(filled) != 1:
        raise Invalid([next(iter(given))], rule="ONE_OF", fields=", ".join(given))
    return filled[0]


async def look_up_order(
    act: Act,
    *,
    number: str | None,
    payment_serial: str | None,
    email: str | None,
    phone_tail: str | None,
) -> Row | None:
    """None for no such order and for a wrong proof alike."""
    name, value = one_of(number=number, paymentSerial=payment_serial)
    value = checks.text(value, [name], most=100)
    proof, proof_text = one_of(email=email, phoneTail=phone_tail)
    await _count_look_up(act, value)
    named = sql("number = {}" if name == "number" else "payment_serial = {}", value)
    if proof == "email":
        normal = normal_email(proof_text, ["email"])
        email_id = await find_contact(act, ContactText(ContactKind.EMAIL, normal))
        tails = NOTHING
    else:
        email_id, tails = None, await _tail_criterion(act, named, proof_text.strip())
    return await queries.find_by_proof(act.viewer, named=named, email_id=email_id, phone_tail_keys=tails)


async def _count_look_up(act: Act, value: str) -> None:
    counted = act.keyring.blind_index("lookup-throttle", str(act.viewer.shop_id), value)
    await act.throttle.hit(f"lookup:address:{act.viewer.address}", limit=60, seconds=60)
    await act.throttle.hit(f"lookup:{counted}", limit=20, seconds=3600)


async def _tail_criterion(act: Act, named: Sql, tail: str) -> Sql:
    if len(tail) != 4 or not (tail.isascii() and tail.isdigit()):
        raise Invalid(["phoneTail"], rule="PHONE_TAIL")
    rows = await fetch(
        sql("SELECT number FROM shop_order WHERE shop_id = {} AND {} LIMIT 5", act.viewer.shop_id, named)
    )
    keys = [sql("phone_tail_key = {}", phone_tail_key(act, row["number"], tail)) for row in rows]
    criterion = NOTHING
    for key in keys:
        criterion = criterion | key
    return criterion


async def request_code_for(
    act: Act, *, order_number: str | None, contact: str | None, channel: ContactKind
) -> Challenge:
    """A code to an order's contact, or to a contact that the caller names. Tells nothing about what exists."""
    name, value = one_of(orderNumber=order_number, contact=contact)
    if name == "contact":
        normal = normal_contact(channel, value, ["contact"])
        found = await find_contact(act, ContactText(channel, normal))
        return await request_code(
            act,
            contact_id=found,
            kind=channel,
            masked_destination=masked(channel, normal),
            asked_by=f"contact:{normal}",
        )
    number = checks.text(value, ["orderNumber"], most=64)
    contact_id, shown = await _contact_of_order(act, number, channel)
    return await request_code(
        act, contact_id=contact_id, kind=channel, masked_destination=shown, asked_by=f"order:{number}"
    )


async def _contact_of_order(act: Act, number: str, channel: ContactKind) -> tuple[UUID | None, str]:
    column = "email_id" if channel is ContactKind.EMAIL else "phone_id"
    row = await fetch_one(
        sql(
            f"SELECT {column} AS contact_id FROM shop_order WHERE shop_id = {{}} AND number = {{}}"
            " ORDER BY placed_at DESC, id DESC LIMIT 1",
            act.viewer.shop_id, number,
        )
    )  # fmt: skip
    contact = await read_contact(act, row["contact_id"]) if row and row["contact_id"] else None
    if row is None or contact is None:
        seed = act.keyring.blind_index("nobody", str(act.viewer.shop_id), channel, number)
        return None, masked_nobody(channel, bytes.fromhex(seed))
    return row["contact_id"], masked(channel, contact.normal)

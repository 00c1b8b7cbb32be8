"""News about a ticket, on the way that the buyer chose."""

from __future__ import annotations

from domain.identity.contacts import read_contact
from domain.messaging.actions import put_in_inbox, send, was_queued
from domain.messaging.kinds import Channel
from domain.shared.act import Act, ContactKind, Language
from domain.shared.events import ActorKind
from domain.shared.sql import Row, sql
from domain.shared.transact import Tx, transact
from domain.tickets.events import TicketEventType

TEMPLATES = {
    TicketEventType.OPENED: "TICKET_OPENED",
    TicketEventType.CLAIMED: "TICKET_CLAIMED",
    TicketEventType.MESSAGE_ADDED: "TICKET_REPLIED",
    TicketEventType.RESOLVED: "TICKET_RESOLVED",
    TicketEventType.REOPENED: "TICKET_REOPENED",
}
OF_CHANNEL = {Channel.EMAIL: ContactKind.EMAIL, Channel.SMS: ContactKind.PHONE}


async def tell_buyer(act: Act, event: Row) -> None:
    """Once for each event, also when the job is done twice. What the buyer did is not told to the buyer."""
    if event["actor_kind"] == ActorKind.BUYER and event["type"] != TicketEventType.OPENED:
        return

    async def work(tx: Tx) -> None:
        ticket = await tx.fetch_one(
            sql(
                "SELECT ticket.id, number, notice_channel, ticket.language, buyer_id, contact_id, contact_kind"
                " FROM ticket LEFT JOIN buyer ON buyer.id = ticket.buyer_id WHERE ticket.id = {}",
                event["subject_id"],
            )
        )
        if ticket is not None and ticket["buyer_id"] is not None:
            await _tell(tx, ticket, TEMPLATES[TicketEventType(event["type"])], key=f"notice:{event['id']}")

    await transact(act, work)


async def _tell(tx: Tx, ticket: Row, template: str, *, key: str) -> None:
    facts = {"number": ticket["number"], "link": ticket_link(tx.act, ticket["number"])}
    await put_in_inbox(tx, owner_id=ticket["buyer_id"], key=key, template=template, facts=facts, ticket_id=ticket["id"])
    channel = Channel(ticket["notice_channel"])
    if ticket["contact_kind"] != OF_CHANNEL.get(channel) or await was_queued(tx, key):
        return
    contact = await read_contact(tx.act, ticket["contact_id"])
    if contact:
        send(
            tx,
            key=key,
            channel=channel,
            destination=contact.normal,
            template=template,
            facts=facts,
            language=Language(ticket["language"]),
        )


def ticket_link(act: Act, number: str) -> str:
    """To the shop's ticket page, which finds the ticket by its number once the contact is proved."""
    return f"{act.public_url}/tickets/{number}"

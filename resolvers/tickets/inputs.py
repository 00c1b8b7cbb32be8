from __future__ import annotations

import strawberry

from domain.identity.kinds import Presence
from domain.messaging.kinds import Channel
from domain.shared.act import Language
from domain.tickets.kinds import Priority, TicketCategory, TicketStatus
from domain.tickets.queries import TicketFilter as Wanted
from resolvers.shared.ids import read_id

KEY = "Any text of your own, 100 characters at most: the same key and input do it once, however often it is sent."


def _ticket() -> strawberry.ID:
    return strawberry.field(description="Which ticket.")  # type: ignore[no-any-return]


def _key() -> str | None:
    return strawberry.field(default=None, description=KEY)  # type: ignore[no-any-return]


@strawberry.input(description="One short form: what is wrong, in the buyer's own words.")
class TicketOpenInput:
    text: str = strawberry.field(description="What is wrong; 5,000 characters at most.")
    order_id: strawberry.ID | None = strawberry.field(default=None, description="The order it is about.")
    order_number: str | None = strawberry.field(
        default=None, description="The same by its number. Without both, a number in the text is looked for."
    )
    category: TicketCategory | None = strawberry.field(default=None, description="What is wrong; OTHER if left out.")
    language: Language | None = strawberry.field(
        default=None, description="Of the case; that of Accept-Language if left out."
    )
    notice_channel: Channel | None = strawberry.field(
        default=None, description="On which way news reach the buyer; the proven contact's own if left out."
    )
    idempotency_key: str | None = _key()


@strawberry.input(description="A message on a ticket.")
class MessageAddInput:
    ticket_id: strawberry.ID = _ticket()
    text: str = strawberry.field(description="5,000 characters at most.")
    internal: bool = strawberry.field(default=False, description="Staff only: a note that the buyer never sees.")
    awaits_buyer: bool = strawberry.field(
        default=False, description="Staff only: the ticket is PENDING until the buyer answers."
    )
    idempotency_key: str | None = _key()


@strawberry.input(description="Whether you are at work.")
class PresenceSetInput:
    status: Presence = strawberry.field(description="ONLINE to take tickets.")
    capacity: int | None = strawberry.field(
        default=None, description="How many open tickets at once, 0 to 50; unchanged if left out."
    )


@strawberry.input(description="From which line to take.")
class TicketClaimNextInput:
    queue_id: strawberry.ID | None = strawberry.field(
        default=None, description="One of your queues; all of them if left out."
    )


@strawberry.input(description="Who is to work on a ticket.")
class TicketAssignInput:
    ticket_id: strawberry.ID = _ticket()
    agent_id: strawberry.ID | None = strawberry.field(
        default=None, description="You if left out; others only by supervisors."
    )


@strawberry.input(description="Where a ticket is to go: exactly one of queue and agent.")
class TicketTransferInput:
    ticket_id: strawberry.ID = _ticket()
    queue_id: strawberry.ID | None = strawberry.field(
        default=None, description="To this queue, where it keeps the place its waiting earned."
    )
    agent_id: strawberry.ID | None = strawberry.field(default=None, description="To this agent, if there is room.")
    note: str | None = strawberry.field(default=None, description="For the colleague; the buyer never sees it.")


@strawberry.input(description="How a ticket was solved.")
class TicketResolveInput:
    ticket_id: strawberry.ID = _ticket()
    text: str = strawberry.field(description="What the buyer is told; 5,000 characters at most.")


@strawberry.input(description="A resolved ticket that is not solved after all.")
class TicketReopenInput:
    ticket_id: strawberry.ID = _ticket()
    text: str | None = strawberry.field(default=None, description="Why; 5,000 characters at most.")


@strawberry.input(description="What the buyer thinks of the newest resolution.")
class TicketRateInput:
    ticket_id: strawberry.ID = _ticket()
    score: int = strawberry.field(description="1 to 5.")
    comment: str | None = strawberry.field(default=None, description="1,000 characters at most.")


@strawberry.input(description="How early a ticket is to count.")
class TicketPrioritizeInput:
    ticket_id: strawberry.ID = _ticket()
    priority: Priority = strawberry.field(description="Not lower than it is.")


@strawberry.input(description="All that is given must hold.")
class TicketFilter:
    status: list[TicketStatus] | None = strawberry.field(default=None, description="One of these.")
    category: TicketCategory | None = strawberry.field(default=None, description="What is wrong.")
    priority: Priority | None = strawberry.field(default=None, description="How early it counts.")
    queue_id: strawberry.ID | None = strawberry.field(default=None, description="In this queue.")
    agent_id: strawberry.ID | None = strawberry.field(default=None, description="With this agent.")
    order_id: strawberry.ID | None = strawberry.field(default=None, description="About this order.")
    buyer_id: strawberry.ID | None = strawberry.field(default=None, description="Of this buyer.")
    number: str | None = strawberry.field(default=None, description="With exactly this number.")

    def wanted(self) -> Wanted:
        return Wanted(
            status=self.status,
            category=self.category,
            priority=self.priority,
            queue_id=read_id(self.queue_id, "Queue", "filter.queueId") if self.queue_id else None,
            agent_id=read_id(self.agent_id, "Agent", "filter.agentId") if self.agent_id else None,
            order_id=read_id(self.order_id, "Order", "filter.orderId") if self.order_id else None,
            buyer_id=read_id(self.buyer_id, "Buyer", "filter.buyerId") if self.buyer_id else None,
            number=self.number,
        )


@strawberry.input(description="A cause that several tickets share.")
class IncidentOpenInput:
    title: str = strawberry.field(description="In one line; 120 characters at most.")
    notice: str = strawberry.field(description="What its buyers are told; 5,000 characters at most.")
    ticket_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Tickets that belong to it; 100 at most."
    )
    product_id: strawberry.ID | None = strawberry.field(
        default=None, description="New tickets about this product join by themselves."
    )
    category: TicketCategory | None = strawberry.field(default=None, description="Only those of this category do.")


@strawberry.input(description="More tickets of a known cause.")
class IncidentJoinInput:
    incident_id: strawberry.ID = strawberry.field(description="Which incident.")
    ticket_ids: list[strawberry.ID] = strawberry.field(description="1 to 100 tickets.")


@strawberry.input(description="The cause is mended.")
class IncidentResolveInput:
    incident_id: strawberry.ID = strawberry.field(description="Which incident.")
    text: str = strawberry.field(description="Resolves all its tickets; 5,000 characters at most.")

"""Enumerations of the domain in the schema. Imported before any type, as a type remembers how it first saw one."""

from __future__ import annotations

import strawberry

from domain.identity.kinds import Lane, Presence
from domain.messaging.kinds import Channel
from domain.orders.ingest import IngestOutcome
from domain.orders.kinds import DeliveryStatus, OrderOrder, PaymentStatus
from domain.shared.act import ContactKind, Language, Role
from domain.shared.described import Described
from domain.shared.errors import ErrorCode
from domain.shared.events import ActorKind
from domain.tickets.events import TicketEventType
from domain.tickets.kinds import IncidentStatus, Priority, TicketCategory, TicketOrder, TicketStatus
from domain.tickets.waiting import QueueState


def show(kind: type[Described], description: str, *, name: str | None = None) -> None:
    strawberry.enum(kind, name=name, description=description)
    for value in kind.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = kind[value.name].description


show(Language, "A language that texts for people exist in.")
show(Role, "What a caller is.", name="ViewerRole")
show(ContactKind, "How somebody can be reached and proved.")
show(Channel, "A way on which news about a ticket reach the buyer.", name="NoticeChannel")
show(ActorKind, "Who did something.")
show(ErrorCode, "What is wrong, for programs. Codes are only ever added.", name="UserErrorCode")
show(Presence, "Whether an agent is at work.")
show(Lane, "How early a buyer's tickets count.")
show(PaymentStatus, "How the payment stands. Independent of the delivery.")
show(DeliveryStatus, "How the delivery stands. Independent of the payment.")
show(IngestOutcome, "What became of one order of a call.")
show(OrderOrder, "In which order orders are listed.")
show(TicketStatus, "Where a case stands.")
show(TicketCategory, "What is wrong.")
show(Priority, "How early a ticket counts within its lane.")
show(TicketEventType, "What happened to a ticket.")
show(IncidentStatus, "How an incident stands.")
show(TicketOrder, "In which order tickets are listed.")
show(QueueState, "Where somebody in line stands.")

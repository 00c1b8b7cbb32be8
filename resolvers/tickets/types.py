from __future__ import annotations

import strawberry

from domain.identity import queries as identity
from domain.identity.kinds import Lane
from domain.messaging.kinds import Channel
from domain.orders import queries as orders
from domain.shared.act import Language
from domain.shared.events import ActorKind
from domain.shared.log_cursors import encode_place
from domain.tickets import queries
from domain.tickets.events import TicketEventType
from domain.tickets.kinds import IncidentStatus, Priority, TicketCategory, TicketStatus
from domain.tickets.reading import comment_of, incident_text, text_of
from resolvers.shared.context import Info
from resolvers.shared.edges import edge, few, load_one, many
from resolvers.shared.scalars import Instant
from resolvers.shared.types import Node, OfRow, node_type

HERE = "resolvers.tickets.types"


@strawberry.type(description="Who did something.")
class Actor(OfRow):
    @strawberry.field(description="What kind of somebody.")
    def kind(self) -> ActorKind:
        return ActorKind(self.row["kind"])

    @strawberry.field(description="The agent's name; null for everybody else.")
    async def name(self, info: Info) -> str | None:
        if self.row["kind"] != ActorKind.AGENT or self.row["id"] is None:
            return None
        agent = await load_one(info.context, identity.agents_by_id, self.row["id"])
        return agent["name"] if agent else None


@node_type("A message on a ticket.", found_by=queries.messages_by_id)
class Message(Node):
    at: Instant = strawberry.field(description="When it was written.")
    is_internal: bool = strawberry.field(description="A note among the staff; buyers never see one.")

    @strawberry.field(description="What was written.")
    def text(self, info: Info) -> str:
        return text_of(info.context.services.keyring, self.row)

    @strawberry.field(description="Who wrote it.")
    def author(self) -> Actor:
        return Actor.of({"kind": self.row["author_kind"], "id": self.row["author_id"]})


@node_type("A group of agents who know a subject, and the line in front of them.", found_by=queries.queues_by_id)
class Queue(Node):
    name: str = strawberry.field(description="For people.")
    slug: str = strawberry.field(description="For programs.")
    is_default: bool = strawberry.field(description="Gets every category that no other queue knows.")

    @strawberry.field(description="The categories that come here.")
    def categories(self) -> list[TicketCategory]:
        return [TicketCategory[name] for name in self.row["categories"].split()]


@strawberry.type(description="One thing that happened to a ticket. What does not belong to its type is null.")
class TicketEvent(OfRow):
    type: TicketEventType = strawberry.field(description="What happened.")
    at: Instant = strawberry.field(description="When.")
    from_status: TicketStatus | None = strawberry.field(description="The status before.")
    to_status: TicketStatus | None = strawberry.field(description="The status since.")
    priority: Priority | None = strawberry.field(description="The priority since.")
    score: int | None = strawberry.field(description="The buyer's score, 1 to 5.")

    @strawberry.field(description="Who did it.")
    def actor(self) -> Actor:
        return Actor.of({"kind": self.row["actor_kind"], "id": self.row["actor_id"]})

    message = edge(
        "Message", HERE, key="message_id", by=queries.messages_by_id, description="What was written with it."
    )
    agent = edge(
        "Agent",
        "resolvers.identity.types",
        key="agent_id",
        by=identity.agents_by_id,
        description="The agent who has the ticket since.",
    )
    queue = edge(
        "Queue", HERE, key="queue_id", by=queries.queues_by_id, description="The queue that the ticket is in since."
    )


@strawberry.type(description="What the buyer thought of one resolution.")
class Rating(OfRow):
    score: int = strawberry.field(description="1 to 5.")
    at: Instant = strawberry.field(description="When it was given.")
    resolution: int = strawberry.field(description="Which resolution of the ticket, from 1.")

    @strawberry.field(description="In the buyer's words.")
    def comment(self, info: Info) -> str | None:
        return comment_of(info.context.services.keyring, self.row)


@node_type("One case (工单).", found_by=queries.tickets_by_id)
class Ticket(Node):
    number: str = strawberry.field(description="工单号, for people.")
    category: TicketCategory = strawberry.field(description="What is wrong.")
    status: TicketStatus = strawberry.field(description="Where the case stands.")
    priority: Priority = strawberry.field(description="How early it counts within its lane.")
    lane: Lane = strawberry.field(description="The buyer's lane.")
    language: Language = strawberry.field(description="The language of the case.")
    notice_channel: Channel = strawberry.field(description="On which way news reach the buyer.")
    opened_at: Instant = strawberry.field(description="When it was opened.")
    updated_at: Instant = strawberry.field(description="When something last happened.")
    first_replied_at: Instant | None = strawberry.field(description="When the staff first answered.")
    resolved_at: Instant | None = strawberry.field(description="When it was resolved; null when reopened since.")
    closed_at: Instant | None = strawberry.field(description="When it was closed.")
    is_waiting: bool = strawberry.field(description="Whether it stands in line, with nobody on it.")

    @strawberry.field(
        description="Give it to ticketProgress as `after`: everything since the state in this answer comes, and nothing"
        " of before."
    )
    def progress_cursor(self, info: Info) -> str:
        return encode_place(info.context.services.keyring, self.row["id"], self.row["version"])

    order = edge(
        "Order",
        "resolvers.orders.types",
        key="order_id",
        by=orders.orders_by_id,
        description="The order it is about; null when none was named or found.",
    )
    buyer = edge(
        "Buyer",
        "resolvers.identity.types",
        key="buyer_id",
        by=identity.buyers_by_id,
        description="Whose case it is.",
    )
    agent = edge(
        "Agent",
        "resolvers.identity.types",
        key="agent_id",
        by=identity.agents_by_id,
        description="Who works on it; null while nobody does.",
    )
    queue = edge("Queue", HERE, key="queue_id", by=queries.queues_by_id, description="The queue it belongs to.")
    duplicate_of = edge(
        "Ticket",
        HERE,
        key="duplicate_of_id",
        by=queries.tickets_by_id,
        description="An earlier ticket about the same thing that was not over when this one came.",
    )
    resolution = edge(
        "Message",
        HERE,
        key="resolution_message_id",
        by=queries.messages_by_id,
        description="What the buyer was told when it was last resolved.",
    )
    incident = edge(
        "Incident",
        HERE,
        key="incident_id",
        by=queries.incidents_by_id,
        description="The cause that it shares with other tickets; null while none is known.",
    )
    messages = many(
        "Message",
        HERE,
        order=queries.MESSAGES,
        by=queries.messages_of_tickets,
        description="What was written, oldest first.",
    )
    events = many(
        "TicketEvent",
        HERE,
        order=queries.EVENTS,
        by=queries.events_of_tickets,
        description="What happened, oldest first; `last: 5` gives the latest five. Kept for 90 days.",
    )
    ratings = few("Rating", HERE, by=queries.ratings_of_tickets, description="One for each resolution that was rated.")


@node_type("One cause of many tickets: one notice and one resolution reach all.", found_by=queries.incidents_by_id)
class Incident(Node):
    title: str = strawberry.field(description="In one line.")
    status: IncidentStatus = strawberry.field(description="How it stands.")
    category: TicketCategory | None = strawberry.field(
        description="Only tickets of this category join by themselves; null for all."
    )
    opened_at: Instant = strawberry.field(description="When it was announced.")
    resolved_at: Instant | None = strawberry.field(description="When it was mended.")

    @strawberry.field(description="What its buyers are told.")
    def notice(self, info: Info) -> str | None:
        return incident_text(info.context.services.keyring, self.row, "notice")

    @strawberry.field(description="What its buyers were told at the end.")
    def resolution(self, info: Info) -> str | None:
        return incident_text(info.context.services.keyring, self.row, "resolution")

    product = edge(
        "Product",
        "resolvers.orders.types",
        key="product_id",
        by=orders.products_by_id,
        description="Tickets about this product join by themselves; null when none do.",
    )
    tickets = many(
        "Ticket",
        HERE,
        order=queries.NEWEST,
        by=queries.tickets_of_incidents,
        description="Its tickets that you may see, newest first.",
    )

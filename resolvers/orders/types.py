from __future__ import annotations

import strawberry

from domain.identity import queries as identity
from domain.orders import queries
from domain.orders.kinds import DeliveryStatus, PaymentStatus
from domain.shared.clock import HOUR
from domain.tickets import queries as tickets
from resolvers.shared.edges import edge, few
from resolvers.shared.scalars import Instant
from resolvers.shared.types import Money, Node, OfRow, node_type


@node_type("Something that a shop sells.", found_by=queries.products_by_id)
class Product(Node):
    name: str = strawberry.field(description="As the newest order calls it.")
    category: str | None = strawberry.field(description="The shop's own category.")
    warranty_hours: int | None = strawberry.field(description="How long the shop answers for a code.")
    source: str = strawberry.field(description="The shop system that it came from.")
    external_id: str = strawberry.field(
        description="The shop system's own key.", resolver=lambda root: root.row["external_key"]
    )


@strawberry.type(description="One code that was sold. The secret itself is never here.")
class Card(OfRow):
    external_id: str = strawberry.field(
        description="The shop system's own key.", resolver=lambda root: root.row["external_key"]
    )
    batch: str | None = strawberry.field(description="The batch that the code came with.")
    supplier: str | None = strawberry.field(description="Who supplied the code.")
    issued_at: Instant | None = strawberry.field(description="When the code was given to this order.")
    has_secret: bool = strawberry.field(description="Whether the shop has sent the code itself.")


@strawberry.type(description="One try to hand a code over, from the shop's log.")
class Delivery(OfRow):
    at: Instant = strawberry.field(description="When it was tried.")
    channel: str = strawberry.field(description="On which way, in the shop's words.")
    masked_destination: str = strawberry.field(description="Where to, with most of it hidden.")
    status: str = strawberry.field(description="What became of it, in the shop's words.")


@strawberry.type(description="How an order stood in one version.")
class OrderState(OfRow):
    payment_status: PaymentStatus = strawberry.field(description="The payment in that version.")
    delivery_status: DeliveryStatus = strawberry.field(description="The delivery in that version.")
    at: Instant = strawberry.field(description="When that version came in.")


@node_type("An order as the shop last told it.", found_by=queries.orders_by_id)
class Order(Node):
    number: str = strawberry.field(description="订单号: what buyers type.")
    payment_serial: str | None = strawberry.field(description="支付流水号: the gateway's number.")
    payment_method: str | None = strawberry.field(description="How it was paid, in the shop's words.")
    payment_status: PaymentStatus = strawberry.field(description="How the payment stands.")
    delivery_status: DeliveryStatus = strawberry.field(description="How the delivery stands.")
    placed_at: Instant = strawberry.field(description="When it was ordered.")
    paid_at: Instant | None = strawberry.field(description="When it was paid; null until then.")
    product_name: str = strawberry.field(description="What it was called when it was bought.")
    quantity: int = strawberry.field(description="How many codes were bought.")
    seller_name: str | None = strawberry.field(description="The consignor (寄售商家); null for the shop itself.")
    source: str = strawberry.field(description="The shop system that the order came from.")
    external_id: str = strawberry.field(
        description="The shop system's own key.", resolver=lambda root: root.row["external_key"]
    )
    version: int = strawberry.field(description="The shop's version of the order that is shown.")
    updated_at: Instant = strawberry.field(description="When that version came in.")

    @strawberry.field(description="What was paid, or is to be paid.")
    def total(self) -> Money:
        return Money.of(self.row["total_minor"], self.row["currency"])

    @strawberry.field(description="Price of one; null when the shop does not tell.")
    def unit_price(self) -> Money | None:
        minor = self.row["unit_price_minor"]
        return None if minor is None else Money.of(minor, self.row["currency"])

    @strawberry.field(description="Until when the shop answers for the codes; null without a warranty.")
    def warranty_ends_at(self) -> Instant | None:
        hours, begins = self.row["warranty_hours"], self.row["paid_at"] or self.row["placed_at"]
        return None if hours is None else Instant(begins + hours * HOUR)

    product = edge(
        "Product",
        "resolvers.orders.types",
        key="product_id",
        by=queries.products_by_id,
        description="What was bought.",
    )
    buyer = edge(
        "Buyer",
        "resolvers.identity.types",
        key="buyer_id",
        by=identity.buyers_by_id,
        description="Who bought it; for staff, and for the buyer.",
    )
    cards = few(
        "Card",
        "resolvers.orders.types",
        by=queries.cards_of_orders,
        description="The codes that were given to the order; 200 at most.",
    )
    deliveries = few(
        "Delivery",
        "resolvers.orders.types",
        by=queries.deliveries_of_orders,
        description="The shop's delivery log, oldest first; 200 entries at most.",
    )
    history = few(
        "OrderState",
        "resolvers.orders.types",
        by=queries.states_of_orders,
        description="How the order stood in each version that came in, oldest first; 200 at most.",
    )
    tickets = few(
        "Ticket",
        "resolvers.tickets.types",
        by=tickets.latest_tickets_of_orders,
        description="The newest ten tickets about this order.",
    )


@strawberry.type(description="What somebody who has proved little may know about an order.")
class MaskedOrder(OfRow):
    payment_status: PaymentStatus = strawberry.field(description="How the payment stands.")
    delivery_status: DeliveryStatus = strawberry.field(description="How the delivery stands.")
    placed_at: Instant = strawberry.field(description="When it was ordered.")
    product_name: str = strawberry.field(description="What was bought.")
    quantity: int = strawberry.field(description="How many codes were bought.")

    @strawberry.field(description="The order number, with its middle hidden.")
    def masked_number(self) -> str:
        number: str = self.row["number"]
        return number[:4] + "****" + number[-2:] if len(number) > 8 else number[:1] + "****"

    @strawberry.field(description="Whether a code can be sent by e-mail to see the whole order.")
    def has_email(self) -> bool:
        return self.row["email_id"] is not None

    @strawberry.field(description="Whether a code can be sent by SMS to see the whole order.")
    def has_phone(self) -> bool:
        return self.row["phone_id"] is not None

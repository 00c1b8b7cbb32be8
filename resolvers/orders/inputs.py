"""Orders as they come in, over GraphQL and over the signed webhook alike."""

from __future__ import annotations

import strawberry

from domain.orders.facts import (
    BuyerDraft,
    CardDraft,
    DeliveryDraft,
    OrderDraft,
    Price,
    ProductDraft,
    SellerDraft,
)
from domain.orders.kinds import DeliveryStatus, PaymentStatus
from domain.shared.act import Language
from resolvers.shared.scalars import Instant
from resolvers.shared.types import MoneyInput


def _price(given: MoneyInput | None) -> Price | None:
    return None if given is None else Price(amount=given.amount, currency=given.currency)


@strawberry.input(description="What was bought.")
class OrderProductInput:
    external_id: str = strawberry.field(description="The shop's own key of the product; 100 characters at most.")
    name: str = strawberry.field(description="As the buyer saw it; 200 characters at most.")
    category: str | None = strawberry.field(default=None, description="The shop's own category.")
    unit_price: MoneyInput | None = strawberry.field(default=None, description="Price of one.")
    warranty_hours: int | None = strawberry.field(
        default=None, description="How long the shop answers for a code, from the payment on."
    )

    def draft(self) -> ProductDraft:
        return ProductDraft(
            external_key=self.external_id,
            name=self.name,
            category=self.category,
            unit_price=_price(self.unit_price),
            warranty_hours=self.warranty_hours,
        )


@strawberry.input(description="Who bought it, and from where.")
class OrderBuyerInput:
    email: str | None = strawberry.field(default=None, description="Purchase e-mail; kept encrypted.")
    phone: str | None = strawberry.field(
        default=None,
        description="Purchase phone; without a country code it is read as Chinese. Kept encrypted.",
    )
    external_id: str | None = strawberry.field(default=None, description="The shop's own key of the buyer.")
    ip: str | None = strawberry.field(default=None, description="Address of the purchase; kept encrypted.")
    device_id: str | None = strawberry.field(default=None, description="Device of the purchase; kept encrypted.")
    user_agent: str | None = strawberry.field(default=None, description="Browser of the purchase; kept encrypted.")
    language: Language | None = strawberry.field(default=None, description="What the buyer reads.")

    def draft(self) -> BuyerDraft:
        return BuyerDraft(
            email=self.email,
            phone=self.phone,
            external_key=self.external_id,
            ip=self.ip,
            device=self.device_id,
            user_agent=self.user_agent,
            language=self.language,
        )


@strawberry.input(description="The consignor (寄售商家) whose stock was sold.")
class OrderSellerInput:
    external_id: str = strawberry.field(description="The shop's own key of the seller.")
    name: str = strawberry.field(description="The seller's name.")

    def draft(self) -> SellerDraft:
        return SellerDraft(external_key=self.external_id, name=self.name)


@strawberry.input(description="One code that was given to the order.")
class OrderCardInput:
    external_id: str = strawberry.field(description="The shop's own key of the card.")
    secret: str | None = strawberry.field(default=None, description="The code itself; kept encrypted.")
    batch: str | None = strawberry.field(default=None, description="The batch that the code came with.")
    supplier: str | None = strawberry.field(default=None, description="Who supplied the code.")
    issued_at: Instant | None = strawberry.field(default=None, description="When the order got the code.")

    def draft(self) -> CardDraft:
        return CardDraft(
            external_key=self.external_id,
            secret=self.secret,
            batch=self.batch,
            supplier=self.supplier,
            issued_at=self.issued_at,
        )


@strawberry.input(description="One line of the shop's delivery log.")
class OrderDeliveryInput:
    at: Instant = strawberry.field(description="When it was tried.")
    channel: str = strawberry.field(description="Such as EMAIL or PAGE; 20 characters at most.")
    destination: str | None = strawberry.field(default=None, description="Where to; kept masked.")
    status: str = strawberry.field(description="Such as SENT or BOUNCED; 20 characters at most.")
    provider_message_id: str | None = strawberry.field(default=None, description="The provider's own key.")

    def draft(self) -> DeliveryDraft:
        return DeliveryDraft(
            at=self.at,
            channel=self.channel,
            destination=self.destination,
            status=self.status,
            provider_key=self.provider_message_id,
        )


@strawberry.input(description="An order as the shop knows it now.")
class OrderInput:
    external_id: str = strawberry.field(description="The shop's own key; unique within its source.")
    version: int = strawberry.field(description="Grows with each change in the shop; an older one never overwrites.")
    number: str = strawberry.field(description="订单号: what buyers type; 64 characters at most.")
    payment_serial: str | None = strawberry.field(default=None, description="支付流水号: the gateway's number.")
    payment_method: str | None = strawberry.field(default=None, description="How it was paid.")
    payment_status: PaymentStatus = strawberry.field(description="How the payment stands.")
    delivery_status: DeliveryStatus = strawberry.field(description="How the delivery stands.")
    placed_at: Instant = strawberry.field(description="When it was ordered.")
    paid_at: Instant | None = strawberry.field(default=None, description="When it was paid.")
    product: OrderProductInput = strawberry.field(description="What was bought.")
    quantity: int = strawberry.field(description="How many codes; at least one.")
    total: MoneyInput = strawberry.field(description="What was paid, or is to be paid.")
    buyer: OrderBuyerInput = strawberry.field(description="Who bought it.")
    seller: OrderSellerInput | None = strawberry.field(
        default=None, description="Whose stock it was; leave it out for the shop's own."
    )
    cards: list[OrderCardInput] | None = strawberry.field(
        default=None, description="The codes given to the order; 200 at most."
    )
    deliveries: list[OrderDeliveryInput] | None = strawberry.field(
        default=None, description="The delivery log; 200 lines at most."
    )

    def draft(self) -> OrderDraft:
        return OrderDraft(
            external_key=self.external_id,
            version=self.version,
            number=self.number,
            payment_serial=self.payment_serial,
            payment_method=self.payment_method,
            payment_status=self.payment_status,
            delivery_status=self.delivery_status,
            placed_at=self.placed_at,
            paid_at=self.paid_at,
            product=self.product.draft(),
            quantity=self.quantity,
            total=Price(amount=self.total.amount, currency=self.total.currency),
            buyer=self.buyer.draft(),
            seller=self.seller.draft() if self.seller else None,
            cards=[card.draft() for card in self.cards or ()],
            deliveries=[delivery.draft() for delivery in self.deliveries or ()],
        )


@strawberry.input(description="Up to 500 orders of one shop system.")
class OrderIngestInput:
    source: str = strawberry.field(description="Names the shop system; its keys are unique within it.")
    orders: list[OrderInput] = strawberry.field(description="1 to 500 orders, in any order.")

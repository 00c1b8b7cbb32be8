"""An order as a shop tells it: first as it came, then checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.identity.kinds import ContactText
from domain.orders.kinds import DeliveryStatus, PaymentStatus
from domain.shared.act import Language
from domain.shared.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """An amount that nobody has checked yet."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDraft:
    external_key: str
    name: str
    category: str | None = None
    unit_price: Price | None = None
    warranty_hours: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyerDraft:
    email: str | None = None
    phone: str | None = None
    external_key: str | None = None
    ip: str | None = None
    device: str | None = None
    user_agent: str | None = None
    language: Language | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerDraft:
    external_key: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardDraft:
    external_key: str
    secret: str | None = None
    batch: str | None = None
    supplier: str | None = None
    issued_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDraft:
    at: int
    channel: str
    destination: str | None = None
    status: str
    provider_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDraft:
    external_key: str
    version: int
    number: str
    payment_serial: str | None = None
    payment_method: str | None = None
    payment_status: PaymentStatus
    delivery_status: DeliveryStatus
    placed_at: int
    paid_at: int | None = None
    product: ProductDraft
    quantity: int
    total: Price
    buyer: BuyerDraft
    seller: SellerDraft | None = None
    cards: Sequence[CardDraft] = ()
    deliveries: Sequence[DeliveryDraft] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """A draft that passed every limit, with contacts in normal form and money in minor units."""

    draft: OrderDraft
    total: Money
    unit_price: Money | None
    email: ContactText | None
    phone: ContactText | None

    @property
    def contact(self) -> ContactText | None:
        """The contact that the buyer is known by: the e-mail, else the phone."""
        return self.email or self.phone

"""Limits of an order that comes in. Every refusal carries the path inside the order."""

from __future__ import annotations

from dataclasses import replace

from domain.identity.kinds import ContactText
from domain.identity.rules import masked, normal_contact
from domain.orders.facts import (
    BuyerDraft,
    CardDraft,
    DeliveryDraft,
    OrderDraft,
    OrderFacts,
    ProductDraft,
    SellerDraft,
)
from domain.shared.act import ContactKind
from domain.shared.checks import Path, count, number, optional_text, text
from domain.shared.errors import DomainError, Invalid
from domain.shared.money import money

MOST_ORDERS = 500
MOST_CARDS = 200
MOST_DELIVERIES = 200
MOST_VERSION = 2**31 - 1


def read_order(draft: OrderDraft, path: Path) -> OrderFacts:
    """The order with its texts trimmed and its contacts and money read; raises on the first rule that it breaks."""
    checked = replace(
        draft,
        external_key=text(draft.external_key, [*path, "externalId"], most=100),
        version=number(draft.version, [*path, "version"], least=0, most=MOST_VERSION),
        number=text(draft.number, [*path, "number"], most=64),
        payment_serial=optional_text(draft.payment_serial, [*path, "paymentSerial"], most=100),
        payment_method=optional_text(draft.payment_method, [*path, "paymentMethod"], most=40),
        product=_product(draft.product, [*path, "product"]),
        quantity=number(draft.quantity, [*path, "quantity"], least=1, most=100_000),
        buyer=_buyer(draft.buyer, [*path, "buyer"]),
        seller=_seller(draft, [*path, "seller"]),
        cards=_cards(draft, [*path, "cards"]),
        deliveries=_deliveries(draft, [*path, "deliveries"]),
    )
    if draft.paid_at is not None and draft.paid_at < draft.placed_at:
        raise Invalid([*path, "paidAt"], rule="PAID_BEFORE_PLACED")
    price = draft.product.unit_price
    return OrderFacts(
        draft=checked,
        total=money(draft.total.amount, draft.total.currency, [*path, "total"]),
        unit_price=money(price.amount, price.currency, [*path, "product", "unitPrice"]) if price else None,
        email=_contact(ContactKind.EMAIL, draft.buyer.email, [*path, "buyer", "email"]),
        phone=_contact(ContactKind.PHONE, draft.buyer.phone, [*path, "buyer", "phone"]),
    )


def _contact(kind: ContactKind, value: str | None, path: Path) -> ContactText | None:
    if value is None or not value.strip():
        return None
    return ContactText(kind, normal_contact(kind, value, path))


def _product(product: ProductDraft, path: Path) -> ProductDraft:
    hours = product.warranty_hours
    return replace(
        product,
        external_key=text(product.external_key, [*path, "externalId"], most=100),
        name=text(product.name, [*path, "name"], most=200),
        category=optional_text(product.category, [*path, "category"], most=80),
        warranty_hours=hours if hours is None else number(hours, [*path, "warrantyHours"], least=0, most=87_600),
    )


def _buyer(buyer: BuyerDraft, path: Path) -> BuyerDraft:
    return replace(
        buyer,
        external_key=optional_text(buyer.external_key, [*path, "externalId"], most=100),
        ip=optional_text(buyer.ip, [*path, "ip"], most=64),
        device=optional_text(buyer.device, [*path, "deviceId"], most=200),
        user_agent=optional_text(buyer.user_agent, [*path, "userAgent"], most=1000),
    )


def _seller(draft: OrderDraft, path: Path) -> SellerDraft | None:
    if draft.seller is None:
        return None
    return SellerDraft(
        external_key=text(draft.seller.external_key, [*path, "externalId"], most=100),
        name=text(draft.seller.name, [*path, "name"], most=100),
    )


def _cards(draft: OrderDraft, path: Path) -> list[CardDraft]:
    count(draft.cards, path, most=MOST_CARDS)
    return [
        replace(
            card,
            external_key=text(card.external_key, [*path, i, "externalId"], most=100),
            secret=optional_text(card.secret, [*path, i, "secret"], most=4000),
            batch=optional_text(card.batch, [*path, i, "batch"], most=100),
            supplier=optional_text(card.supplier, [*path, i, "supplier"], most=100),
        )
        for i, card in enumerate(draft.cards)
    ]


def _deliveries(draft: OrderDraft, path: Path) -> list[DeliveryDraft]:
    count(draft.deliveries, path, most=MOST_DELIVERIES)
    return [
        replace(
            delivery,
            channel=text(delivery.channel, [*path, i, "channel"], most=20),
            status=text(delivery.status, [*path, i, "status"], most=20),
            provider_key=optional_text(delivery.provider_key, [*path, i, "providerMessageId"], most=200),
            destination=masked_destination(delivery.destination, [*path, i, "destination"]),
        )
        for i, delivery in enumerate(draft.deliveries)
    ]


def masked_destination(value: str | None, path: Path) -> str:
    """Shops send any text here; what is not a contact is shown by its last characters only."""
    destination = optional_text(value, path, most=254)
    if destination is None:
        return ""
    for kind in ContactKind:
        try:
            return masked(kind, normal_contact(kind, destination, path))[:80]
        except DomainError:
            continue
    return "***" + destination[-2:]

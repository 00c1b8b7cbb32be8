"""Two months of the demo shop's sales. Addresses lie in domains and number ranges that nobody has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from api.demo.catalogue import SUPPLIERS, WARES, Ware
from domain.orders.facts import BuyerDraft, CardDraft, DeliveryDraft, OrderDraft, Price, ProductDraft
from domain.orders.kinds import DeliveryStatus, PaymentStatus
from domain.shared.act import Language
from domain.shared.clock import DAY, HOUR, MINUTE, SECOND

SPAN = 60 * DAY
KNOWN_NUMBER, KNOWN_EMAIL, KNOWN_PHONE = "XK20260001", "buyer@example.com", "13800138000"
ORDERS_PER_CUSTOMER = 2
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_FAMILY = ("wang", "li", "zhang", "liu", "chen", "yang", "zhao", "huang", "zhou", "wu", "xu", "sun", "lin", "gao")
_GIVEN = ("wei", "fang", "na", "min", "jing", "lei", "yang", "ting", "hao", "xin", "yu", "bo", "jie", "qi")
_FOREIGN = {Language.EN: ("emma", "jack", "olivia", "noah"), Language.ES: ("lucia", "mateo", "sofia", "diego")}
_AGENTS = (
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
)
_METHODS = ("支付宝", "支付宝", "支付宝", "微信支付", "微信支付", "微信支付", "云闪付", "QQ 钱包")

_Status = tuple[PaymentStatus, DeliveryStatus]
_GOOD: _Status = (PaymentStatus.PAID, DeliveryStatus.DELIVERED)
_OTHERWISE: tuple[tuple[_Status, float], ...] = (
    ((PaymentStatus.EXPIRED, DeliveryStatus.NONE), 0.05),
    ((PaymentStatus.REFUNDED, DeliveryStatus.DELIVERED), 0.02),
    ((PaymentStatus.PAID, DeliveryStatus.QUEUED), 0.015),
    ((PaymentStatus.FAILED, DeliveryStatus.NONE), 0.015),
    ((PaymentStatus.PAID, DeliveryStatus.PARTIAL), 0.01),
    ((PaymentStatus.PAID, DeliveryStatus.FAILED), 0.01),
    ((PaymentStatus.REFUNDED, DeliveryStatus.FAILED), 0.01),
    ((PaymentStatus.REFUNDING, DeliveryStatus.FAILED), 0.005),
    ((PaymentStatus.PARTIALLY_REFUNDED, DeliveryStatus.PARTIAL), 0.005),
)
_UNPAID = {PaymentStatus.PENDING, PaymentStatus.EXPIRED, PaymentStatus.FAILED}
_GIVEN_BACK = {PaymentStatus.REFUNDING, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED}


def sales(dice: Random, *, count: int, now: int) -> Iterator[OrderDraft]:
    """In the order of time, ending a few minutes ago; the last is the order that the README names."""
    customers = [_customer(dice, number) for number in range(max(5, count // ORDERS_PER_CUSTOMER))]
    weights = [ware.weight for ware in WARES]
    step = SPAN // count
    for number in range(count):
        placed_at = now - SPAN + number * step + dice.randrange(step)
        buyer = customers[int(len(customers) * dice.random() ** 2.2)]
        ware = dice.choices(WARES, weights)[0]
        order = _order(dice, number, ware, buyer, placed_at=min(placed_at, now - 3 * MINUTE), now=now)
        yield _known_order(now) if number == count - 1 else order


def refunds(sold: list[OrderDraft]) -> list[OrderDraft]:
    """The second version of the orders whose money went back; `sales` tells them as they were before."""
    return [replace(order, version=2) for order in sold if order.payment_status in _GIVEN_BACK]


def as_sold(order: OrderDraft) -> OrderDraft:
    if order.payment_status not in _GIVEN_BACK:
        return order
    return replace(order, payment_status=PaymentStatus.PAID)


def _known_order(now: int) -> OrderDraft:
    ware = next(ware for ware in WARES if ware.key == "steam-100")
    placed_at = now - 12 * MINUTE
    return OrderDraft(
        external_key="known-1",
        version=1,
        number=KNOWN_NUMBER,
        payment_serial="2026112222001456700000000001",
        payment_method="支付宝",
        payment_status=PaymentStatus.PAID,
        delivery_status=DeliveryStatus.QUEUED,
        placed_at=placed_at,
        paid_at=placed_at + MINUTE,
        product=_product(ware),
        quantity=1,
        total=Price(amount=ware.price, currency="CNY"),
        buyer=BuyerDraft(email=KNOWN_EMAIL, phone=KNOWN_PHONE, external_key="u-known", language=Language.ZH),
    )


def _customer(dice: Random, number: int) -> BuyerDraft:
    roll = dice.random()
    language = Language.EN if roll < 0.05 else Language.ES if roll < 0.08 else Language.ZH
    if language in _FOREIGN:
        email: str | None = f"{dice.choice(_FOREIGN[language])}{number}@example.org"
        phone = None
    else:
        email = f"{dice.choice(_FAMILY)}.{dice.choice(_GIVEN)}{number}@example.com"
        phone = f"1400{number:07d}" if dice.random() < 0.7 else None
        if phone and dice.random() < 0.25:
            email = None
    return BuyerDraft(
        email=email,
        phone=phone,
        external_key=f"u-{number}",
        ip=f"203.0.113.{dice.randrange(1, 255)}",
        device=f"dev-{dice.getrandbits(48):012x}",
        user_agent=dice.choice(_AGENTS),
        language=language,
    )


def _statuses(dice: Random, *, age: int) -> _Status:
    roll = dice.random()
    for statuses, share in _OTHERWISE:
        roll -= share
        if roll < 0:
            is_fresh = statuses[0] is PaymentStatus.EXPIRED and age < HOUR
            return (PaymentStatus.PENDING, DeliveryStatus.NONE) if is_fresh else statuses
    return _GOOD


def _product(ware: Ware) -> ProductDraft:
    return ProductDraft(
        external_key=ware.key,
        name=ware.name,
        category=ware.category,
        unit_price=Price(amount=ware.price, currency="CNY"),
        warranty_hours=ware.warranty_hours,
    )


def _order(dice: Random, number: int, ware: Ware, buyer: BuyerDraft, *, placed_at: int, now: int) -> OrderDraft:
    payment, delivery = _statuses(dice, age=now - placed_at)
    day = datetime.fromtimestamp(placed_at / SECOND, UTC).strftime("%Y%m%d")
    quantity = dice.choice((1, 1, 1, 1, 1, 1, 2, 2, 3, 5))
    if delivery is DeliveryStatus.PARTIAL:
        quantity = max(2, quantity)
    issued = {DeliveryStatus.DELIVERED: quantity, DeliveryStatus.PARTIAL: quantity - 1}.get(delivery, 0)
    is_paid = payment not in _UNPAID
    paid_at = placed_at + dice.randrange(8, 150) * SECOND if is_paid else None
    method = dice.choice(_METHODS)
    serial = f"{'4200' if method == '微信支付' else day}{dice.randrange(10**19):020d}"
    return OrderDraft(
        external_key=f"order-{number + 1}",
        version=1,
        number=f"XK{day}{number + 1:06d}",
        payment_serial=serial if is_paid or payment is PaymentStatus.FAILED else None,
        payment_method=method,
        payment_status=payment,
        delivery_status=delivery,
        placed_at=placed_at,
        paid_at=paid_at,
        product=_product(ware),
        quantity=quantity,
        total=Price(amount=ware.price * quantity, currency="CNY"),
        buyer=buyer,
        seller=ware.seller,
        cards=_cards(dice, number, ware, count=issued, paid_at=paid_at),
        deliveries=_deliveries(dice, ware, delivery, buyer, paid_at),
    )


def _cards(dice: Random, number: int, ware: Ware, *, count: int, paid_at: int | None) -> list[CardDraft]:
    if ware.is_topup or paid_at is None:
        return []
    week = paid_at // (7 * DAY)
    supplier = dice.choice(SUPPLIERS)
    batch = f"{ware.key.upper()}-W{week}-{SUPPLIERS.index(supplier) + 1}"
    return [
        CardDraft(
            external_key=f"card-{number + 1}-{place + 1}",
            secret="-".join("".join(dice.choices(_LETTERS, k=5)) for _ in range(4)),
            batch=batch,
            supplier=supplier,
            issued_at=paid_at + 2 * SECOND,
        )
        for place in range(count)
    ]


def _deliveries(
    dice: Random, ware: Ware, delivery: DeliveryStatus, buyer: BuyerDraft, paid_at: int | None
) -> list[DeliveryDraft]:
    if paid_at is None or delivery in {DeliveryStatus.NONE, DeliveryStatus.QUEUED}:
        return []
    channel = "TOPUP" if ware.is_topup else "EMAIL" if buyer.email else "SMS"
    status = "FAILED" if delivery is DeliveryStatus.FAILED else "SENT"
    log = DeliveryDraft(
        at=paid_at + dice.randrange(2, 45) * SECOND,
        channel=channel,
        destination=buyer.email or buyer.phone,
        status=status,
        provider_key=f"m-{dice.getrandbits(40):010x}" if status == "SENT" else None,
    )
    again = replace(log, at=log.at + 5 * MINUTE)
    return [log, again] if status == "FAILED" else [log]

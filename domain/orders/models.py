from __future__ import annotations

from tortoise import fields
from tortoise.models import Model

from domain.shared.models import instant


class Product(Model):
    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    source = fields.CharField(40)
    external_key = fields.CharField(100)
    name = fields.CharField(200)
    category = fields.CharField(80, null=True)
    warranty_hours = fields.IntField(null=True)
    seen_at = instant()

    class Meta:
        table = "product"
        unique_together = (("shop_id", "source", "external_key"),)


class Order(Model):
    """An order as the shop last told it, `version` is the shop's."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    source = fields.CharField(40)
    external_key = fields.CharField(100)
    version = fields.BigIntField()
    number = fields.CharField(64)
    payment_serial = fields.CharField(100, null=True)
    payment_method = fields.CharField(40, null=True)
    payment_status = fields.CharField(20)
    delivery_status = fields.CharField(10)
    placed_at = instant()
    paid_at = instant(null=True)
    product_id = fields.UUIDField()
    product_name = fields.CharField(200)
    unit_price_minor = fields.BigIntField(null=True)
    warranty_hours = fields.IntField(null=True)
    quantity = fields.IntField()
    total_minor = fields.BigIntField()
    currency = fields.CharField(8)
    buyer_id = fields.UUIDField(null=True)
    email_id = fields.UUIDField(null=True)
    phone_id = fields.UUIDField(null=True)
    phone_tail_key = fields.CharField(32, null=True)
    seller_key = fields.CharField(100, null=True)
    seller_name = fields.CharField(100, null=True)
    sealed_origin = fields.BinaryField(null=True)
    updated_at = instant()

    class Meta:
        table = "shop_order"
        unique_together = (("shop_id", "source", "external_key"),)
        indexes = (
            ("shop_id", "number"),
            ("shop_id", "payment_serial"),
            ("shop_id", "placed_at", "id"),
            ("email_id", "placed_at", "id"),
            ("phone_id", "placed_at", "id"),
        )


class OrderState(Model):
    """What the order looked like in each version that was taken in."""

    id = fields.UUIDField(primary_key=True)
    order_id = fields.UUIDField()
    version = fields.BigIntField()
    payment_status = fields.CharField(20)
    delivery_status = fields.CharField(10)
    at = instant()

    class Meta:
        table = "order_state"
        unique_together = (("order_id", "version"),)


class Card(Model):
    """One code that was sold. The secret is sealed under the card's own id, so it cannot be moved to another row."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    order_id = fields.UUIDField()
    external_key = fields.CharField(100)
    sealed_secret = fields.BinaryField(null=True)
    batch = fields.CharField(100, null=True)
    supplier = fields.CharField(100, null=True)
    issued_at = instant(null=True)

    class Meta:
        table = "card"
        indexes = (("order_id", "id"),)


class Delivery(Model):
    """One try of the shop to hand a code over, as its log tells it."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    order_id = fields.UUIDField()
    at = instant()
    channel = fields.CharField(20)
    masked_destination = fields.CharField(80)
    status = fields.CharField(20)
    provider_key = fields.CharField(200, null=True)

    class Meta:
        table = "delivery"
        indexes = (("order_id", "at"),)

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model

from domain.identity.kinds import Lane, Presence
from domain.shared.act import ContactKind, Language, Role
from domain.shared.models import instant


class Shop(Model):
    id = fields.UUIDField(primary_key=True)
    slug = fields.CharField(40, unique=True)
    name = fields.CharField(80)
    language = fields.CharField(2, default=Language.ZH)
    created_at = instant()

    class Meta:
        table = "shop"


class Contact(Model):
    """An address that can be proved. Found by a keyed index of its normal form, readable only with the key."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    kind = fields.CharField(5)
    index_key = fields.CharField(32)
    sealed = fields.BinaryField()
    created_at = instant()

    class Meta:
        table = "contact"
        unique_together = (("shop_id", "kind", "index_key"),)


class Buyer(Model):
    """Whoever stands behind one contact."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    contact_id = fields.UUIDField(unique=True)
    contact_kind = fields.CharField(5, default=ContactKind.EMAIL)
    masked_contact = fields.CharField(80)
    external_key = fields.CharField(100, null=True)
    lane = fields.CharField(10, default=Lane.STANDARD)
    language = fields.CharField(2, null=True)
    created_at = instant()

    class Meta:
        table = "buyer"


class Agent(Model):
    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    email_key = fields.CharField(254)
    name = fields.CharField(40)
    role = fields.CharField(12, default=Role.AGENT)
    password_hash = fields.CharField(200)
    presence = fields.CharField(8, default=Presence.OFFLINE)
    presence_at = instant(default=0)
    capacity = fields.SmallIntField(default=3)
    is_active = fields.BooleanField(default=True)
    created_at = instant()

    class Meta:
        table = "agent"
        unique_together = (("shop_id", "email_key"),)


class Session(Model):
    """What a short access token stands on, revoking the row ends it."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    role = fields.CharField(12)
    principal_id = fields.UUIDField()
    contact_id = fields.UUIDField(null=True)
    contact_kind = fields.CharField(5, null=True)
    refresh_hash = fields.BinaryField()
    created_at = instant()
    expires_at = instant()
    revoked_at = instant(null=True)

    class Meta:
        table = "session"
        indexes = (("principal_id",),)


class CodeChallenge(Model):
    """A one-time code that was asked for. `contact_id` is null where nobody can answer: such a row looks the same."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    contact_id = fields.UUIDField(null=True)
    contact_kind = fields.CharField(5)
    code_hash = fields.BinaryField()
    attempts = fields.SmallIntField(default=0)
    is_used = fields.BooleanField(default=False)
    created_at = instant()
    expires_at = instant()

    class Meta:
        table = "code_challenge"


class ApiKey(Model):
    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    name = fields.CharField(80)
    secret_hash = fields.BinaryField()
    scopes = fields.CharField(400)
    created_at = instant()
    expires_at = instant(null=True)
    revoked_at = instant(null=True)

    class Meta:
        table = "api_key"


class WebhookSource(Model):
    """A shop system that pushes orders, `sealed_secret` signs what it sends."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    source = fields.CharField(40)
    sealed_secret = fields.BinaryField()
    created_at = instant()

    class Meta:
        table = "webhook_source"
        unique_together = (("shop_id", "source"),)

from __future__ import annotations

from typing import ClassVar

from tortoise import fields
from tortoise.models import Model

from domain.messaging.kinds import OutgoingStatus
from domain.shared.models import instant


class Outgoing(Model):
    """One text for one address. `key` is unique, so an effect is written once however often it is decided."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    key = fields.CharField(120, unique=True)
    channel = fields.CharField(5)
    sealed_destination = fields.BinaryField()
    template = fields.CharField(40)
    sealed_facts = fields.BinaryField()
    language = fields.CharField(2)
    status = fields.CharField(6, default=OutgoingStatus.QUEUED)
    provider_key = fields.CharField(200, null=True)
    created_at = instant()
    sent_at = instant(null=True)

    class Meta:
        table = "outgoing"


class Inbox(Model):
    """Counts the in-site messages of one owner (a buyer or an agent), its id is the owner's."""

    stream: ClassVar[str] = "inbox"

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    version = fields.BigIntField(default=0)

    class Meta:
        table = "inbox"


class InboxItem(Model):
    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    owner_id = fields.UUIDField()
    key = fields.CharField(120, unique=True)
    template = fields.CharField(40)
    sealed_facts = fields.BinaryField()
    ticket_id = fields.UUIDField(null=True)
    created_at = instant()

    class Meta:
        table = "inbox_item"
        indexes = (("owner_id", "created_at", "id"),)

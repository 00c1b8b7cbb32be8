"""The tables that every context writes through `transact`."""

from __future__ import annotations

from typing import Any

from tortoise import fields
from tortoise.models import Model


def instant(**options: Any) -> Any:
    """Microseconds since 1970 in UTC."""
    return fields.BigIntField(**options)


class EventRecord(Model):
    """One committed fact about one aggregate, (subject, seq) has no gaps."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    subject_id = fields.UUIDField()
    stream = fields.CharField(16)
    seq = fields.BigIntField()
    type = fields.CharField(40)
    schema_version = fields.SmallIntField()
    at = instant()
    actor_kind = fields.CharField(12)
    actor_id = fields.UUIDField(null=True)
    audience = fields.CharField(12)
    body_json = fields.TextField()

    class Meta:
        table = "event"
        unique_together = (("subject_id", "seq"),)
        indexes = (("at",),)


class Job(Model):
    """Something to do at or after `due_at`, at least once, the row is gone when it is done."""

    id = fields.UUIDField(primary_key=True)
    kind = fields.CharField(40)
    key = fields.CharField(120, unique=True)
    shop_id = fields.UUIDField()
    due_at = instant()
    payload_json = fields.TextField()
    attempts = fields.SmallIntField(default=0)
    lease_id = fields.UUIDField(null=True)
    is_parked = fields.BooleanField(default=False)
    error = fields.CharField(500, default="")

    class Meta:
        table = "job"
        indexes = (("is_parked", "due_at"),)


class IdempotencyRecord(Model):
    """What an idempotency key was used for: the hash of the input and the id of the subject, never its content."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    principal_id = fields.UUIDField()
    operation = fields.CharField(40)
    key = fields.CharField(100)
    input_hash = fields.BinaryField()
    subject_id = fields.UUIDField()
    at = instant()

    class Meta:
        table = "idempotency"
        unique_together = (("shop_id", "principal_id", "operation", "key"),)
        indexes = (("at",),)

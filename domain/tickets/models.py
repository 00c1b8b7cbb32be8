from __future__ import annotations

from typing import ClassVar

from tortoise import fields
from tortoise.models import Model

from domain.messaging.kinds import Channel
from domain.shared.models import instant
from domain.tickets.kinds import IncidentStatus, Lane, Priority, TicketStatus


class Queue(Model):
    """A group of agents who know a subject, and the line in front of them."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    slug = fields.CharField(40)
    name = fields.CharField(80)
    categories = fields.CharField(400, default="")
    is_default = fields.BooleanField(default=False)
    created_at = instant()

    class Meta:
        table = "queue"
        unique_together = (("shop_id", "slug"),)


class QueueMember(Model):
    id = fields.UUIDField(primary_key=True)
    queue_id = fields.UUIDField()
    agent_id = fields.UUIDField()

    class Meta:
        table = "queue_member"
        unique_together = (("agent_id", "queue_id"),)
        indexes = (("queue_id",),)


class Ticket(Model):
    """One case. `is_waiting` and `rank_at` are its place in line, `taken_at` is since when it occupies its agent."""

    stream: ClassVar[str] = "ticket"

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    version = fields.BigIntField(default=0)
    number = fields.CharField(20)
    order_id = fields.UUIDField(null=True)
    buyer_id = fields.UUIDField(null=True)
    email_id = fields.UUIDField(null=True)
    phone_id = fields.UUIDField(null=True)
    category = fields.CharField(20)
    status = fields.CharField(10, default=TicketStatus.NEW)
    language = fields.CharField(2)
    notice_channel = fields.CharField(5, default=Channel.INBOX)
    queue_id = fields.UUIDField()
    lane = fields.CharField(10, default=Lane.STANDARD)
    priority = fields.CharField(8, default=Priority.NORMAL)
    is_waiting = fields.BooleanField(default=True)
    entered_at = instant()
    rank_at = instant()
    agent_id = fields.UUIDField(null=True)
    taken_at = instant(null=True)
    opened_at = instant()
    updated_at = instant()
    first_replied_at = instant(null=True)
    resolved_at = instant(null=True)
    closed_at = instant(null=True)
    resolution_count = fields.SmallIntField(default=0)
    duplicate_of_id = fields.UUIDField(null=True)
    incident_id = fields.UUIDField(null=True)
    incident_stage = fields.SmallIntField(default=0)
    resolution_message_id = fields.UUIDField(null=True)

    class Meta:
        table = "ticket"
        unique_together = (("shop_id", "number"),)
        indexes = (
            ("queue_id", "is_waiting", "rank_at", "id"),
            ("shop_id", "opened_at", "id"),
            ("shop_id", "updated_at", "id"),
            ("email_id", "opened_at", "id"),
            ("phone_id", "opened_at", "id"),
            ("agent_id", "status"),
            ("order_id",),
            ("incident_id", "incident_stage"),
        )


class Incident(Model):
    """One cause of many tickets: one notice and one resolution reach all of them."""

    stream: ClassVar[str] = "incident"

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    version = fields.BigIntField(default=0)
    title = fields.CharField(120)
    status = fields.CharField(8, default=IncidentStatus.OPEN)
    product_id = fields.UUIDField(null=True)
    category = fields.CharField(20, null=True)
    sealed_notice = fields.BinaryField()
    sealed_resolution = fields.BinaryField(null=True)
    opened_at = instant()
    resolved_at = instant(null=True)

    class Meta:
        table = "incident"
        indexes = (("shop_id", "opened_at", "id"), ("product_id", "status"))


class Message(Model):
    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    ticket_id = fields.UUIDField()
    at = instant()
    author_kind = fields.CharField(12)
    author_id = fields.UUIDField(null=True)
    is_internal = fields.BooleanField(default=False)
    sealed_text = fields.BinaryField()

    class Meta:
        table = "message"
        indexes = (("ticket_id", "at", "id"),)


class Rating(Model):
    """The buyer's word on one resolution, a ticket that was reopened and resolved again can be rated again."""

    id = fields.UUIDField(primary_key=True)
    shop_id = fields.UUIDField()
    ticket_id = fields.UUIDField()
    resolution = fields.SmallIntField()
    agent_id = fields.UUIDField(null=True)
    score = fields.SmallIntField()
    sealed_comment = fields.BinaryField(null=True)
    at = instant()

    class Meta:
        table = "rating"
        unique_together = (("ticket_id", "resolution"),)


class ServiceSpan(Model):
    """How long one ticket occupied one agent of a queue, once, what wait estimates are made of."""

    id = fields.UUIDField(primary_key=True)
    queue_id = fields.UUIDField()
    ended_at = instant()
    length = fields.BigIntField()

    class Meta:
        table = "service_span"
        indexes = (("queue_id", "ended_at"),)

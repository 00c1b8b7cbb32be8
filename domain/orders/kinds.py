from __future__ import annotations

from domain.shared.described import Described


class PaymentStatus(Described):
    PENDING = "PENDING", "Not paid yet."
    PAID = "PAID", "Paid in full."
    REFUNDING = "REFUNDING", "A refund is on its way."
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED", "A part of the money went back."
    REFUNDED = "REFUNDED", "All of the money went back."
    EXPIRED = "EXPIRED", "Never paid, and now too late."
    FAILED = "FAILED", "The gateway refused the payment."


class DeliveryStatus(Described):
    NONE = "NONE", "Nothing to deliver yet."
    QUEUED = "QUEUED", "Waiting for stock or for the machine."
    PARTIAL = "PARTIAL", "Fewer codes than paid for were delivered."
    DELIVERED = "DELIVERED", "All codes were delivered."
    FAILED = "FAILED", "The delivery was tried and failed."


class OrderOrder(Described):
    NEWEST = "NEWEST", "The one placed last comes first."
    OLDEST = "OLDEST", "The one placed first comes first."

from __future__ import annotations

from domain.identity.kinds import Lane
from domain.shared.described import Described

__all__ = ["IncidentStatus", "Lane", "Priority", "TicketCategory", "TicketOrder", "TicketStatus"]


class TicketStatus(Described):
    NEW = "NEW", "Waiting in the queue; nobody has taken it yet."
    OPEN = "OPEN", "Being worked on, or back in the queue after a transfer."
    PENDING = "PENDING", "Waiting for the buyer."
    ON_HOLD = "ON_HOLD", "Waiting for somebody else, such as a supplier."
    RESOLVED = "RESOLVED", "Solved, as the shop sees it; the buyer may reopen it."
    CLOSED = "CLOSED", "Over; a new question needs a new ticket."


class TicketCategory(Described):
    NOT_RECEIVED = "NOT_RECEIVED", "Paid, but no code came."
    INVALID_CARD = "INVALID_CARD", "The code does not work."
    ALREADY_REDEEMED = "ALREADY_REDEEMED", "The code had been used before."
    WRONG_PURCHASE = "WRONG_PURCHASE", "The wrong thing was bought or delivered."
    PAYMENT_ISSUE = "PAYMENT_ISSUE", "Something is wrong with the payment."
    TOPUP_DELAYED = "TOPUP_DELAYED", "A top-up has not arrived."
    REFUND_REQUEST = "REFUND_REQUEST", "The buyer wants the money back."
    ORDER_LOOKUP = "ORDER_LOOKUP", "The buyer cannot find the order."
    HOW_TO_USE = "HOW_TO_USE", "The buyer does not know how to use the code."
    SETTLEMENT_DELAY = "SETTLEMENT_DELAY", "A seller waits for a settlement."
    COMPLAINT = "COMPLAINT", "The buyer complains."
    HUMAN_AGENT = "HUMAN_AGENT", "The buyer wants to talk to a person."
    OTHER = "OTHER", "None of the above."


class Priority(Described):
    LOW = "LOW", "May wait behind everything that came at the same time."
    NORMAL = "NORMAL", "The usual."
    HIGH = "HIGH", "Counts as if it had come 15 minutes earlier."
    URGENT = "URGENT", "Counts as if it had come 30 minutes earlier."


class TicketOrder(Described):
    NEWEST = "NEWEST", "The one opened last comes first."
    OLDEST = "OLDEST", "The one opened first comes first."
    UPDATED = "UPDATED", "The one that something happened to last comes first."


class IncidentStatus(Described):
    OPEN = "OPEN", "The cause is known and not yet mended; tickets that fit join by themselves."
    RESOLVED = "RESOLVED", "Mended; all its tickets were told."

"""What a ticket may do next, and where it stands in line."""

from __future__ import annotations

from collections.abc import Mapping

from domain.shared.clock import DAY, MINUTE
from domain.tickets.kinds import Lane, Priority, TicketStatus

MOVES: Mapping[TicketStatus, frozenset[TicketStatus]] = {
    TicketStatus.NEW: frozenset({TicketStatus.OPEN, TicketStatus.RESOLVED, TicketStatus.CLOSED}),
    TicketStatus.OPEN: frozenset({TicketStatus.PENDING, TicketStatus.ON_HOLD, TicketStatus.RESOLVED}),
    TicketStatus.PENDING: frozenset({TicketStatus.OPEN, TicketStatus.ON_HOLD, TicketStatus.RESOLVED}),
    TicketStatus.ON_HOLD: frozenset({TicketStatus.OPEN, TicketStatus.PENDING, TicketStatus.RESOLVED}),
    TicketStatus.RESOLVED: frozenset({TicketStatus.OPEN, TicketStatus.CLOSED}),
    TicketStatus.CLOSED: frozenset(),
}
ENDED = frozenset({TicketStatus.RESOLVED, TicketStatus.CLOSED})
CLOSES_AFTER = 7 * DAY
LONGEST_MESSAGE = 5000

# How much earlier than it came a ticket counts. The largest sum of a lane is the lane's stated bound: nobody who came
# longer than that before is ever overtaken.
LANE_BOOST: Mapping[Lane, int] = {Lane.STANDARD: 0, Lane.VIP: 30 * MINUTE}
PRIORITY_BOOST: Mapping[Priority, int] = {
    Priority.LOW: 0,
    Priority.NORMAL: 0,
    Priority.HIGH: 15 * MINUTE,
    Priority.URGENT: 30 * MINUTE,
}


def largest_boost(lane: Lane) -> int:
    return LANE_BOOST[lane] + max(PRIORITY_BOOST.values())


def rank(entered_at: int, lane: Lane, priority: Priority) -> int:
    """The moment that a ticket counts as having come at; the smallest is served first."""
    return entered_at - LANE_BOOST[lane] - PRIORITY_BOOST[priority]


def may_move(status: TicketStatus, to: TicketStatus) -> bool:
    return to in MOVES[status]

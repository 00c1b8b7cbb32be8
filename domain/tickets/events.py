"""What can happen to a ticket."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from domain.shared.described import Described
from domain.shared.events import Audience, Event, body_of
from domain.shared.sql import Row


class TicketEventType(Described):
    OPENED = "OPENED", "The ticket was opened; `message` is what the buyer wrote."
    MESSAGE_ADDED = "MESSAGE_ADDED", "Somebody wrote; `message` is what."
    NOTE_ADDED = "NOTE_ADDED", "Staff wrote an internal note; buyers never get this."
    CLAIMED = "CLAIMED", "An agent took the ticket out of the queue."
    ASSIGNED = "ASSIGNED", "The ticket was given to an agent."
    TRANSFERRED = "TRANSFERRED", "The ticket was moved to another queue or agent."
    STATUS_CHANGED = "STATUS_CHANGED", "The status changed without any of the other events."
    PRIORITY_RAISED = "PRIORITY_RAISED", "The ticket moved forward in its queue."
    RESOLVED = "RESOLVED", "The shop says that it is solved; `message` says how."
    REOPENED = "REOPENED", "The buyer or staff opened it again."
    RATED = "RATED", "The buyer rated the resolution."
    CLOSED = "CLOSED", "The ticket is over."
    DUPLICATE_LINKED = "DUPLICATE_LINKED", "A newer ticket about the same thing was linked to this one."
    INCIDENT_JOINED = "INCIDENT_JOINED", "The ticket has the same cause as others and shares their news."


STAFF_ONLY = frozenset({TicketEventType.NOTE_ADDED, TicketEventType.DUPLICATE_LINKED})


def ticket_event(type_: TicketEventType, **body: Any) -> Event:
    audience = Audience.STAFF if type_ in STAFF_ONLY else Audience.PARTIES
    return Event(
        type=type_,
        audience=audience,
        body={name: value for name, value in body.items() if value is not None},
    )


DETAILS = ("from_status", "to_status", "priority", "score")
REFERENCES = ("message_id", "agent_id", "queue_id", "ticket_id", "incident_id")


def lifted(row: Row) -> Row:
    """The event in the newest shape of its type, with what its body says beside the columns; None for the rest.

    Version 1 is the only one so far.
    """
    assert row["schema_version"] == 1, f"unknown version of {row['type']}"
    body = body_of(row)
    details = {name: body.get(name) for name in DETAILS}
    references = {name: UUID(body[name]) if name in body else None for name in REFERENCES}
    return row | details | references

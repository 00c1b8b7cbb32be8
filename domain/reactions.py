"""THE table: which functions answer which event, and which jobs a worker knows how to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from domain.shared import housekeeping
from domain.shared.act import Act
from domain.shared.sql import Row
from domain.tickets.actions import ending, incidents
from domain.tickets.events import TicketEventType
from domain.tickets.reactions import tell_buyer

Reaction = Callable[[Act, Row], Awaitable[None]]
JobWork = Callable[[Act, Mapping[str, Any]], Awaitable[None]]

REACTIONS: Mapping[str, Sequence[Reaction]] = {
    TicketEventType.OPENED: [tell_buyer],
    TicketEventType.CLAIMED: [tell_buyer],
    TicketEventType.MESSAGE_ADDED: [tell_buyer],
    TicketEventType.RESOLVED: [tell_buyer],
    TicketEventType.REOPENED: [tell_buyer],
}
BY_NAME: Mapping[str, Reaction] = {
    reaction.__name__: reaction for reactions in REACTIONS.values() for reaction in reactions
}
REACTING_TYPES = frozenset(map(str, REACTIONS))


async def _close_ticket(act: Act, payload: Mapping[str, Any]) -> None:
    await ending.close_ticket(act, ticket_id=UUID(payload["ticket"]), resolution=payload["resolution"])


async def _keep_house(act: Act, _payload: Mapping[str, Any]) -> None:
    await housekeeping.keep_house(act)


async def _spread_incident(act: Act, payload: Mapping[str, Any]) -> None:
    await incidents.spread_incident(act, incident_id=UUID(payload["incident"]))


JOBS: Mapping[str, JobWork] = {
    ending.CLOSE_JOB: _close_ticket,
    incidents.SPREAD_JOB: _spread_incident,
    housekeeping.KIND: _keep_house,
}

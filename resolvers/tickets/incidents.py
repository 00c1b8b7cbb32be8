"""Incidents: for supervisors."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from domain.shared.errors import NotFound
from domain.tickets import queries
from domain.tickets.actions import incidents
from resolvers.shared.connections import Connection, connection_of
from resolvers.shared.context import Info
from resolvers.shared.edges import After, First, page_of
from resolvers.shared.ids import input_id, input_ids
from resolvers.shared.mutations import INPUT, mutation, user_errors
from resolvers.shared.types import UserError
from resolvers.tickets import inputs
from resolvers.tickets.types import Incident

INCIDENT = "The incident as it stands now; null when nothing was done."


@strawberry.type(description="The new incident.")
class IncidentOpenPayload:
    incident: Incident | None = strawberry.field(default=None, description=INCIDENT)
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The incident with more tickets.")
class IncidentJoinPayload:
    incident: Incident | None = strawberry.field(default=None, description=INCIDENT)
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The incident, mended.")
class IncidentResolvePayload:
    incident: Incident | None = strawberry.field(default=None, description=INCIDENT)
    user_errors: list[UserError] = user_errors()


async def _shown(info: Info, incident_id: UUID) -> Incident:
    found = await queries.incidents_by_id(info.context.viewer, [incident_id])
    if incident_id not in found:
        raise NotFound(["incidentId"])
    return Incident.of(found[incident_id])


@strawberry.type
class IncidentQueries:
    @strawberry.field(description="Incidents, newest first: all for staff, those of the own tickets for buyers.")
    async def incidents(self, info: Info, first: First = None, after: After = None) -> Connection[Incident]:
        page = page_of(info, queries.INCIDENTS, first, after, None, None)
        found = await queries.incident_page(info.context.viewer, page)
        return connection_of(Incident, found, info.context.services.keyring)


@strawberry.type
class IncidentMutations:
    @mutation(description="Announces a cause that tickets share; each of them is told the notice.")
    async def incident_open(self, info: Info, input: Annotated[inputs.IncidentOpenInput, INPUT]) -> IncidentOpenPayload:
        incident_id = await incidents.open_incident(
            info.context.act,
            title=input.title,
            notice=input.notice,
            ticket_ids=input_ids(input.ticket_ids or [], "Ticket", ["ticketIds"]),
            product_id=input_id(input.product_id, "Product", ["productId"]) if input.product_id else None,
            category=input.category,
        )
        return IncidentOpenPayload(incident=await _shown(info, incident_id))

    @mutation(description="Adds tickets to an incident; they are told what the others were told.")
    async def incident_join(self, info: Info, input: Annotated[inputs.IncidentJoinInput, INPUT]) -> IncidentJoinPayload:
        incident_id = await incidents.join_incident(
            info.context.act,
            incident_id=input_id(input.incident_id, "Incident", ["incidentId"]),
            ticket_ids=input_ids(input.ticket_ids, "Ticket", ["ticketIds"]),
        )
        return IncidentJoinPayload(incident=await _shown(info, incident_id))

    @mutation(description="Resolves an incident and, within seconds, each of its tickets that is not over.")
    async def incident_resolve(
        self, info: Info, input: Annotated[inputs.IncidentResolveInput, INPUT]
    ) -> IncidentResolvePayload:
        incident_id = await incidents.resolve_incident(
            info.context.act,
            incident_id=input_id(input.incident_id, "Incident", ["incidentId"]),
            text=input.text,
        )
        return IncidentResolvePayload(incident=await _shown(info, incident_id))

from __future__ import annotations

from typing import Annotated

import strawberry

from domain.tickets import queries
from domain.tickets.kinds import TicketOrder
from domain.tickets.queries import TicketFilter as Wanted
from resolvers.shared.connections import Connection, connection_of
from resolvers.shared.context import Info
from resolvers.shared.edges import After, Before, First, Last, page_of
from resolvers.shared.ids import read_id
from resolvers.tickets.inputs import TicketFilter
from resolvers.tickets.types import Queue, Ticket

ORDERS = {
    TicketOrder.NEWEST: queries.NEWEST,
    TicketOrder.OLDEST: queries.OLDEST,
    TicketOrder.UPDATED: queries.UPDATED,
}


@strawberry.type
class TicketQueries:
    @strawberry.field(description="One ticket that you may see; else null.")
    async def ticket(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")]
    ) -> Ticket | None:
        key = read_id(id, "Ticket", "id")
        return Ticket.of_maybe(await queries.ticket_by_id(info.context.viewer, key))

    @strawberry.field(description="Tickets that you may see: the shop's for staff, a buyer's own for the buyer.")
    async def tickets(
        self,
        info: Info,
        filter: Annotated[TicketFilter | None, strawberry.argument(description="Which tickets.")] = None,
        order_by: Annotated[TicketOrder, strawberry.argument(description="In which order.")] = TicketOrder.NEWEST,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Ticket]:
        page = page_of(info, ORDERS[order_by], first, after, last, before)
        wanted = filter.wanted() if filter else Wanted()
        found = await queries.ticket_page(info.context.viewer, wanted, page)
        return connection_of(Ticket, found, info.context.services.keyring)

    @strawberry.field(description="The shop's queues.")
    async def queues(self, info: Info) -> list[Queue]:
        return [Queue.of(row) for row in await queries.queues_of_shop(info.context.viewer)]

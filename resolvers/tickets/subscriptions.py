from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from domain.shared.act import STAFF
from domain.shared.errors import Missing
from domain.shared.events import audiences_of
from domain.shared.log_cursors import encode_place, read_place
from domain.tickets import queries
from domain.tickets.standing import Standing, standing_of
from domain.tickets.waiting import AgentAtWork, Line, QueueState
from resolvers.shared.context import Info
from resolvers.shared.feed import Delivery
from resolvers.shared.ids import read_id
from resolvers.shared.scalars import Instant
from resolvers.tickets.types import Queue, Ticket, TicketEvent

TicketArgument = Annotated[strawberry.ID, strawberry.argument(description="Which ticket.")]


@strawberry.type(description="One step of a ticket.")
class TicketProgress:
    delivery: strawberry.Private[Delivery]

    @strawberry.field(description="Give it as `after` when you come back, and nothing is lost or repeated.")
    def cursor(self, info: Info) -> str:
        return encode_place(info.context.services.keyring, self.delivery.subject["id"], self.delivery.seq)

    @strawberry.field(
        description="The first payload of a subscription without `after`: no event, the ticket as it stands."
    )
    def initial(self) -> bool:
        return self.delivery.is_initial

    @strawberry.field(description="Your cursor was of no use: forget what you have and start from this ticket.")
    def resync(self) -> bool:
        return self.delivery.is_resync

    @strawberry.field(description="What happened; null when `initial` or `resync`.")
    def event(self) -> TicketEvent | None:
        return TicketEvent.of_maybe(self.delivery.event)

    @strawberry.field(description="The ticket as it stood when the event was read; maybe newer than the event.")
    def ticket(self) -> Ticket:
        return Ticket.of(self.delivery.subject)


@strawberry.type(description="Where a ticket stands in line.")
class QueuePosition:
    standing: strawberry.Private[Standing]

    @strawberry.field(description="In line, or why not any more.")
    def state(self) -> QueueState:
        return self.standing.answer.state

    @strawberry.field(description="1 is next. Exact for the first 50.")
    def position(self) -> int | None:
        return self.standing.answer.position

    @strawberry.field(description="Half of those who stood here waited less; null while nobody can say.")
    def wait_p50_seconds(self) -> int | None:
        return self.standing.answer.wait_p50_seconds

    @strawberry.field(description="Nine of ten who stood here waited less; null while nobody can say.")
    def wait_p90_seconds(self) -> int | None:
        return self.standing.answer.wait_p90_seconds

    @strawberry.field(description="The agent expected to be free first, or who took it; null while nobody can say.")
    def agent_name(self) -> str | None:
        return self.standing.answer.agent_name

    @strawberry.field(description="All of it in a sentence, in the language of the caller.")
    def message(self, info: Info) -> str:
        return self.standing.answer.message(info.context.language)


@strawberry.type(description="An agent at work on a queue.")
class BoardAgent:
    found: strawberry.Private[AgentAtWork]

    @strawberry.field(description="The agent's name.")
    def name(self) -> str:
        return self.found.name

    @strawberry.field(description="Open tickets at the moment.")
    def busy(self) -> int:
        return self.found.busy

    @strawberry.field(description="Open tickets at most.")
    def capacity(self) -> int:
        return self.found.capacity


@strawberry.type(description="A queue at one moment.")
class QueueBoard:
    line: strawberry.Private[Line]
    queue: Queue = strawberry.field(description="Which queue.")

    @strawberry.field(description="When this was read.")
    def at(self) -> Instant:
        return Instant(self.line.now)

    @strawberry.field(description="How many stand in line.")
    def waiting_count(self) -> int:
        return len(self.line.waiting)

    @strawberry.field(description="The first twenty in line, the next one first.")
    def next(self) -> list[Ticket]:
        return [Ticket.of(row) for row in self.line.heads]

    @strawberry.field(description="Who is at work on this queue.")
    def agents(self) -> list[BoardAgent]:
        return [BoardAgent(found=agent) for agent in self.line.agents]

    @strawberry.field(description="Median wait of somebody who came now; null while nobody can say.")
    def wait_p50_seconds(self) -> int | None:
        wait = self.line.wait_seconds(len(self.line.waiting) + 1)
        return wait[0] if wait else None


@strawberry.type
class TicketSubscriptions:
    @strawberry.subscription(
        description="With `after`: exactly what came since, then what comes. Without: first the ticket as it stands,"
        " then what comes. Never a gap, never twice, in order, of what you may see. A cursor that is too old, ahead, or"
        " of another ticket gets one payload with `resync: true` and the ticket as it stands."
    )
    async def ticket_progress(
        self,
        info: Info,
        ticket_id: TicketArgument,
        after: Annotated[
            str | None,
            strawberry.argument(description="The last cursor that you have, or Ticket.progressCursor."),
        ] = None,
    ) -> AsyncGenerator[TicketProgress, None]:
        context, key = info.context, read_id(ticket_id, "Ticket", "ticketId")
        seq = read_place(context.services.keyring, key, after)
        if await queries.ticket_by_id(context.viewer, key) is None:
            raise Missing("There is no such ticket.")
        audiences = audiences_of(context.viewer)
        async with aclosing(context.services.feed.follow("ticket", key, seq)) as deliveries:
            async for delivery in deliveries:
                if not queries.may_see(context.viewer, delivery.subject):
                    return
                if delivery.event is None or delivery.event["audience"] in audiences:
                    context.begin_push(delivery.known)
                    yield TicketProgress(delivery=delivery)

    @strawberry.subscription(
        description="At once where the ticket stands, then whenever the answer changes. Completes once the ticket is"
        " taken or closed."
    )
    async def queue_position(self, info: Info, ticket_id: TicketArgument) -> AsyncGenerator[QueuePosition, None]:
        context, key = info.context, read_id(ticket_id, "Ticket", "ticketId")
        async with aclosing(standing_of(context.viewer, key, context.services.feed.lines)) as standings:
            async for standing in standings:
                yield QueuePosition(standing=standing)

    @strawberry.subscription(
        description="For agents: each queue at once as it stands, then whenever it changed, and every few seconds."
    )
    async def queue_board(
        self,
        info: Info,
        queue_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Which queue; all of the shop's if left out."),
        ] = None,
    ) -> AsyncGenerator[QueueBoard, None]:
        context = info.context
        context.viewer.require(*STAFF)
        queues = {row["id"]: row for row in await queries.queues_of_shop(context.viewer)}
        if queue_id is not None:
            wanted = read_id(queue_id, "Queue", "queueId")
            if wanted not in queues:
                raise Missing("There is no such queue.")
            queues = {wanted: queues[wanted]}
        async with aclosing(context.services.feed.lines(list(queues))) as lines:
            async for line in lines:
                context.begin_push()
                yield QueueBoard(line=line, queue=Queue.of(queues[line.queue_id]))

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from domain.identity import queries as identity
from domain.shared.errors import NotFound
from domain.tickets import queries
from domain.tickets.actions import ending, opening, talking, working
from resolvers.identity.types import Agent
from resolvers.shared.context import Info
from resolvers.shared.ids import input_id
from resolvers.shared.mutations import INPUT, mutation, user_errors
from resolvers.shared.types import UserError
from resolvers.tickets import inputs
from resolvers.tickets.types import Message, Ticket

TICKET = "The ticket as it stands now; null when nothing was done."


@strawberry.type(description="The new ticket.")
class TicketOpenPayload:
    ticket: Ticket | None = strawberry.field(default=None, description=TICKET)
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The message that was added.")
class MessageAddPayload:
    message: Message | None = strawberry.field(default=None, description="Null when nothing was added.")
    ticket: Ticket | None = strawberry.field(default=None, description=TICKET)
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The agent, at work or not.")
class PresenceSetPayload:
    agent: Agent | None = strawberry.field(default=None, description="You, as the others see you now.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The ticket that is yours now.")
class TicketClaimNextPayload:
    ticket: Ticket | None = strawberry.field(default=None, description="Null without errors: nobody is waiting.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The ticket and its agent.")
class TicketAssignPayload:
    ticket: Ticket | None = strawberry.field(default=None, description=TICKET)
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The ticket in its new place.")
class TicketTransferPayload:
    ticket: Ticket | None = strawberry.field(default=None, description=TICKET)
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The ticket, resolved.")
class TicketResolvePayload:
    ticket: Ticket | None = strawberry.field(default=None, description=TICKET)
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The ticket, open again.")
class TicketReopenPayload:
    ticket: Ticket | None = strawberry.field(default=None, description=TICKET)
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The ticket, rated.")
class TicketRatePayload:
    ticket: Ticket | None = strawberry.field(default=None, description=TICKET)
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The ticket, further ahead.")
class TicketPrioritizePayload:
    ticket: Ticket | None = strawberry.field(default=None, description=TICKET)
    user_errors: list[UserError] = user_errors()


async def _shown(info: Info, ticket_id: UUID) -> Ticket:
    """Read again under the viewer's rights; an earlier call's subject may have left their reach since."""
    row = await queries.ticket_by_id(info.context.viewer, ticket_id)
    if row is None:
        raise NotFound(["ticketId"])
    return Ticket.of(row)


@strawberry.type
class TicketMutations:
    @mutation(description="Opens a ticket and puts it into the queue that knows its subject.")
    async def ticket_open(self, info: Info, input: Annotated[inputs.TicketOpenInput, INPUT]) -> TicketOpenPayload:
        ticket_id = await opening.open_ticket(
            info.context.act,
            text=input.text,
            order_id=input_id(input.order_id, "Order", ["orderId"]) if input.order_id else None,
            order_number=input.order_number,
            category=input.category,
            language=input.language,
            notice_channel=input.notice_channel,
            idempotency_key=input.idempotency_key,
        )
        return TicketOpenPayload(ticket=await _shown(info, ticket_id))

    @mutation(description="Adds a message. A buyer's message to a resolved ticket reopens it.")
    async def message_add(self, info: Info, input: Annotated[inputs.MessageAddInput, INPUT]) -> MessageAddPayload:
        ticket_id = input_id(input.ticket_id, "Ticket", ["ticketId"])
        message_id = await talking.add_message(
            info.context.act,
            ticket_id=ticket_id,
            text=input.text,
            is_internal=input.internal,
            awaits_buyer=input.awaits_buyer,
            idempotency_key=input.idempotency_key,
        )
        message = (await queries.messages_by_id(info.context.viewer, [message_id])).get(message_id)
        return MessageAddPayload(message=Message.of_maybe(message), ticket=await _shown(info, ticket_id))

    @mutation(description="Sets whether you are at work, and for how many tickets at once.")
    async def presence_set(self, info: Info, input: Annotated[inputs.PresenceSetInput, INPUT]) -> PresenceSetPayload:
        agent_id = await working.set_presence(info.context.act, presence=input.status, capacity=input.capacity)
        found = await identity.agents_by_id(info.context.viewer, [agent_id])
        return PresenceSetPayload(agent=Agent.of_maybe(found.get(agent_id)))

    @mutation(description="Gives you the first ticket in line. Two agents never get the same one.")
    async def ticket_claim_next(
        self, info: Info, input: Annotated[inputs.TicketClaimNextInput, INPUT]
    ) -> TicketClaimNextPayload:
        queue_id = input_id(input.queue_id, "Queue", ["queueId"]) if input.queue_id else None
        ticket_id = await working.claim_next(info.context.act, queue_id=queue_id)
        return TicketClaimNextPayload(ticket=await _shown(info, ticket_id) if ticket_id else None)

    @mutation(description="Takes a certain ticket, or as a supervisor gives it to somebody who has room.")
    async def ticket_assign(self, info: Info, input: Annotated[inputs.TicketAssignInput, INPUT]) -> TicketAssignPayload:
        ticket_id = await working.assign_ticket(
            info.context.act,
            ticket_id=input_id(input.ticket_id, "Ticket", ["ticketId"]),
            agent_id=input_id(input.agent_id, "Agent", ["agentId"]) if input.agent_id else None,
        )
        return TicketAssignPayload(ticket=await _shown(info, ticket_id))

    @mutation(description="Passes a ticket on to another queue or agent.")
    async def ticket_transfer(
        self, info: Info, input: Annotated[inputs.TicketTransferInput, INPUT]
    ) -> TicketTransferPayload:
        ticket_id = await working.transfer_ticket(
            info.context.act,
            ticket_id=input_id(input.ticket_id, "Ticket", ["ticketId"]),
            queue_id=input_id(input.queue_id, "Queue", ["queueId"]) if input.queue_id else None,
            agent_id=input_id(input.agent_id, "Agent", ["agentId"]) if input.agent_id else None,
            note=input.note,
        )
        return TicketTransferPayload(ticket=await _shown(info, ticket_id))

    @mutation(description="Resolves a ticket. It closes by itself after seven days unless it is reopened.")
    async def ticket_resolve(
        self, info: Info, input: Annotated[inputs.TicketResolveInput, INPUT]
    ) -> TicketResolvePayload:
        ticket_id = await ending.resolve_ticket(
            info.context.act,
            ticket_id=input_id(input.ticket_id, "Ticket", ["ticketId"]),
            text=input.text,
        )
        return TicketResolvePayload(ticket=await _shown(info, ticket_id))

    @mutation(description="Opens a resolved ticket again; it goes back into its queue.")
    async def ticket_reopen(self, info: Info, input: Annotated[inputs.TicketReopenInput, INPUT]) -> TicketReopenPayload:
        ticket_id = await ending.reopen_ticket(
            info.context.act,
            ticket_id=input_id(input.ticket_id, "Ticket", ["ticketId"]),
            text=input.text,
        )
        return TicketReopenPayload(ticket=await _shown(info, ticket_id))

    @mutation(description="Rates the newest resolution, once; for the buyer.")
    async def ticket_rate(self, info: Info, input: Annotated[inputs.TicketRateInput, INPUT]) -> TicketRatePayload:
        ticket_id = await ending.rate_ticket(
            info.context.act,
            ticket_id=input_id(input.ticket_id, "Ticket", ["ticketId"]),
            score=input.score,
            comment=input.comment,
        )
        return TicketRatePayload(ticket=await _shown(info, ticket_id))

    @mutation(description="Moves a ticket forward in its queue, within its lane's bound; for supervisors.")
    async def ticket_prioritize(
        self, info: Info, input: Annotated[inputs.TicketPrioritizeInput, INPUT]
    ) -> TicketPrioritizePayload:
        ticket_id = await working.raise_priority(
            info.context.act,
            ticket_id=input_id(input.ticket_id, "Ticket", ["ticketId"]),
            priority=input.priority,
        )
        return TicketPrioritizePayload(ticket=await _shown(info, ticket_id))

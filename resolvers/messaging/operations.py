"""In-site messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from domain.messaging import queries
from domain.messaging.actions import read_item_text
from domain.shared.act import STAFF, Role
from domain.shared.log_cursors import encode_place, read_place
from domain.tickets import queries as tickets
from resolvers.shared.connections import Connection, connection_of
from resolvers.shared.context import Info
from resolvers.shared.edges import After, First, edge, page_of
from resolvers.shared.scalars import Instant
from resolvers.shared.types import OfRow


@strawberry.type(description="One in-site message to the viewer.")
class InboxItem(OfRow):
    created_at: Instant = strawberry.field(description="When it was put there.")
    ticket = edge(
        "Ticket",
        "resolvers.tickets.types",
        key="ticket_id",
        by=tickets.tickets_by_id,
        description="The ticket it is about; null when it is about none.",
    )

    @strawberry.field(
        description="Give it as `after` when you come back, and nothing is lost or repeated; null in lists."
    )
    def cursor(self, info: Info) -> str | None:
        place = self.row.get("place")
        return None if place is None else encode_place(info.context.services.keyring, *place)

    @strawberry.field(description="In one line.")
    def subject(self, info: Info) -> str:
        return read_item_text(info.context.act, self.row, "SUBJECT")

    @strawberry.field(description="The message.")
    def text(self, info: Info) -> str:
        return read_item_text(info.context.act, self.row, "TEXT")


@strawberry.type
class InboxQueries:
    @strawberry.field(description="In-site messages of the viewer, newest first.")
    async def inbox_items(self, info: Info, first: First = None, after: After = None) -> Connection[InboxItem]:
        page = page_of(info, queries.NEWEST, first, after, None, None)
        found = await queries.inbox_items(info.context.viewer, page)
        return connection_of(InboxItem, found, info.context.services.keyring)


@strawberry.type
class InboxSubscriptions:
    @strawberry.subscription(
        description="In-site messages of the viewer: with `after` what came since, then what comes. A cursor that is of"
        " no use counts as none: read inboxItems then."
    )
    async def inbox(
        self,
        info: Info,
        after: Annotated[str | None, strawberry.argument(description="The last cursor that you have.")] = None,
    ) -> AsyncGenerator[InboxItem, None]:
        context = info.context
        context.viewer.require(Role.BUYER, *STAFF)
        owner_id = context.viewer.principal_id
        assert owner_id is not None
        seq = read_place(context.services.keyring, owner_id, after)
        async with aclosing(context.services.feed.follow("inbox", owner_id, seq)) as deliveries:
            async for delivery in deliveries:
                if delivery.event is None:
                    continue
                context.begin_push()
                place = (owner_id, delivery.seq)
                yield InboxItem.of({**delivery.event["item"], "place": place})

from __future__ import annotations

import strawberry

from domain.identity import queries
from domain.identity.kinds import Lane, Presence
from domain.shared.act import ContactKind, Language, Role
from resolvers.shared.context import Info
from resolvers.shared.edges import load_one
from resolvers.shared.scalars import Instant
from resolvers.shared.types import Node, node_type


@node_type("A shop on this server; nothing crosses from one to another.", found_by=queries.shops_by_id)
class Shop(Node):
    slug: str = strawberry.field(description="Names the shop in the X-Shop header.")
    name: str = strawberry.field(description="What buyers know the shop by.")
    language: Language = strawberry.field(description="Used where a caller names none.")


@node_type("Whoever stands behind one purchase contact.", found_by=queries.buyers_by_id)
class Buyer(Node):
    masked_contact: str = strawberry.field(description="The contact, with most of it hidden.")
    contact_kind: ContactKind = strawberry.field(description="What kind of contact it is.")
    lane: Lane = strawberry.field(description="How early this buyer's tickets count.")
    language: Language | None = strawberry.field(description="As the shop tells it; null when it does not.")
    external_id: str | None = strawberry.field(
        description="The shop's own key of the buyer.", resolver=lambda root: root.row["external_key"]
    )
    created_at: Instant = strawberry.field(description="When the contact was first seen.")


@node_type("A person of the shop's staff.", found_by=queries.agents_by_id)
class Agent(Node):
    name: str = strawberry.field(description="The name that buyers see.")
    presence: Presence = strawberry.field(description="Whether the agent is at work.")
    presence_at: Instant = strawberry.field(description="Since when.")
    capacity: int = strawberry.field(description="How many open tickets the agent works on at once.")


@strawberry.type(description="Whoever is calling.")
class Viewer:
    role: Role = strawberry.field(description="What the caller is.")
    scopes: list[str] = strawberry.field(description="What an API key may do; empty for people.")
    name: str = strawberry.field(
        description="The agent's name, the buyer's masked contact, or the key's name; empty for a guest."
    )
    expires_at: Instant | None = strawberry.field(
        description="When the token stops to work; sockets are closed then. Null where it does not end."
    )

    @strawberry.field(description="The shop that everything is about.")
    async def shop(self, info: Info) -> Shop:
        viewer = info.context.viewer
        return Shop.of(await load_one(info.context, queries.shops_by_id, viewer.shop_id))

    @strawberry.field(description="The buyer whose data this is; null for everybody else.")
    async def buyer(self, info: Info) -> Buyer | None:
        viewer = info.context.viewer
        if not viewer.is_buyer or viewer.principal_id is None:
            return None
        return Buyer.of_maybe(await load_one(info.context, queries.buyers_by_id, viewer.principal_id))

    @strawberry.field(description="The member of the staff who is calling; null for everybody else.")
    async def agent(self, info: Info) -> Agent | None:
        viewer = info.context.viewer
        if not viewer.is_staff or viewer.principal_id is None:
            return None
        return Agent.of_maybe(await load_one(info.context, queries.agents_by_id, viewer.principal_id))

"""Who are you: queries and mutations."""

from __future__ import annotations

from typing import Annotated, TypeVar

import strawberry

from domain.identity import actions, sessions
from domain.identity.sessions import Grant
from domain.orders.actions import request_code_for
from domain.shared.act import ContactKind
from resolvers.identity.types import Viewer
from resolvers.shared.context import Info
from resolvers.shared.ids import encode_id, input_id
from resolvers.shared.mutations import INPUT, mutation, user_errors
from resolvers.shared.scalars import Instant
from resolvers.shared.types import UserError


@strawberry.input(description="Name the order or the contact, and the code goes to the contact.")
class CodeRequestInput:
    order_number: str | None = strawberry.field(
        default=None, description="The order whose contact gets the code; or give `contact`."
    )
    contact: str | None = strawberry.field(
        default=None, description="An e-mail address or phone number that something was bought with."
    )
    channel: ContactKind = strawberry.field(
        default=ContactKind.EMAIL, description="Which contact of the order, or what kind `contact` is."
    )


@strawberry.type(description="A code is on its way, if there is anybody to get it. The answer does not tell.")
class CodeRequestPayload:
    challenge_id: strawberry.ID | None = strawberry.field(
        default=None, description="Give it to codeVerify with the code."
    )
    masked_destination: str | None = strawberry.field(
        default=None, description="Where the code goes, with most of it hidden."
    )
    expires_at: Instant | None = strawberry.field(default=None, description="When the code stops to work.")
    user_errors: list[UserError] = user_errors()


@strawberry.input(description="The code that came.")
class CodeVerifyInput:
    challenge_id: strawberry.ID = strawberry.field(description="From codeRequest.")
    code: str = strawberry.field(description="Six digits. Five wrong tries end the challenge.")


@strawberry.type(description="A signed-in caller.")
class Access:
    token: str | None = strawberry.field(
        default=None, description="Send it as `Authorization: Bearer …`. It lasts 15 minutes."
    )
    expires_at: Instant | None = strawberry.field(default=None, description="When `token` stops to work.")
    refresh_token: str | None = strawberry.field(
        default=None, description="Gets a new token from sessionRefresh; keep it secret."
    )
    session_expires_at: Instant | None = strawberry.field(
        default=None, description="When the session itself ends: buyers after 30 days, staff after 12 hours."
    )
    viewer: Viewer | None = strawberry.field(default=None, description="Who was recognised.")
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The buyer is known now.")
class CodeVerifyPayload(Access):
    pass


@strawberry.input(description="How a member of the staff signs in.")
class StaffLoginInput:
    email: str = strawberry.field(description="The address of the account.")
    password: str = strawberry.field(description="The password of the account.")


@strawberry.type(description="The agent is known now.")
class StaffLoginPayload(Access):
    pass


@strawberry.input(description="A session that goes on.")
class SessionRefreshInput:
    refresh_token: str = strawberry.field(description="From codeVerify or staffLogin.")


@strawberry.type(description="The session goes on with a new short token.")
class SessionRefreshPayload(Access):
    pass


A = TypeVar("A", bound=Access)


def _granted(payload: type[A], grant: Grant) -> A:
    viewer = grant.viewer
    return payload(
        token=grant.token,
        expires_at=Instant(grant.expires_at),
        refresh_token=grant.refresh_token,
        session_expires_at=Instant(grant.session_expires_at),
        viewer=Viewer(role=viewer.role, scopes=[], name=viewer.name, expires_at=Instant(grant.expires_at)),
    )


@strawberry.type
class IdentityQueries:
    @strawberry.field(description="Whoever is calling, and in which shop.")
    def viewer(self, info: Info) -> Viewer:
        viewer = info.context.viewer
        expires_at = None if viewer.expires_at is None else Instant(viewer.expires_at)
        return Viewer(role=viewer.role, scopes=sorted(viewer.scopes), name=viewer.name, expires_at=expires_at)


@strawberry.type
class IdentityMutations:
    @mutation(
        description="Sends a one-time code to a purchase contact. The answer does not tell whether the order exists."
    )
    async def code_request(self, info: Info, input: Annotated[CodeRequestInput, INPUT]) -> CodeRequestPayload:
        challenge = await request_code_for(
            info.context.act,
            order_number=input.order_number,
            contact=input.contact,
            channel=input.channel,
        )
        return CodeRequestPayload(
            challenge_id=strawberry.ID(encode_id("Challenge", challenge.id)),
            masked_destination=challenge.masked_destination,
            expires_at=Instant(challenge.expires_at),
        )

    @mutation(description="Proves the contact by the code and gives a buyer's token.")
    async def code_verify(self, info: Info, input: Annotated[CodeVerifyInput, INPUT]) -> CodeVerifyPayload:
        grant = await actions.verify_code(
            info.context.act,
            challenge_id=input_id(input.challenge_id, "Challenge", ["challengeId"]),
            code=input.code,
        )
        info.context.viewer = grant.viewer
        return _granted(CodeVerifyPayload, grant)

    @mutation(description="Signs a member of the staff in.")
    async def staff_login(self, info: Info, input: Annotated[StaffLoginInput, INPUT]) -> StaffLoginPayload:
        grant = await actions.login_staff(info.context.act, email=input.email, password=input.password)
        info.context.viewer = grant.viewer
        return _granted(StaffLoginPayload, grant)

    @mutation(description="A new short token for a session that has not been revoked.")
    async def session_refresh(self, info: Info, input: Annotated[SessionRefreshInput, INPUT]) -> SessionRefreshPayload:
        grant = await sessions.refresh_session(info.context.act, refresh_token=input.refresh_token)
        info.context.viewer = grant.viewer
        return _granted(SessionRefreshPayload, grant)

"""Who does something, when, and with what: the first argument of every action."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import UUID

from domain.shared.clock import now_micros, uuid7
from domain.shared.crypto import Keyring
from domain.shared.described import Described
from domain.shared.errors import Forbidden, Unauthenticated


class Role(Described):
    GUEST = "GUEST", "Nobody has been proved yet; may look up one order with a proof and request a code."
    BUYER = "BUYER", "Somebody who proved control of a purchase contact by a one-time code."
    AGENT = "AGENT", "Works on tickets."
    SUPERVISOR = "SUPERVISOR", "An agent who also moves other agents' tickets and announces incidents."
    ADMIN = "ADMIN", "Runs the shop's account."
    INTEGRATOR = "INTEGRATOR", "A program with an API key; what it may do is in its scopes."


class Language(Described):
    ZH = "ZH", "Chinese (simplified)."
    EN = "EN", "English."
    ES = "ES", "Spanish."


class ContactKind(Described):
    EMAIL = "EMAIL", "An e-mail address."
    PHONE = "PHONE", "A mobile number, kept as E.164."


STAFF = frozenset({Role.AGENT, Role.SUPERVISOR, Role.ADMIN})
LEADS = frozenset({Role.SUPERVISOR, Role.ADMIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Whoever is calling. A guest has a shop but no principal; a buyer's principal is the buyer, staff's the agent."""

    role: Role
    shop_id: UUID
    principal_id: UUID | None = None
    session_id: UUID | None = None
    contact_id: UUID | None = None
    contact_kind: ContactKind | None = None
    scopes: frozenset[str] = frozenset()
    expires_at: int | None = None
    address: str = ""
    name: str = ""

    @staticmethod
    def system(shop_id: UUID) -> Viewer:
        """The machine itself, in a job or a command: staff without a person."""
        return Viewer(role=Role.ADMIN, shop_id=shop_id)

    @property
    def is_staff(self) -> bool:
        return self.role in STAFF

    @property
    def is_lead(self) -> bool:
        return self.role in LEADS

    @property
    def is_buyer(self) -> bool:
        return self.role is Role.BUYER

    def require(self, *roles: Role, scope: str | None = None) -> None:
        """Raises unless the viewer has one of the roles, or is an integrator with the scope."""
        if self.role in roles or (self.role is Role.INTEGRATOR and scope in self.scopes):
            return
        if self.role is Role.GUEST:
            raise Unauthenticated("Sign in first: this needs a token or an API key.")
        raise Forbidden("This is not among the things that your role may do.")


class Hints(Protocol):
    """Tells the processes of this installation what has just been committed. May lose a hint, never raises."""

    def committed(self, topics: Iterable[tuple[str, int]], *, has_jobs: bool) -> None: ...


class NoHints:
    def committed(self, topics: Iterable[tuple[str, int]], *, has_jobs: bool) -> None:
        return None


class Throttle(Protocol):
    """Counts attempts. Raises RateLimited once more than `limit` came for a key within `seconds`."""

    async def hit(self, key: str, *, limit: int, seconds: int) -> None: ...


class NoThrottle:
    async def hit(self, key: str, *, limit: int, seconds: int) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    viewer: Viewer
    keyring: Keyring
    language: Language = Language.ZH
    now: int = field(default_factory=now_micros)
    new_id: Callable[[], UUID] = uuid7
    hints: Hints = field(default_factory=NoHints)
    throttle: Throttle = field(default_factory=NoThrottle)
    public_url: str = ""
    """Where the shop's pages are, for links in messages."""
    reacting_types: frozenset[str] = frozenset()
    """The events that some context answers; only these cost a job."""

    def as_viewer(self, viewer: Viewer) -> Act:
        return replace(self, viewer=viewer)

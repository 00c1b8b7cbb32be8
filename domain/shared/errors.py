"""What can go wrong, by who can mend it: refusals, rights, and everything else (which is a bug)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.shared.described import Described


class ErrorCode(Described):
    """Append-only: clients branch on these."""

    INVALID = "INVALID", "A value breaks the rule that the message states."
    TOO_LONG = "TOO_LONG", "A text or list is longer than allowed."
    REQUIRED = "REQUIRED", "A value is missing that this call needs."
    NOT_FOUND = "NOT_FOUND", "There is no such thing, or it is not yours to see."
    CONFLICT = "CONFLICT", "Something else changed it first; read it again."
    WRONG_STATE = "WRONG_STATE", "The thing is in a state in which this cannot be done."
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED", "This key was already used with another input."
    CODE_INVALID = "CODE_INVALID", "The one-time code is wrong."
    CODE_EXPIRED = "CODE_EXPIRED", "The one-time code is no longer valid; request a new one."
    LOGIN_FAILED = "LOGIN_FAILED", "E-mail, password or second factor is wrong."
    SESSION_ENDED = "SESSION_ENDED", "The session was revoked or has run out; sign in again."
    TICKET_CLOSED = "TICKET_CLOSED", "The ticket is closed for good; open a new one."
    AT_CAPACITY = "AT_CAPACITY", "The agent already works on as many tickets as the capacity allows."
    AGENT_AWAY = "AGENT_AWAY", "The agent is not online, so no ticket can be taken or given."
    ASSIGNED_TO_OTHER = "ASSIGNED_TO_OTHER", "The ticket belongs to another agent."
    ALREADY_RATED = "ALREADY_RATED", "This resolution has been rated already."
    CHANNEL_UNAVAILABLE = "CHANNEL_UNAVAILABLE", "There is no proven contact for that channel."
    INCIDENT_RESOLVED = "INCIDENT_RESOLVED", "The incident is resolved; open a new one."


class DomainError(Exception):
    """A refusal that the caller can act on. Leaves as `userErrors`, never as a stack trace."""

    code: ErrorCode = ErrorCode.INVALID

    def __init__(self, path: Sequence[str | int] = (), /, **facts: object) -> None:
        super().__init__(self.code)
        self.path = [str(part) for part in path]
        self.facts: Mapping[str, object] = facts

    @property
    def message_key(self) -> str:
        return str(self.facts.get("rule", self.code))


class Invalid(DomainError):
    """`rule` names the sentence in the catalogue; the facts fill it."""


class TooLong(DomainError):
    code = ErrorCode.TOO_LONG


class Required(DomainError):
    code = ErrorCode.REQUIRED


class NotFound(DomainError):
    code = ErrorCode.NOT_FOUND


class Conflict(DomainError):
    code = ErrorCode.CONFLICT


class WrongState(DomainError):
    code = ErrorCode.WRONG_STATE


class IdempotencyKeyReused(DomainError):
    code = ErrorCode.IDEMPOTENCY_KEY_REUSED

    def __init__(self) -> None:
        super().__init__(["idempotencyKey"])


class RequestError(Exception):
    """Leaves as a top-level error with `extensions.code`."""

    code = "BAD_USER_INPUT"

    def __init__(self, message: str, **extensions: object) -> None:
        super().__init__(message)
        self.extensions = {"code": self.code, **extensions}


class BadInput(RequestError):
    """An argument of a query or subscription that cannot be read."""


class Unauthenticated(RequestError):
    code = "UNAUTHENTICATED"


class Forbidden(RequestError):
    code = "FORBIDDEN"


class Missing(RequestError):
    """What a subscription was asked to follow does not exist for this viewer."""

    code = "NOT_FOUND"


class RateLimited(RequestError):
    code = "RATE_LIMITED"

    def __init__(self, retry_after: int) -> None:
        super().__init__("Too many requests, try again later.", retryAfter=retry_after)


class Transient(Exception):
    """A job that may succeed when tried again. Anything else that a job raises is a bug and parks it sooner."""

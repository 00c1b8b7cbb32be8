from __future__ import annotations

from domain.shared.errors import DomainError, ErrorCode


class TicketClosed(DomainError):
    code = ErrorCode.TICKET_CLOSED


class AtCapacity(DomainError):
    code = ErrorCode.AT_CAPACITY


class AgentAway(DomainError):
    code = ErrorCode.AGENT_AWAY


class AssignedToOther(DomainError):
    code = ErrorCode.ASSIGNED_TO_OTHER


class AlreadyRated(DomainError):
    code = ErrorCode.ALREADY_RATED


class IncidentResolved(DomainError):
    code = ErrorCode.INCIDENT_RESOLVED

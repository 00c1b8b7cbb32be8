from __future__ import annotations

from domain.shared.errors import DomainError, ErrorCode


class CodeInvalid(DomainError):
    code = ErrorCode.CODE_INVALID


class CodeExpired(DomainError):
    code = ErrorCode.CODE_EXPIRED


class LoginFailed(DomainError):
    code = ErrorCode.LOGIN_FAILED


class SessionEnded(DomainError):
    code = ErrorCode.SESSION_ENDED

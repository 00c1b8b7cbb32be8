"""Answers to HTTP requests that never reached GraphQL: always JSON, always with a code."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.metrics import ERRORS
from domain.shared.errors import RateLimited, RequestError

log = structlog.get_logger(__name__)
STATUSES = {"UNAUTHENTICATED": 401, "FORBIDDEN": 403, "NOT_FOUND": 404, "RATE_LIMITED": 429}


def refusal(status: int, message: str, code: str, more: Mapping[str, object] | None = None) -> Response:
    """Escaped as ASCII, so that nothing in the message can keep it from being sent."""
    ERRORS.labels(code).inc()
    body = json.dumps({"errors": [{"message": message, "extensions": {**(more or {}), "code": code}}]})
    return Response(body, status_code=status, media_type="application/json")


def refused(error: RequestError) -> Response:
    response = refusal(STATUSES.get(error.code, 400), str(error), error.code, error.extensions)
    if isinstance(error, RateLimited):
        response.headers["retry-after"] = str(error.extensions["retryAfter"])
    return response


async def http_refusal(_request: Request, error: Exception) -> Response:
    """For what the router refuses: no such page, or not in this way."""
    assert isinstance(error, HTTPException)
    response = refusal(error.status_code, error.detail, "NOT_FOUND" if error.status_code == 404 else "BAD_REQUEST")
    response.headers.update(error.headers or {})
    return response


async def breakdown(_request: Request, error: Exception) -> Response:
    """For bugs and outages outside the schema, such as a database that is away while the caller is recognised."""
    error_id = secrets.token_hex(6)
    log.error("request.failed", error_id=error_id, exc_info=error)
    return refusal(500, "Something went wrong on our side.", "INTERNAL", {"errorId": error_id})

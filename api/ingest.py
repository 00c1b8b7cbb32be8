"""POST /ingest/orders: a shop system pushes orders, signed with the secret of its source.

Headers: `X-Xiaoka-Source`, `X-Xiaoka-Timestamp` (seconds since 1970) and `X-Xiaoka-Signature`, the hexadecimal
HMAC-SHA256 of the timestamp, a full stop and the raw body. `X-Shop` names the shop where a server has several.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from typing import Any, cast

import orjson
from graphql import (
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_nullable_type,
    is_required_input_field,
)
from graphql.utilities import coerce_input_value, validate_input_value
from starlette.requests import Request
from starlette.responses import Response
from strawberry.types.arguments import convert_argument

from api.auth import Authenticator, preferred_language
from api.refusals import refused
from api.schema import Schema
from api.texts import unstorable
from domain.identity.keys import webhook_secret
from domain.orders.facts import OrderDraft
from domain.orders.ingest import IngestResult, ingest_orders
from domain.orders.rules import MOST_ORDERS
from domain.shared.act import Act, Language, Viewer
from domain.shared.errors import DomainError, Invalid, RequestError, Required
from resolvers.orders.inputs import OrderInput
from resolvers.shared.context import Services
from resolvers.shared.ids import encode_id
from resolvers.shared.types import UserError

WINDOW_SECONDS = 300


class BadSignature(RequestError):
    code = "UNAUTHENTICATED"


class BadBody(RequestError):
    code = "BAD_REQUEST"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class IngestEndpoint:
    def __init__(self, schema: Schema, services: Services, authenticator: Authenticator) -> None:
        self._schema = schema
        self._input = GraphQLNonNull(cast("GraphQLInputObjectType", schema._schema.type_map["OrderInput"]))
        self._services = services
        self._authenticator = authenticator

    async def answer(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except RequestError as error:
            return refused(error)
        except DomainError as error:
            return _json(400, {"userErrors": [_shown(error, Language.EN)]})

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        guest = await self._authenticator.viewer(
            authorization=None,
            shop=request.headers.get("x-shop"),
            address=request.client.host if request.client else "",
        )
        source = request.headers.get("x-xiaoka-source", "")
        await self._require_signature(request, guest, source, body)
        language = await preferred_language(request.headers.get("accept-language"), guest.shop_id)
        act = Act(
            viewer=Viewer.system(guest.shop_id),
            keyring=self._services.keyring,
            language=language,
            hints=self._services.hints,
            reacting_types=self._services.reacting_types,
        )
        drafts = [self._draft(index, order) for index, order in enumerate(_orders(body))]
        results = await ingest_orders(act, source=source, drafts=drafts)
        return _json(200, {"results": [_result(result, language) for result in results]})

    async def _require_signature(self, request: Request, guest: Viewer, source: str, body: bytes) -> None:
        """An unknown source takes as long and says the same as a wrong signature."""
        timestamp = request.headers.get("x-xiaoka-timestamp", "")
        given = request.headers.get("x-xiaoka-signature", "").lower()
        known = await webhook_secret(self._services.keyring, shop_id=guest.shop_id, source=source[:40])
        expected = signature(known or "nobody", timestamp, body)
        is_right = hmac.compare_digest(expected.encode(), given.encode()) and known is not None
        is_fresh = timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12
        if not is_right or not is_fresh or abs(time.time() - int(timestamp)) > WINDOW_SECONDS:
            raise BadSignature("The signature does not fit, or the timestamp is more than five minutes off.")

    def _draft(self, index: int, value: Any) -> OrderDraft | DomainError:
        """Read by the schema's own OrderInput, so webhook and mutation accept exactly the same."""
        path: list[str | int] = ["orders", index]
        if (found := unstorable(value)) is not None:
            return Invalid([*path, *found])
        problems: list[Sequence[str | int]] = []
        validate_input_value(value, self._input, lambda _error, where: problems.append(where))
        if problems:
            missing = _missing_field(self._input, value, problems[0])
            return Required([*path, *problems[0], missing]) if missing else Invalid([*path, *problems[0]])
        coerced = coerce_input_value(value, self._input)
        converter = self._schema.schema_converter
        order = convert_argument(coerced, OrderInput, converter.scalar_registry, self._schema.config)
        return cast("OrderInput", order).draft()


def _missing_field(kind: Any, value: Any, path: Sequence[str | int]) -> str | None:
    """The first field that the object at `path` lacks, when it is an object and lacks one."""
    for step in path:
        inner = get_nullable_type(kind)
        kind = inner.of_type if isinstance(inner, GraphQLList) else inner.fields[step].type
        value = value[step]
    fields = get_nullable_type(kind).fields if isinstance(value, dict) else {}
    return next((name for name, field in fields.items() if is_required_input_field(field) and name not in value), None)


def _orders(body: bytes) -> list[Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = _lenient(body)
    orders = parsed.get("orders") if isinstance(parsed, dict) else None
    if not isinstance(orders, list) or len(orders) > MOST_ORDERS:
        raise BadBody(f"Send an object with `orders`, a list of 1 to {MOST_ORDERS}.")
    return orders


def _lenient(body: bytes) -> Any:
    """The strict reader refuses a half of a surrogate pair for the whole call; this one leaves it to the order."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadBody("The body is not JSON.") from error


def _shown(error: DomainError, language: Language) -> dict[str, object]:
    shown = UserError.of(error, language)
    return {"code": str(shown.code), "message": shown.message, "path": shown.path}


def _result(result: IngestResult, language: Language) -> dict[str, object]:
    return {
        "index": result.index,
        "outcome": str(result.outcome),
        "orderId": encode_id("Order", result.order_id) if result.order_id else None,
        "userErrors": [_shown(result.error, language)] if result.error else [],
    }


def _json(status: int, content: object) -> Response:
    return Response(orjson.dumps(content), status_code=status, media_type="application/json")

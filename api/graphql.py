"""The GraphQL endpoint: HTTP as the GraphQL-over-HTTP draft asks for, and websockets."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.execution import ExecutionResult, PreExecutionError

from api.auth import Authenticator, preferred_language
from api.ide import ide_page
from api.metrics import ERRORS, REQUESTS, SECONDS
from api.schema import Schema
from api.transport_ws import TransportHandler
from domain.shared.act import Language, Role, Viewer
from domain.shared.errors import RateLimited, RequestError, Unauthenticated
from resolvers.shared.context import Context, Services

RESPONSE_TYPE = "application/graphql-response+json"
JSON_TYPE = "application/json"
MOST_OPERATIONS = 50
NOBODY = Viewer(role=Role.GUEST, shop_id=cast("Any", None))


class SocketContext(Context):
    """What a websocket starts with; who it is comes with connection_init."""

    __slots__ = ("address", "connection_params")
    connection_params: dict[str, object]
    address: str


class TextSocket(ASGIWebSocketAdapter):
    """Frames are text, as the protocol wants; the view's JSON is bytes."""

    async def send_json(self, message: Mapping[str, object]) -> None:
        await self.ws.send_text(orjson.dumps(message).decode())


class Endpoint(GraphQL[Context, None]):
    websocket_adapter_class = TextSocket  # type: ignore[assignment]
    graphql_transport_ws_handler_class = TransportHandler

    def __init__(
        self,
        schema: Schema,
        services: Services,
        authenticator: Authenticator,
        *,
        origins: list[str],
        shows_ide: bool,
    ) -> None:
        super().__init__(
            schema,
            graphql_ide="graphiql" if shows_ide else None,
            allow_queries_via_get=True,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=5),
            max_subscriptions_per_connection=MOST_OPERATIONS,
            allowed_origins=origins,
        )
        self._services = services
        self._authenticator = authenticator

    # Who is asking

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        address = request.client.host if request.client else ""
        if isinstance(request, WebSocket):
            context = SocketContext(viewer=NOBODY, language=Language.ZH, services=self._services)
            context.connection_params, context.address = {}, address
            return context
        viewer = await self._authenticator.viewer(
            authorization=request.headers.get("authorization"),
            shop=request.headers.get("x-shop"),
            address=address,
        )
        language = await preferred_language(request.headers.get("accept-language"), viewer.shop_id)
        return Context(viewer=viewer, language=language, services=self._services)

    async def on_ws_connect(self, context: Context) -> dict[str, object]:
        assert isinstance(context, SocketContext)
        given = context.connection_params
        try:
            context.viewer = await self._authenticator.viewer(
                authorization=_text(given, "authorization"),
                shop=_text(given, "shop"),
                address=context.address,
            )
        except RequestError as error:
            ERRORS.labels(error.code).inc()
            raise ConnectionRejectionError from error
        context.language = await preferred_language(_text(given, "language"), context.viewer.shop_id)
        return {"role": str(context.viewer.role)}

    # HTTP

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await super().__call__(scope, receive, send)
        request, began = Request(scope=scope, receive=receive), time.perf_counter()
        REQUESTS.labels("http").inc()
        try:
            response = await self.run(request)
        except HTTPException as error:
            response = _refusal(error.status_code, error.reason, _code_of(error.status_code))
        except RequestError as error:
            response = _request_error(error)
        SECONDS.observe(time.perf_counter() - began)
        await response(scope, receive, send)

    async def render_graphql_ide(self, request: Request) -> Response:
        return HTMLResponse(ide_page())

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData | list[GraphQLRequestData]:
        if request.method == "POST" and _media_type(request.headers) != JSON_TYPE:
            raise HTTPException(415, f"Send the request as {JSON_TYPE}.")
        try:
            parsed = await super().parse_http_body(request)
        except (AttributeError, TypeError) as error:
            raise HTTPException(400, "The body is not a GraphQL request.") from error
        if isinstance(parsed, GraphQLRequestData):
            _require_shape(parsed)
        return parsed

    def decode_json(self, data: str | bytes) -> object:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise json.JSONDecodeError("The body is not JSON", "", 0) from error

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    async def execute_operation(  # noqa: PLR0917 - the base class's signature
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        request_data: GraphQLRequestData | list[GraphQLRequestData],
        context: Context,
        root_value: None,
        sub_response: Response,
    ) -> Any:
        result = await super().execute_operation(
            request=request,
            request_adapter=request_adapter,
            request_data=request_data,
            context=context,
            root_value=root_value,
            sub_response=sub_response,
        )
        if _wants_response_type(request.headers.get("accept", "")):
            sub_response.headers["content-type"] = RESPONSE_TYPE
            if isinstance(result, ExecutionResult) and _never_ran(result):
                sub_response.status_code = 400
        return result

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        answer: dict[str, Any] = {}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        if not _never_ran(result):
            answer["data"] = result.data
        return cast("GraphQLHTTPResponse", answer)

    def create_response(self, response_data: Any, sub_response: Response) -> Response:
        return Response(
            self.encode_json(response_data),
            status_code=sub_response.status_code or 200,
            headers={"content-type": sub_response.headers.get("content-type", JSON_TYPE)},
        )


def _text(given: Mapping[str, object], name: str) -> str | None:
    value = given.get(name)
    if value is None or isinstance(value, str):
        return value
    raise Unauthenticated(f"`{name}` is a text.")


def _media_type(headers: Mapping[str, str]) -> str:
    value = next((v for k, v in headers.items() if k.lower() == "content-type"), "")
    return value.partition(";")[0].strip().lower()


def _wants_response_type(accept: str) -> bool:
    return RESPONSE_TYPE in accept


def _never_ran(result: ExecutionResult) -> bool:
    """Refused before it was executed: by parsing, validation, or the coercion of variables."""
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and bool(result.errors) and all(not error.path for error in result.errors or ())


def _require_shape(request: GraphQLRequestData) -> None:
    shapes = (
        (request.query, str),
        (request.operation_name, str),
        (request.variables, dict),
        (request.extensions, dict),
    )
    if any(value is not None and not isinstance(value, kind) for value, kind in shapes):
        raise HTTPException(400, "The body is not a GraphQL request.")


def _code_of(status: int) -> str:
    return {413: "PAYLOAD_TOO_LARGE"}.get(status, "BAD_REQUEST")


def _request_error(error: RequestError) -> Response:
    status = {"UNAUTHENTICATED": 401, "RATE_LIMITED": 429, "BAD_REQUEST": 400}.get(error.code, 403)
    response = _refusal(status, str(error), error.code)
    if isinstance(error, RateLimited):
        response.headers["retry-after"] = str(error.extensions["retryAfter"])
    return response


def _refusal(status: int, message: str, code: str) -> Response:
    """Escaped as ASCII: the message may quote half of a surrogate pair."""
    ERRORS.labels(code).inc()
    body = json.dumps({"errors": [{"message": message, "extensions": {"code": code}}]})
    return Response(body, status_code=status, media_type=JSON_TYPE)

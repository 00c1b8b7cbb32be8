"""The GraphQL endpoint: HTTP as the GraphQL-over-HTTP draft asks for, and websockets."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from types import NoneType
from typing import Any, cast

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError, MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from api.auth import Authenticator, preferred_language
from api.ide import ide_page
from api.metrics import ERRORS, REQUESTS, SECONDS
from api.refusals import refusal, refused
from api.schema import Schema
from api.texts import is_storable
from api.transport_ws import TransportHandler
from domain.shared.act import Language, Role, Viewer
from domain.shared.errors import RequestError, Unauthenticated
from resolvers.shared.context import Context, Services

RESPONSE_TYPE = "application/graphql-response+json"
JSON_TYPE = "application/json"
MOST_OPERATIONS = 50
SHAPE = {"query": str, "operationName": str, "variables": dict, "extensions": dict}
ALLOWED = {
    "GET": {OperationType.QUERY},
    "POST": {OperationType.QUERY, OperationType.MUTATION},
}
NOBODY = Viewer(role=Role.GUEST, shop_id=cast("Any", None))


class SocketContext(Context):
    """What a websocket starts with; who it is comes with connection_init."""

    __slots__ = ("address", "connection_params")
    connection_params: dict[str, object]
    address: str


class TextSocket(ASGIWebSocketAdapter):
    """Frames are text, as the protocol wants; the view's JSON is bytes."""

    async def send_json(self, message: Mapping[str, object]) -> None:
        await self.ws.send_text(encoded(message).decode())


def encoded(content: object) -> bytes:
    """The fast writer cannot write half of a surrogate pair, which an error may quote from what came in."""
    try:
        return orjson.dumps(content)
    except TypeError:
        return json.dumps(content).encode()


class Endpoint(GraphQL[Context, None]):
    websocket_adapter_class = TextSocket
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
            context.language = await preferred_language(_text(given, "language"), context.viewer.shop_id)
        except RequestError as error:
            ERRORS.labels(error.code).inc()
            raise ConnectionRejectionError from error
        return {"role": str(context.viewer.role)}

    # HTTP

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request, began = Request(scope=scope, receive=receive), time.perf_counter()
        REQUESTS.labels("http").inc()
        try:
            response = await self.run(request)
        except HTTPException as error:
            response = refusal(error.status_code, error.reason, "BAD_REQUEST")
        except RequestError as error:
            response = refused(error)
        SECONDS.observe(time.perf_counter() - began)
        await response(scope, receive, send)

    async def render_graphql_ide(self, request: Request) -> Response:
        return HTMLResponse(ide_page())

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        if request.method == "GET":
            given: Any = self.parse_query_params(request.query_params)
        elif _media_type(request.headers) == JSON_TYPE:
            given = self.parse_json(await request.get_body())
        else:
            raise HTTPException(415, f"Send the request as {JSON_TYPE}.")
        if not isinstance(given, dict) or any(
            not isinstance(given.get(name), kind | NoneType) for name, kind in SHAPE.items()
        ):
            raise HTTPException(400, "That is not a GraphQL request: an object with `query`, `variables` and so on.")
        return GraphQLRequestData(
            query=given.get("query"),
            variables=given.get("variables"),
            operation_name=given.get("operationName"),
            extensions=given.get("extensions"),
            protocol="http",
        )

    def decode_json(self, data: str | bytes) -> object:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise json.JSONDecodeError("Not JSON", "", 0) from error

    def encode_json(self, data: object) -> bytes:
        return encoded(data)

    async def execute_operation(  # noqa: PLR0917 - the base class's signature
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        request_data: GraphQLRequestData | list[GraphQLRequestData],
        context: Context,
        root_value: None,
        sub_response: Response,
    ) -> ExecutionResult:
        assert isinstance(request_data, GraphQLRequestData)
        allowed = ALLOWED[request.method]
        try:
            result = await self.schema.execute(
                request_data.query,
                variable_values=request_data.variables,
                context_value=context,
                operation_name=request_data.operation_name,
                allowed_operation_types=allowed,
                operation_extensions=request_data.extensions,
            )
        except MissingQueryError as error:
            raise HTTPException(400, "There is no `query` in the request.") from error
        except CannotGetOperationTypeError as error:
            raise HTTPException(400, "`operationName` must name an operation of the document.") from error
        except InvalidOperationTypeError as error:
            raise HTTPException(405, error.as_http_error_reason(request.method)) from error
        if prefers_response_type(request.headers.get("accept", "")):
            sub_response.headers["content-type"] = RESPONSE_TYPE
            if _never_ran(result):
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
    if value is None or (isinstance(value, str) and is_storable(value)):
        return value
    raise Unauthenticated(f"`{name}` is a text.")


def _media_type(headers: Mapping[str, str]) -> str:
    value = next((v for k, v in headers.items() if k.lower() == "content-type"), "")
    return value.partition(";")[0].strip().lower()


def prefers_response_type(accept: str) -> bool:
    """Whether the newer media type is named, and with no less weight than plain JSON."""
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            weights[name] = float(quality)
        except ValueError:
            weights[name] = 0.0
    weight = weights.get(RESPONSE_TYPE, 0.0)
    return weight > 0 and weight >= weights.get(JSON_TYPE, 0.0)


def _never_ran(result: ExecutionResult) -> bool:
    """Refused before it was executed: by parsing, validation, or the coercion of variables."""
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and bool(result.errors) and all(not error.path for error in result.errors or ())

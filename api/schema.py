"""The schema: the areas put together, its limits, and the one place where errors get their codes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Annotated, Any

import strawberry
import structlog
from graphql import GraphQLError, GraphQLSyntaxError, get_operation_ast
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import DisableIntrospection, SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types.execution import ExecutionContext

from api.limits import BoundedParsing, BoundedValidation, is_limit
from api.metrics import ERRORS
from api.texts import RefuseUnstorableTexts
from domain.shared.errors import BadInput
from resolvers.identity.operations import IdentityMutations, IdentityQueries
from resolvers.messaging.operations import InboxQueries, InboxSubscriptions
from resolvers.orders.operations import OrderMutations, OrderQueries
from resolvers.shared.context import Info
from resolvers.shared.ids import split_id
from resolvers.shared.scalars import SCALARS
from resolvers.shared.types import NODE_TYPES, Node, read_field
from resolvers.tickets.incidents import IncidentMutations, IncidentQueries
from resolvers.tickets.mutations import TicketMutations
from resolvers.tickets.queries import TicketQueries
from resolvers.tickets.subscriptions import TicketSubscriptions

log = structlog.get_logger(__name__)
MOST_NODES = 100


@strawberry.type
class NodeQueries:
    @strawberry.field(description="Anything by its global id; null for what does not exist for you.")
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")]
    ) -> Node | None:
        return (await _nodes(info, [id], "id"))[0]

    @strawberry.field(description="The same for up to 100 ids, in their order.")
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Global ids.")],
    ) -> list[Node | None]:
        if len(ids) > MOST_NODES:
            raise BadInput(f"`ids` may hold {MOST_NODES} at most.", argument=["ids"])
        return await _nodes(info, ids, "ids")


async def _nodes(info: Info, ids: list[strawberry.ID], argument: str) -> list[Node | None]:
    """One statement a type. An id of an unknown type is one that cannot be read."""
    keys = []
    for text in ids:
        found = split_id(text)
        if found is None or found[0] not in NODE_TYPES:
            raise BadInput(f"`{argument}` holds something that is not a global id.", argument=[argument])
        keys.append(found)
    rows: dict[tuple[str, Any], Node] = {}
    for name in {name for name, _ in keys}:
        wanted = [key for type_name, key in keys if type_name == name]
        found_rows = await NODE_TYPES[name].found_by(info.context.viewer, wanted)
        rows |= {(name, key): NODE_TYPES[name].of(row) for key, row in found_rows.items()}
    return [rows.get(key) for key in keys]


@strawberry.type
class Query(NodeQueries, IdentityQueries, OrderQueries, TicketQueries, IncidentQueries, InboxQueries):
    pass


@strawberry.type
class Mutation(OrderMutations, IdentityMutations, TicketMutations, IncidentMutations):
    pass


@strawberry.type
class Subscription(TicketSubscriptions, InboxSubscriptions):
    pass


def _code_of(error: GraphQLError) -> str:
    if error.extensions and "code" in error.extensions:
        return str(error.extensions["code"])
    if error.path:
        return "BAD_USER_INPUT" if error.original_error is None else "INTERNAL"
    return _code_before_running(error)


def _code_before_running(error: GraphQLError) -> str:
    original = error.original_error
    if is_limit(error):
        return "COST_EXCEEDED"
    if isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_PARSE_FAILED"
    if original is None:
        return "GRAPHQL_VALIDATION_FAILED"
    if isinstance(original, GraphQLError):  # a variable that does not fit its type
        return "BAD_USER_INPUT"
    return "BAD_REQUEST" if isinstance(original, CannotGetOperationTypeError | MissingQueryError) else "INTERNAL"


class OneOperation(SchemaExtension):
    """As shipped, the first of several operations runs when none is named."""

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        document = context.graphql_document
        is_unclear = document is not None and get_operation_ast(document, context._provided_operation_name) is None  # noqa: SLF001
        if is_unclear and context.pre_execution_errors is None:
            message = "Name the operation that is meant in `operationName`."
            context.pre_execution_errors = [GraphQLError(message, extensions={"code": "BAD_REQUEST"})]
        yield


class Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Gives each error its code, in place. What is a bug is logged under an id and says nothing else."""
        for error in errors:
            code = _code_of(error)
            ERRORS.labels(code).inc()
            if code != "INTERNAL":
                error.extensions = {**(error.extensions or {}), "code": code}
                continue
            error_id = secrets.token_hex(6)
            log.error("request.failed", error_id=error_id, exc_info=error.original_error or error)
            error.message = "Something went wrong on our side."
            error.extensions = {"code": code, "errorId": error_id}


def make_schema(*, introspection: bool = True) -> Schema:
    extensions: list[Any] = [
        BoundedParsing,
        RefuseUnstorableTexts,
        OneOperation,
        BoundedValidation,
    ]
    if not introspection:
        extensions.append(DisableIntrospection)
    return Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=list(NODE_TYPES.values()),
        extensions=extensions,
        config=StrawberryConfig(
            default_resolver=read_field,
            scalar_map=SCALARS,
            disable_field_suggestions=not introspection,
        ),
    )

"""GraphQL over websockets (graphql-transport-ws), where a bad message never costs the other subscriptions."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import NoneType
from typing import Any, cast

from graphql import GraphQLError
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message
from strawberry.utils.aio import aclosing

from api.metrics import REQUESTS, SOCKETS
from domain.shared.clock import SECOND, now_micros
from domain.shared.errors import RateLimited
from resolvers.shared.context import Context

EXPIRED = "The token has run out"
LONGEST_ID = 200


class TransportHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """As shipped, a syntax error closes the socket and a message of the wrong shape kills it without a code."""

    _expiry: asyncio.TimerHandle | None = None

    async def handle(self) -> None:
        with SOCKETS.track_inprogress():
            await super().handle()

    async def shutdown(self) -> None:
        if self._expiry:
            self._expiry.cancel()
        await super().shutdown()

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> str | None:  # noqa: ARG004 - as in the base class
        return None

    async def handle_message(self, message: Any) -> None:
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            await self.handle_invalid_message("A message is an object with a type")
            return
        if message["type"] == "connection_init" and message.get("payload") is None:
            message["payload"] = {}
        if message["type"] in ("subscribe", "complete") and not _is_id(message.get("id")):
            await self.handle_invalid_message("The id of an operation is a text that is not empty")
            return
        if message["type"] == "subscribe" and not _is_request(message.get("payload")):
            await self.handle_invalid_message("The payload of subscribe is not a GraphQL request")
            return
        await super().handle_message(cast("Message", message))

    async def handle_connection_init(self, message: Any) -> None:
        await super().handle_connection_init(message)
        if self.connection_acknowledged and self._expiry is None:
            expires_at = self.context.viewer.expires_at
            if expires_at is not None:
                left = max(0.0, (expires_at - now_micros()) / SECOND)
                loop = asyncio.get_running_loop()
                self._expiry = loop.call_later(left, self._close_expired)

    def _close_expired(self) -> None:
        task = asyncio.ensure_future(self.websocket.close(code=4403, reason=EXPIRED))
        task.add_done_callback(self._task_done)

    async def handle_subscribe(self, message: Any) -> None:
        """One operation too many is refused with a code; as shipped, with a message alone."""
        most = self.max_subscriptions_per_connection
        is_new = self.connection_acknowledged and message["id"] not in self.operations
        if is_new and most is not None and len(self.operations) >= most:
            error = RateLimited(1)
            shown = {"message": f"One socket carries {most} operations at most.", "extensions": error.extensions}
            await self.websocket.send_json({"id": message["id"], "type": "error", "payload": [shown]})
            return
        await super().handle_subscribe(message)

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """As the base class does it, with a context of its own for each operation: loaders must not outlive one."""
        try:
            REQUESTS.labels("websocket").inc()
            source = await self.schema.stream(
                operation.query,
                variable_values=operation.variables,
                context_value=self.context.for_operation(),
                root_value=self.root_value,
                operation_name=operation.operation_name,
            )
            async with aclosing(source):
                await self._send_result_stream(operation, source)
            await operation.send_operation_message({"id": operation.id, "type": "complete"})
        except GraphQLError as error:  # the document was refused while it was read
            schema: Any = self.schema
            schema.process_errors([error])
            await operation.send_initial_errors([error])
        except Exception as error:
            await self.handle_task_exception(error)
            with suppress(Exception):
                await operation.send_operation_message({"id": operation.id, "type": "complete"})
            self.operations.pop(operation.id, None)
            raise


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID


def _is_request(payload: object) -> bool:
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        return False
    return (
        isinstance(payload.get("variables"), dict | NoneType)
        and isinstance(payload.get("extensions"), dict | NoneType)
        and isinstance(payload.get("operationName"), str | NoneType)
    )

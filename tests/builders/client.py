"""A real client: GraphQL over HTTP and over graphql-transport-ws, as thin as can be."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self

import httpx
import websockets
from websockets.asyncio.client import ClientConnection

PATIENCE = 20.0


class Refused(AssertionError):
    """The answer held top-level errors; `codes` are theirs."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(json.dumps(errors, ensure_ascii=False))
        self.errors = errors
        self.codes = [error.get("extensions", {}).get("code") for error in errors]


class Client:
    def __init__(self, url: str, *, token: str | None = None, shop: str | None = None, language: str = "en") -> None:
        self.url = url
        self.headers = {"accept-language": language}
        if token:
            self.headers["authorization"] = f"Bearer {token}"
        if shop:
            self.headers["x-shop"] = shop
        self._http = httpx.AsyncClient(base_url=url, trust_env=False, timeout=30, headers=self.headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def post(self, body: Any = None, **options: Any) -> httpx.Response:
        """The bare HTTP answer; `content=` for bodies that are not JSON."""
        return (
            await self._http.post("/graphql", json=body, **options)
            if body is not None
            else (await self._http.post("/graphql", **options))
        )

    async def run(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data; raises Refused when there are top-level errors."""
        answer = (await self.post({"query": query, "variables": variables})).json()
        if "errors" in answer:
            raise Refused(answer["errors"])
        data: dict[str, Any] = answer["data"]
        return data

    async def mutate(self, field: str, selection: str, **input: Any) -> dict[str, Any]:
        """One mutation by its name; asserts that it was not refused, and gives its payload."""
        payload = await self.attempt(field, selection, **input)
        assert payload["userErrors"] == [], payload["userErrors"]
        return payload

    async def attempt(self, field: str, selection: str, **input: Any) -> dict[str, Any]:
        type_name = field[0].upper() + field[1:] + "Input"
        query = (
            f"mutation($input: {type_name}!) {{ {field}(input: $input)"
            f" {{ {selection} userErrors {{ code path message }} }} }}"
        )
        payload: dict[str, Any] = (await self.run(query, input=input))[field]
        return payload

    @asynccontextmanager
    async def socket(self, **init: Any) -> AsyncIterator[Socket]:
        payload = {"language": self.headers["accept-language"], **init}
        for name, header in (("authorization", "authorization"), ("shop", "x-shop")):
            if header in self.headers:
                payload.setdefault(name, self.headers[header])
        connection = await websockets.connect(
            self.url.replace("http", "ws", 1) + "/graphql",
            subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
            open_timeout=PATIENCE,
            proxy=None,
            compression=None,
        )
        socket = Socket(connection)
        try:
            await socket.begin(payload)
            yield socket
        finally:
            await socket.close()


class Socket:
    """Many operations over one connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._numbers = itertools.count(1)
        self._streams: dict[str, asyncio.Queue[dict[str, Any] | None]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def begin(self, payload: dict[str, Any]) -> None:
        await self.send({"type": "connection_init", "payload": payload})
        message = json.loads(await asyncio.wait_for(self.connection.recv(), PATIENCE))
        assert message["type"] == "connection_ack", message
        self._reader = asyncio.create_task(self._read())

    async def send(self, message: dict[str, Any]) -> None:
        await self.connection.send(json.dumps(message))

    async def subscribe(self, query: str, **variables: Any) -> Stream:
        number = str(next(self._numbers))
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._streams[number] = queue
        await self.send({"id": number, "type": "subscribe", "payload": {"query": query, "variables": variables}})
        return Stream(self, number, queue)

    async def _read(self) -> None:
        try:
            async for text in self.connection:
                message = json.loads(text)
                if message.get("id") in self._streams:
                    self._streams[message["id"]].put_nowait(message)
                elif message["type"] == "ping":
                    await self.send({"type": "pong"})
        except websockets.ConnectionClosed:
            pass
        finally:
            for queue in self._streams.values():
                queue.put_nowait(None)

    def drop(self) -> None:
        """As a phone in a tunnel: the connection is gone without a word."""
        self.connection.transport.abort()

    async def close(self) -> None:
        with suppress(Exception):
            await self.connection.close()
        if self._reader:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader


class Disconnected(Exception):
    """The connection ended before the stream did."""


class Stream:
    """One subscription; also an operation of any kind over the socket."""

    def __init__(self, socket: Socket, number: str, queue: asyncio.Queue[dict[str, Any] | None]) -> None:
        self._socket = socket
        self._number = number
        self._queue = queue

    async def message(self, within: float = PATIENCE) -> dict[str, Any]:
        message = await asyncio.wait_for(self._queue.get(), within)
        if message is None:
            raise Disconnected
        return message

    async def next(self, within: float = PATIENCE) -> Any:
        """The value of the next payload's only field. Raises Refused for errors, StopAsyncIteration at the end."""
        message = await self.message(within)
        if message["type"] == "complete":
            raise StopAsyncIteration
        if message["type"] == "error":
            raise Refused(message["payload"])
        payload = message["payload"]
        if payload.get("errors"):
            raise Refused(payload["errors"])
        return next(iter(payload["data"].values()))

    async def nothing_comes(self, within: float = 0.5) -> bool:
        try:
            await asyncio.wait_for(self._queue.get(), within)
        except TimeoutError:
            return True
        return False

    async def complete(self) -> None:
        await self._socket.send({"id": self._number, "type": "complete"})

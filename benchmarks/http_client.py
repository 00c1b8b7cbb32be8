"""HTTP/1.1 as lean as can be: on a small machine the usual clients would be measured instead of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import orjson

PATIENCE = 60.0
Answer = tuple[int, bytes]


def graphql_request(query: str, variables: Mapping[str, Any], *, token: str) -> bytes:
    body = orjson.dumps({"query": query, "variables": variables})
    head = (
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept-language: en\r\n"
        f"authorization: Bearer {token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One kept-alive connection with one request at a time. Answers must announce their length."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    async def ask(self, request: bytes) -> Answer:
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = received[:end].lower()
        begin = head.index(b"content-length:") + len(b"content-length:")
        length = int(head[begin:].split(b"\r\n", 1)[0])
        if len(received) < end + 4 + length:
            return
        self._received = b""
        if self._answer and not self._answer.done():
            self._answer.set_result((int(head[9:12]), received[end + 4 :]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server closed the connection"))


class Caller:
    """Operations one after the other over one connection, for whoever writes while others watch."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._connection = Connection()

    def close(self) -> None:
        self._connection.close()

    async def _ask(self, request: bytes) -> Answer:
        if not self._connection.is_open:  # a server does not keep an idle connection for long
            self._connection = await Connection.open(*self._address)
        return await asyncio.wait_for(self._connection.ask(request), PATIENCE)

    async def mutate(self, field: str, selection: str, given: Mapping[str, Any], *, token: str) -> Any:
        input_type = field[0].upper() + field[1:] + "Input"
        query = f"mutation($input: {input_type}!) {{ {field}(input: $input) {{ {selection} userErrors {{ code }} }} }}"
        request = graphql_request(query, {"input": given}, token=token)
        status, body = await self._ask(request)
        answer = orjson.loads(body)
        if status != 200 or "errors" in answer or answer["data"][field]["userErrors"]:
            raise RuntimeError(f"{field} was answered {status}: {body[:500]!r}")
        return answer["data"][field]


async def ask_once(host: str, port: int, path: str) -> Answer:
    connection = await Connection.open(host, port)
    try:
        request = f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
        return await asyncio.wait_for(connection.ask(request), PATIENCE)
    finally:
        connection.close()

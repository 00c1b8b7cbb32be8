"""The clients of one push measurement, in a process of their own: `python -m benchmarks.watchers`.

The first line of standard input is the plan. Each further line is a command: `report` asks for all that came, and how
busy this process has been since `mark`. Lines of JSON go to standard output. The end of the input ends everything.

Frames are read from the bare connection: 2,000 websockets of a usual library would cost more than the server that is
measured. The moment of a push is when its bytes were handed to this process.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import sys
import time
from collections.abc import Callable
from typing import Any, cast

import orjson
import uvloop

JOINING_AT_ONCE = 50
JOIN_WITHIN = 30.0
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
Push = tuple[int, int, int]
"""Whose it is, when it came (microseconds), and the number of what it says."""


def frame(opcode: int, content: bytes) -> bytes:
    """A client's frame. The mask is zero: it protects proxies, and there is none here."""
    length = len(content)
    head = bytes([0x80 | opcode, 0x80 | length]) if length < 126 else struct.pack(">BBH", 0x80 | opcode, 0xFE, length)
    return head + b"\0\0\0\0" + content


class Watcher(asyncio.Protocol):
    """One websocket with one subscription."""

    __slots__ = ("_joined", "_number", "_rest", "_says", "_took", "_transport")

    def __init__(self, number: int, says: list[bytes], took: Callable[[int, int, bytes], None]) -> None:
        self._number = number
        self._says = says
        self._took = took
        self._rest = b""
        self._joined = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    async def joined(self) -> None:
        await asyncio.wait_for(self._joined, JOIN_WITHIN)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._say_next()

    def _say_next(self) -> None:
        assert self._transport is not None
        if self._says:
            self._transport.write(self._says.pop(0))

    def data_received(self, data: bytes) -> None:
        now = time.time_ns() // 1000
        data = self._rest + data if self._rest else data
        begin = 0
        if data.startswith(b"HTTP/1.1 "):
            if not data.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"no websocket: {data[:300]!r}")
            begin = data.find(b"\r\n\r\n") + 4
            if begin < 4:
                self._rest = data
                return
            self._say_next()
        while (end := self._one_frame(data, begin, now)) > begin:
            begin = end
        self._rest = data[begin:]

    def _one_frame(self, data: bytes, begin: int, now: int) -> int:
        """Where the next one begins; `begin` again while this one is not whole."""
        if len(data) < begin + 2:
            return begin
        length, at = data[begin + 1], begin + 2
        if length == 126 and len(data) >= at + 2:
            length, at = int.from_bytes(data[at : at + 2]), at + 2
        elif length >= 126:
            return begin
        if len(data) < at + length:
            return begin
        self._take(data[begin] & 0xF, data[at : at + length], now)
        return at + length

    def _take(self, opcode: int, content: bytes, now: int) -> None:
        assert self._transport is not None
        if opcode == PING:
            self._transport.write(frame(PONG, content))
        elif opcode == CLOSE:
            raise RuntimeError(f"the server closed a websocket: {content!r}")
        elif b'"connection_ack"' in content:
            self._say_next()
        elif b'"type":"complete"' in content[:40]:
            return
        else:
            assert b'"next"' in content[:40], content
            assert b'"errors"' not in content, content
            if not self._joined.done():
                self._joined.set_result(None)
            self._took(self._number, now, content)


def _greeting(plan: Any, token: str, ticket_id: str) -> list[bytes]:
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = (
        f"GET /graphql HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        f"sec-websocket-key: {key}\r\nsec-websocket-version: 13\r\n"
        "sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
    )
    init = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}", "language": "en"}}
    asked = {"query": plan["query"], "variables": {"ticketId": ticket_id}}
    subscribe = {"id": "1", "type": "subscribe", "payload": asked}
    return [upgrade.encode(), frame(TEXT, orjson.dumps(init)), frame(TEXT, orjson.dumps(subscribe))]


def _tell(**said: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(said) + b"\n")
    sys.stdout.buffer.flush()


class Party:
    """All of them, and what they were told. One event looks the same to all who watch, so each text is kept once."""

    def __init__(self, plan: Any) -> None:
        self._plan = plan
        self._count = len(plan["watchers"])
        self._pushes: list[Push] = []
        self._texts: dict[bytes, int] = {}
        self._began = (time.monotonic(), time.process_time())

    def took(self, watcher: int, at: int, text: bytes) -> None:
        self._pushes.append((watcher, at, self._texts.setdefault(text, len(self._texts))))
        if len(self._pushes) % self._count == 0:
            _tell(told=len(self._pushes))

    async def join(self) -> None:
        room = asyncio.Semaphore(JOINING_AT_ONCE)

        async def join_one(number: int, token: str, ticket_id: str) -> None:
            async with room:
                says = _greeting(self._plan, token, ticket_id)
                _, watcher = await asyncio.get_running_loop().create_connection(
                    lambda: Watcher(number, says, self.took), self._plan["host"], self._plan["port"]
                )
                await watcher.joined()

        async with asyncio.TaskGroup() as group:
            for number, (token, ticket_id) in enumerate(self._plan["watchers"]):
                group.create_task(join_one(number, token, ticket_id))
        _tell(joined=self._count)

    def mark(self) -> None:
        self._began = (time.monotonic(), time.process_time())
        _tell(marked=True)

    def report(self) -> None:
        wall, cpu = time.monotonic() - self._began[0], time.process_time() - self._began[1]
        told = [next(iter(orjson.loads(text)["payload"]["data"].values())) for text in self._texts]
        _tell(pushes=self._pushes, texts=told, busy=cpu / wall)


async def _run() -> None:
    loop = asyncio.get_running_loop()
    # A broken watcher would only be logged; a figure of fewer watchers than named must not come out of this.
    loop.set_exception_handler(lambda _loop, context: os._exit(_complain(context)))
    plan_line = await loop.run_in_executor(None, sys.stdin.buffer.readline)
    party = Party(orjson.loads(plan_line))
    await party.join()
    commands = {b"mark": party.mark, b"report": party.report}
    while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
        commands[line.strip()]()


def _complain(context: dict[str, Any]) -> int:
    sys.stderr.write(f"{context.get('message')}: {context.get('exception')!r}\n")
    sys.stderr.flush()
    return 1


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run())

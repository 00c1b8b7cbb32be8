"""People who follow tickets from wherever there is a server, as a phone on a train would."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Never
from uuid import UUID

import websockets

from domain.shared.crypto import Keyring
from domain.shared.log_cursors import encode_place, read_place
from resolvers.shared.ids import encode_id
from tests.builders.client import Client, Disconnected, Refused, Socket
from tests.builders.scene import Person
from tests.chaos.hours import Hours

PROGRESS = """subscription($id: ID!, $after: String) { ticketProgress(ticketId: $id, after: $after) {
  cursor initial resync event { type message { text } } } }"""
FOREVER = 3600.0


@dataclass(frozen=True, slots=True)
class Step:
    """An event as it was seen; `seq` is what the cursor holds."""

    seq: int
    type: str
    text: str | None


@dataclass(eq=False)
class Watcher:
    """One subscription, resumed with the last cursor however often it breaks. No `begins_after`: it starts blank."""

    name: str
    person: Person
    ticket_id: UUID
    keyring: Keyring
    begins_after: int | None
    seen: list[Step] = field(default_factory=list)
    cursor: str | None = None

    def __post_init__(self) -> None:
        if self.begins_after is not None:
            self.cursor = encode_place(self.keyring, self.ticket_id, self.begins_after)

    async def follow(self, socket: Socket) -> Never:
        stream = await socket.subscribe(PROGRESS, id=encode_id("Ticket", self.ticket_id), after=self.cursor)
        while True:
            try:
                # A stream that falls silent is a fault to be found, so no time-out may heal it.
                payload = await stream.next(within=FOREVER)
            except Refused as refused:
                if refused.codes != ["INTERNAL"]:
                    raise
                raise Disconnected from refused
            self._take(payload)

    def _take(self, payload: dict[str, Any]) -> None:
        seq = read_place(self.keyring, self.ticket_id, payload["cursor"])
        assert seq is not None
        assert not payload["resync"], f"{self.name} was told to start again at {seq}"
        if payload["initial"]:
            assert self.cursor is None, f"{self.name} gave a cursor and was shown the state of {seq}"
            self.begins_after = seq
        else:
            event = payload["event"]
            self.seen.append(Step(seq, event["type"], (event["message"] or {}).get("text")))
        self.cursor = payload["cursor"]


@dataclass(eq=False)
class Device:
    """One socket at a time, on any of the servers, for one or several watchers of the same person."""

    watchers: Sequence[Watcher]
    chance: Random
    socket: Socket | None = None
    ends: int = 0

    async def stay_connected(self, servers: Sequence[Client]) -> Never:
        token = f"Bearer {self.watchers[0].person.token}"
        while True:
            try:
                async with self.chance.choice(servers).socket(authorization=token) as socket:
                    self.socket = socket
                    async with asyncio.TaskGroup() as group:
                        for watcher in self.watchers:
                            group.create_task(watcher.follow(socket))
            except* (OSError, websockets.WebSocketException, Disconnected):
                self.ends += 1
            self.socket = None
            await asyncio.sleep(self.chance.uniform(0.05, 0.5))


async def cut_off_now_and_then(devices: Sequence[Device], chance: Random, hours: Hours) -> None:
    while await hours.opened():
        device = chance.choice(devices)
        if device.socket:
            device.socket.drop()
        await asyncio.sleep(chance.uniform(0, 0.15))

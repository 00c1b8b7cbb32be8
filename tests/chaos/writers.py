"""Buyers and staff at work: each does one thing after another, and asks again when no answer came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from tests.builders.client import Client, Refused
from tests.builders.scene import Person
from tests.chaos.hours import Hours
from tests.servers.xiaoka import XiaokaServer

# What may stand in the way when several people work on one ticket.
CROSSED = {"WRONG_STATE", "AT_CAPACITY", "ASSIGNED_TO_OTHER"}


@dataclass(eq=False, kw_only=True)
class Writer:
    name: str
    servers: Sequence[Client]
    chance: Random
    # Messages and notes whose writing was confirmed.
    said: list[str] = field(default_factory=list)
    failures: int = 0
    _texts: int = 0

    async def work(self, hours: Hours) -> None:
        while await hours.opened():
            await self.act()
            await asyncio.sleep(self.chance.uniform(0.5, 1.5))

    async def act(self) -> None:
        raise AssertionError("a writer is a buyer, an agent or a lead")

    async def say(self, ticket: str, *, internal: bool = False) -> None:
        text = self._text()
        given = {"ticketId": ticket, "text": text, "internal": internal, "idempotencyKey": text}
        if await self.ask("messageAdd", **given):
            self.said.append(text)

    async def ask(self, mutation: str, **given: Any) -> dict[str, Any] | None:
        """The payload, or None when somebody else was faster. Insists until there is an answer."""
        while True:
            try:
                payload = await self.chance.choice(self.servers).attempt(mutation, "ticket { id }", **given)
            except (httpx.TransportError, Refused) as error:
                if isinstance(error, Refused) and error.codes != ["INTERNAL"]:
                    raise
                self.failures += 1
                await asyncio.sleep(self.chance.uniform(0.1, 0.4))
                continue
            codes = {error["code"] for error in payload["userErrors"]}
            assert codes <= CROSSED, payload["userErrors"]
            return None if codes else payload

    def _text(self) -> str:
        self._texts += 1
        return f"{self.name} says {self._texts}"


@dataclass(eq=False, kw_only=True)
class TalkingBuyer(Writer):
    ticket: str

    async def act(self) -> None:
        if self.chance.random() < 0.2:
            await self.ask("ticketReopen", ticketId=self.ticket)
        else:
            await self.say(self.ticket)


@dataclass(eq=False, kw_only=True)
class WorkingAgent(Writer):
    queues: Sequence[str]
    colleagues: Sequence[str]
    ticket: str | None = None

    async def act(self) -> None:
        if self.ticket is None:
            payload = await self.ask("ticketClaimNext")
            self.ticket = payload["ticket"]["id"] if payload and payload["ticket"] else None
        elif self.chance.random() < 0.4:
            await self.say(self.ticket)
        else:
            await self._let_go(self.ticket)
            self.ticket = None

    async def _let_go(self, ticket: str) -> None:
        choice = self.chance.randrange(3)
        if choice == 0:
            await self.ask("ticketResolve", ticketId=ticket, text=self._text())
        elif choice == 1:
            to = self.chance.choice(self.queues)
            await self.ask("ticketTransfer", ticketId=ticket, queueId=to, note=self._text())
        else:
            await self.ask("ticketTransfer", ticketId=ticket, agentId=self.chance.choice(self.colleagues))


@dataclass(eq=False, kw_only=True)
class WorkingLead(Writer):
    tickets: Sequence[str]

    async def act(self) -> None:
        ticket = self.chance.choice(self.tickets)
        if self.chance.random() < 0.7:
            await self.say(ticket, internal=True)
        else:
            # Whoever was handed a ticket does not know, so without the lead it would stay there.
            await self.ask("ticketResolve", ticketId=ticket, text=self._text())


@asynccontextmanager
async def signed_in(person: Person, servers: Sequence[XiaokaServer]) -> AsyncIterator[list[Client]]:
    """The same person at each of the servers."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Client(server.url, token=person.token)) for server in servers]

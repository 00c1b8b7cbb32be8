"""A shop in full swing: tickets, those who write on them, those who watch, and what must come of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from uuid import UUID

from domain.shared.act import Role
from domain.shared.crypto import Keyring
from domain.shared.events import Audience, body_of
from domain.shared.sql import fetch, sql
from domain.tickets.reading import text_of
from resolvers.shared.ids import encode_id
from tests.builders.client import Client
from tests.builders.scene import Person, Scene
from tests.chaos.hours import Hours
from tests.chaos.watchers import Device, Step, Watcher, cut_off_now_and_then
from tests.chaos.writers import TalkingBuyer, WorkingAgent, WorkingLead, Writer, signed_in
from tests.servers.xiaoka import XiaokaServer

OPENED = 1
SETTLED_WITHIN = 60.0
Log = Sequence[tuple[Step, Audience]]


@dataclass(eq=False)
class Crowd:
    scene: Scene
    chance: Random
    tickets: dict[UUID, Person]
    agents: list[Person]
    leads: list[Person]
    queues: list[UUID]
    devices: list[Device]
    hours: Hours = field(default_factory=Hours)

    @property
    def watchers(self) -> list[Watcher]:
        return [watcher for device in self.devices for watcher in device.watchers]

    @asynccontextmanager
    async def at_work(self, servers: Sequence[XiaokaServer]) -> AsyncIterator[list[Writer]]:
        """While the block runs everybody writes and watches; then writers finish and watchers catch up."""
        self.hours = Hours()
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            doors = [await stack.enter_async_context(Client(server.url)) for server in servers]
            watching = [group.create_task(device.stay_connected(doors)) for device in self.devices]
            cutting = group.create_task(cut_off_now_and_then(self.devices, self._luck(), self.hours))
            writers = await self._writers(stack, servers)
            working = [group.create_task(writer.work(self.hours)) for writer in writers]
            yield writers
            self.hours.end()
            await asyncio.gather(*working, cutting)
            await self._settled()
            for task in watching:
                task.cancel()

    async def everybody_catches_up(self) -> None:
        """In a pause, so that it is not a later event or a new connection that brings what was missed."""
        self.hours.pause()
        await self._settled()
        self.hours.go_on()

    async def logs(self) -> dict[UUID, Log]:
        return {ticket_id: await committed(self.scene.keyring, ticket_id) for ticket_id in self.tickets}

    async def _writers(self, stack: AsyncExitStack, servers: Sequence[XiaokaServer]) -> list[Writer]:
        tickets = [encode_id("Ticket", ticket_id) for ticket_id in self.tickets]
        queues = [encode_id("Queue", queue_id) for queue_id in self.queues]
        agents = [encode_id("Agent", agent.id) for agent in self.agents]
        writers: list[Writer] = []
        for number, (ticket, buyer) in enumerate(zip(tickets, self.tickets.values(), strict=True)):
            doors = await stack.enter_async_context(signed_in(buyer, servers))
            writers.append(TalkingBuyer(name=f"Buyer {number}", servers=doors, chance=self._luck(), ticket=ticket))
        for number, agent in enumerate(self.agents):
            doors = await stack.enter_async_context(signed_in(agent, servers))
            writers.append(
                WorkingAgent(
                    name=f"Agent {number}",
                    servers=doors,
                    chance=self._luck(),
                    queues=queues,
                    colleagues=[other for other in agents if other != agents[number]],
                )
            )
        for number, lead in enumerate(self.leads):
            doors = await stack.enter_async_context(signed_in(lead, servers))
            writers.append(WorkingLead(name=f"Lead {number}", servers=doors, chance=self._luck(), tickets=tickets))
        return writers

    def _luck(self) -> Random:
        return Random(self.chance.random())

    async def _settled(self) -> None:
        # What had begun ends, and what comes a second time comes, in a moment.
        await asyncio.sleep(1)
        logs = await self.logs()
        deadline = monotonic() + SETTLED_WITHIN
        while behind := [w.name for w in self.watchers if len(w.seen) < len(expected_by(w, logs[w.ticket_id]))]:
            assert monotonic() < deadline, f"{len(behind)} of them still miss events: {behind}"
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)


def expected_by(watcher: Watcher, log: Log) -> list[Step]:
    return [
        step
        for step, audience in log
        if step.seq > (watcher.begins_after or 0) and (audience is Audience.PARTIES or watcher.person.viewer.is_staff)
    ]


async def committed(keyring: Keyring, ticket_id: UUID) -> Log:
    rows = await fetch(
        sql("SELECT seq, type, audience, body_json FROM event WHERE subject_id = {} ORDER BY seq", ticket_id)
    )
    found = await fetch(sql("SELECT id, sealed_text FROM message WHERE ticket_id = {}", ticket_id))
    texts = {str(row["id"]): text_of(keyring, row) for row in found}
    return [
        (
            Step(row["seq"], row["type"], texts.get(body_of(row).get("message_id", ""))),
            Audience(row["audience"]),
        )
        for row in rows
    ]


async def a_crowd(scene: Scene, chance: Random, *, tickets: int, buyers_each: int, staff_each: int) -> Crowd:
    """`buyers_each` devices of its buyer and `staff_each` staff follow each ticket."""
    back_office = await scene.queue("back-office")
    agents = [await scene.agent() for _ in range(6)]
    leads = [await scene.agent(role=Role.SUPERVISOR) for _ in range(2)]
    opened: dict[UUID, Person] = {}
    for _ in range(tickets):
        buyer = await scene.buyer()
        opened[await scene.ticket(buyer)] = buyer
    crowd = Crowd(scene, chance, opened, agents, leads, [scene.queue_id, back_office], [])
    for ticket_id, buyer in opened.items():
        for _ in range(buyers_each):
            crowd.devices.append(_device(crowd, buyer, [ticket_id]))
    for round_ in range(staff_each):
        # Some of the staff follow five tickets over one socket.
        width = 5 if round_ == 0 else 1
        for first in range(0, tickets, width):
            person = chance.choice([*agents, *leads])
            crowd.devices.append(_device(crowd, person, list(opened)[first : first + width]))
    return crowd


def _device(crowd: Crowd, person: Person, ticket_ids: Sequence[UUID]) -> Device:
    number = len(crowd.devices)
    watchers = [
        Watcher(
            f"{person.viewer.role} on device {number}",
            person,
            ticket_id,
            crowd.scene.keyring,
            # One in four asks for the ticket as it stands, the others for all that came since it was opened.
            None if number % 4 == 0 else OPENED,
        )
        for ticket_id in ticket_ids
    ]
    return Device(watchers, Random(crowd.chance.random()))

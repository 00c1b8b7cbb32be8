"""Agents who claim at the same moment, over every server process that the stack allows."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest

from domain.shared.act import Role
from domain.shared.sql import Row, fetch, fetch_value, sql
from domain.tickets.actions.working import raise_priority
from domain.tickets.kinds import Priority, TicketStatus
from resolvers.shared.ids import encode_id
from tests.builders.client import Client
from tests.builders.scene import Person, Scene
from tests.builders.stacks import SQLITE, Stack
from tests.servers.xiaoka import XiaokaServer

CLAIM = "mutation { ticketClaimNext(input: {}) { ticket { id } userErrors { code } } }"
RESOLVE = "mutation($input: TicketResolveInput!) { ticketResolve(input: $input) { userErrors { code } } }"
AGENTS, WAITING, URGENT = 100, 130, 20
CAPACITY, HANDS, CASES = 3, 5, 60


@pytest.fixture
async def doors(stack: Stack, server: XiaokaServer) -> AsyncIterator[list[Client]]:
    """A client for each server process: two of them, but one on SQLite."""
    async with AsyncExitStack() as opened:
        servers = [server]
        if stack.kind != SQLITE:
            servers.append(await opened.enter_async_context(XiaokaServer(stack.environment)))
        yield [await opened.enter_async_context(Client(each.url)) for each in servers]


async def ask(door: Client, person: Person, query: str, **variables: Any) -> dict[str, Any]:
    """The payload of the document's only field."""
    body = {"query": query, "variables": variables}
    answer = (await door.post(body, headers={"authorization": f"Bearer {person.token}"})).json()
    assert "errors" not in answer, answer
    payload: dict[str, Any] = next(iter(answer["data"].values()))
    return payload


async def line_of(scene: Scene, count: int) -> list[UUID]:
    buyers = [await scene.buyer() for _ in range(10)]
    return [await scene.ticket(buyer) for buyer, _ in zip(itertools.cycle(buyers), range(count), strict=False)]


async def tickets_as_they_stand(scene: Scene) -> list[Row]:
    return await fetch(
        sql("SELECT id, version, agent_id, status FROM ticket WHERE shop_id = {} ORDER BY id", scene.shop_id)
    )


async def test_a_hundred_agents_who_claim_at_once_get_the_hundred_best_ranked_tickets_one_each(
    scene: Scene, doors: list[Client]
) -> None:
    agents = [await scene.agent(capacity=1) for _ in range(AGENTS)]
    lead = await scene.agent(role=Role.SUPERVISOR)
    line = await line_of(scene, WAITING)
    for ticket_id in line[-URGENT:]:
        await raise_priority(scene.act(lead), ticket_id=ticket_id, priority=Priority.URGENT)
    # Those who were moved forward come before all others.
    best = {*line[-URGENT:], *line[: AGENTS - URGENT]}

    claims = [ask(door, agent, CLAIM) for door, agent in zip(itertools.cycle(doors), agents, strict=False)]
    payloads = await asyncio.gather(*claims)

    assert [payload["userErrors"] for payload in payloads] == [[]] * AGENTS
    taken = [payload["ticket"]["id"] for payload in payloads]
    assert len(set(taken)) == AGENTS
    assert set(taken) == {encode_id("Ticket", ticket_id) for ticket_id in best}
    after = await tickets_as_they_stand(scene)
    assert {encode_id("Ticket", row["id"]): row["agent_id"] for row in after if row["agent_id"]} == {
        ticket: agent.id for ticket, agent in zip(taken, agents, strict=True)
    }

    claims = [ask(door, agent, CLAIM) for door, agent in zip(itertools.cycle(doors), agents, strict=False)]
    refusals = await asyncio.gather(*claims)

    assert refusals == [{"ticket": None, "userErrors": [{"code": "AT_CAPACITY"}]}] * AGENTS
    assert await tickets_as_they_stand(scene) == after


async def test_agents_who_claim_with_many_hands_never_hold_more_than_they_can(
    scene: Scene, doors: list[Client]
) -> None:
    agents = [await scene.agent(capacity=CAPACITY) for _ in range(4)]
    await line_of(scene, CASES)
    refused = 0

    async def claim_until_nobody_waits(door: Client, agent: Person, held: list[str]) -> None:
        nonlocal refused
        while True:
            payload = await ask(door, agent, CLAIM)
            if payload["ticket"]:
                held.append(payload["ticket"]["id"])
            elif not payload["userErrors"]:
                return
            else:
                assert payload["userErrors"] == [{"code": "AT_CAPACITY"}]
                refused += 1
                if held:
                    given = {"ticketId": held.pop(), "text": "Solved"}
                    assert (await ask(door, agent, RESOLVE, input=given))["userErrors"] == []

    over = asyncio.Event()

    async def most_at_once() -> int:
        busiest = sql(
            "SELECT coalesce(max(busy), 0) AS most FROM (SELECT count(*) AS busy FROM ticket"
            " WHERE status = {} AND agent_id IS NOT NULL GROUP BY agent_id) AS counts",
            TicketStatus.OPEN,
        )
        most = 0
        while not over.is_set():
            most = max(most, await fetch_value(busiest))
        return most

    counting = asyncio.create_task(most_at_once())
    async with asyncio.TaskGroup() as group:
        for agent in agents:
            held: list[str] = []
            for door in itertools.islice(itertools.cycle(doors), HANDS):
                group.create_task(claim_until_nobody_waits(door, agent, held))
    over.set()

    assert refused > 0
    assert await counting <= CAPACITY
    claimed = "SELECT count(*) AS claimed FROM event WHERE shop_id = {} AND type = 'CLAIMED'"
    assert await fetch_value(sql(claimed, scene.shop_id)) == CASES
    assert {row["version"] for row in await tickets_as_they_stand(scene)} <= {2, 3}

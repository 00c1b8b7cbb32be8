"""Making queues and saying who works on them, from the command line and the demo."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domain.shared import checks
from domain.shared.act import Act
from domain.shared.sql import Sql, insert, sql, values_of
from domain.shared.transact import Tx, transact
from domain.tickets.kinds import TicketCategory
from domain.tickets.models import Queue, QueueMember


async def create_queue(
    act: Act, *, slug: str, name: str, categories: Sequence[TicketCategory] = (), is_default: bool = False
) -> UUID:
    async def work(tx: Tx) -> UUID:
        queue = Queue(
            id=act.new_id(),
            shop_id=act.viewer.shop_id,
            slug=checks.text(slug, ["slug"], most=40),
            name=checks.text(name, ["name"], most=80),
            categories=" ".join(categories),
            is_default=is_default,
            created_at=act.now,
        )
        tx.add(queue)
        return queue.id

    return await transact(act, work)


async def join_queues(act: Act, *, agent_id: UUID, queue_ids: Sequence[UUID] | None = None) -> None:
    """Puts an agent to work on queues; on all of the shop's when none are named."""

    async def work(tx: Tx) -> None:
        rows = await tx.fetch(sql("SELECT id FROM queue WHERE shop_id = {}", act.viewer.shop_id))
        own = [row["id"] for row in rows]
        for queue_id in own if queue_ids is None else [key for key in queue_ids if key in own]:
            member = QueueMember(id=act.new_id(), queue_id=queue_id, agent_id=agent_id)
            await tx.execute(insert(QueueMember, [values_of(member)], Sql("ON CONFLICT DO NOTHING")))

    await transact(act, work)

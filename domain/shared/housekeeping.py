"""What is thrown away when its time is over."""

from __future__ import annotations

from domain.shared.act import Act
from domain.shared.clock import DAY
from domain.shared.events import KEPT_FOR
from domain.shared.jobs import JobOrder
from domain.shared.sql import sql
from domain.shared.transact import Tx, transact

KIND = "housekeeping"
KEYS_KEPT_FOR = 7 * DAY
EVERY = DAY


def next_housekeeping(*, due_at: int) -> JobOrder:
    return JobOrder(kind=KIND, key=KIND, due_at=due_at)


async def keep_house(act: Act) -> None:
    """Events after 90 days, idempotency keys after 7; and orders itself for tomorrow."""

    async def work(tx: Tx) -> None:
        await tx.execute(sql("DELETE FROM event WHERE at < {}", act.now - KEPT_FOR))
        await tx.execute(sql("DELETE FROM idempotency WHERE at < {}", act.now - KEYS_KEPT_FOR))
        tx.schedule(next_housekeeping(due_at=act.now + EVERY))

    await transact(act, work)

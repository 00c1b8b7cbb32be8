"""Does jobs: reactions to events, timers, outgoing deliveries. As many workers as wanted may run, in any process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import structlog
from tortoise.connection import get_connection

from api.metrics import JOBS_DONE
from api.tasks import end, signalled
from domain.messaging.actions import deliver, give_up
from domain.messaging.kinds import Channel
from domain.messaging.ports import Sender
from domain.reactions import BY_NAME, JOBS, REACTING_TYPES, REACTIONS, JobWork
from domain.shared.act import Act, Hints, Language, Viewer
from domain.shared.clock import SECOND, now_micros, uuid7
from domain.shared.crypto import Keyring
from domain.shared.errors import Transient
from domain.shared.jobs import (
    LEASE,
    JobOrder,
    claim_jobs,
    fail_job,
    finish_job,
    renew_lease,
)
from domain.shared.models import EventRecord
from domain.shared.sql import Row, fetch_one, select, sql
from domain.shared.transact import Tx, transact

BATCH = 20
AT_ONCE = 4
DELIVER = "deliver"
POLL_SECONDS = 1.0
log = structlog.get_logger(__name__)


class Worker:
    def __init__(self, *, keyring: Keyring, hints: Hints, senders: Mapping[Channel, Sender], public_url: str) -> None:
        self._keyring = keyring
        self._hints = hints
        self._public_url = public_url
        self._something_came = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._works: dict[str, JobWork] = {
            **JOBS,
            "react": self._react,
            "reaction": self._do_reaction,
            DELIVER: partial(_deliver, senders),
        }

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="worker")

    async def stop(self) -> None:
        """Jobs in hand are given up; their leases run out and another worker takes them."""
        await end(self._task)

    def jobs_came(self) -> None:
        self._something_came.set()

    async def _run(self) -> None:
        while True:
            try:
                done = await self.do_due_jobs()
            except Exception as error:  # noqa: BLE001 - the database is away; try again
                log.warning("worker.claim_failed", error=repr(error))
                done = 0
            if done < BATCH:
                await signalled(self._something_came, POLL_SECONDS)
            self._something_came.clear()

    async def do_due_jobs(self) -> int:
        """One batch; answers how many jobs it held."""
        lease_id = uuid7()
        db = get_connection("default")
        jobs = await asyncio.shield(claim_jobs(db, now=now_micros(), lease_id=lease_id, limit=BATCH))
        if not jobs:
            return 0
        renewal = asyncio.create_task(_renew(lease_id))
        try:
            room = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(self._do(job, room) for job in jobs))
        finally:
            await end(renewal)
        return len(jobs)

    async def _do(self, job: Row, room: asyncio.Semaphore) -> None:
        async with room:
            db = get_connection("default")
            try:
                await self._works[job["kind"]](self._act(job["shop_id"]), orjson.loads(job["payload_json"]))
            except Exception as error:
                is_transient = isinstance(error, Transient | OSError)
                log.warning("job.failed", kind=job["kind"], attempts=job["attempts"], exc_info=not is_transient)
                is_parked = await fail_job(db, job, now=now_micros(), error=repr(error), is_transient=is_transient)
                JOBS_DONE.labels(job["kind"], "parked" if is_parked else "failed").inc()
                if is_parked and job["kind"] == DELIVER:
                    payload = orjson.loads(job["payload_json"])
                    await give_up(self._act(job["shop_id"]), outgoing_id=UUID(payload["outgoing"]))
            else:
                await finish_job(db, job)
                JOBS_DONE.labels(job["kind"], "done").inc()

    def _act(self, shop_id: UUID) -> Act:
        return Act(
            viewer=Viewer.system(shop_id),
            keyring=self._keyring,
            language=Language.ZH,
            hints=self._hints,
            public_url=self._public_url,
            reacting_types=REACTING_TYPES,
        )

    async def _react(self, act: Act, payload: Mapping[str, Any]) -> None:
        """One job for each reaction, so that one that fails is not the others' concern."""
        event = await _event(payload["event"])
        if event is None:
            return

        async def work(tx: Tx) -> None:
            for reaction in REACTIONS.get(event["type"], ()):
                tx.schedule(
                    JobOrder(
                        kind="reaction",
                        key=f"{reaction.__name__}:{event['id']}",
                        due_at=act.now,
                        payload={"reaction": reaction.__name__, "event": payload["event"]},
                    )
                )

        await transact(act, work)

    async def _do_reaction(self, act: Act, payload: Mapping[str, Any]) -> None:
        event = await _event(payload["event"])
        if event is not None:
            await BY_NAME[payload["reaction"]](act, event)


async def _event(event_id: str) -> Row | None:
    return await fetch_one(select(EventRecord, sql("id = {}", UUID(event_id))))


async def _deliver(senders: Mapping[Channel, Sender], act: Act, payload: Mapping[str, Any]) -> None:
    await deliver(act, senders, outgoing_id=UUID(payload["outgoing"]))


async def _renew(lease_id: UUID) -> None:
    while True:
        await asyncio.sleep(LEASE / SECOND / 3)
        try:
            await renew_lease(get_connection("default"), lease_id=lease_id, now=now_micros())
        except Exception as error:  # noqa: BLE001 - the database is away; the lease lasts for two more tries
            log.warning("worker.renewal_failed", error=repr(error))

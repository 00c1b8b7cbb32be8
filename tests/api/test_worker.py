from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from tortoise.connection import get_connection

from api.adapters.smtp import SmtpSender
from api.worker import Worker
from domain.messaging.actions import deliver
from domain.messaging.kinds import Channel, OutgoingStatus
from domain.messaging.models import InboxItem, Outgoing
from domain.messaging.ports import Letter, Sender
from domain.reactions import REACTING_TYPES
from domain.shared.act import Act, NoHints
from domain.shared.clock import DAY, HOUR, SECOND, now_micros, uuid7
from domain.shared.errors import Transient
from domain.shared.housekeeping import KIND, next_housekeeping
from domain.shared.jobs import (
    BUG_ATTEMPTS,
    LEASE,
    MOST_ATTEMPTS,
    JobOrder,
    backoff,
    claim_jobs,
    count_jobs,
    finish_job,
    renew_lease,
)
from domain.shared.models import EventRecord, Job
from domain.shared.sql import EVERYTHING, Row, execute, fetch, fetch_value, select, sql
from domain.shared.transact import Tx, transact
from domain.tickets.actions import ending, talking
from domain.tickets.models import Ticket
from domain.tickets.rules import CLOSES_AFTER
from tests.builders.scene import Scene
from tests.domain.migrated import originals, stack
from tests.servers.smtp import SmtpServer

__all__ = ["originals", "stack"]


class Carried:
    """A provider that takes everything, or fails as often as it is told to."""

    def __init__(self, failures: list[Exception] | None = None) -> None:
        self.letters: list[Letter] = []
        self.failures = failures or []

    async def send(self, letter: Letter) -> str:
        if self.failures:
            raise self.failures.pop(0)
        self.letters.append(letter)
        return f"provider-{letter.key}"


def a_worker(scene: Scene, sender: Sender | None = None, works: Mapping[str, Any] | None = None) -> Worker:
    senders = dict.fromkeys(Channel, sender or Carried())
    worker = Worker(keyring=scene.keyring, hints=NoHints(), senders=senders, public_url="https://shop.example")
    worker._works.update(works or {})
    return worker


async def order(scene: Scene, *orders: JobOrder) -> None:
    async def work(tx: Tx) -> None:
        tx.schedule(*orders)

    await transact(scene.act(), work)


async def jobs() -> list[Row]:
    return sorted(await fetch(select(Job, EVERYTHING)), key=lambda row: row["key"])


async def make_due(**changes: Any) -> None:
    """Time passes: every lease and back-off is over."""
    await execute(sql("UPDATE job SET due_at = {}", changes.get("at", 0)), get_connection("default"))


async def until_idle(worker: Worker) -> int:
    done = 0
    while some := await worker.do_due_jobs():
        done += some
    return done


async def test_each_job_is_done_once_by_one_of_several_workers(scene: Scene) -> None:
    done: Counter[str] = Counter()

    async def work(_act: Act, payload: Mapping[str, Any]) -> None:
        await asyncio.sleep(0)
        done[payload["name"]] += 1

    workers = [a_worker(scene, works={"count": work}) for _ in range(4)]
    await order(scene, *(JobOrder(kind="count", key=f"j{i}", due_at=1, payload={"name": f"j{i}"}) for i in range(150)))
    handled = await asyncio.gather(*(until_idle(worker) for worker in workers))
    assert sum(handled) == 150
    assert done == {f"j{i}": 1 for i in range(150)}
    assert await jobs() == []


async def test_what_is_due_later_or_parked_is_left_alone(scene: Scene) -> None:
    await order(
        scene, JobOrder(kind="?", key="later", due_at=now_micros() + HOUR), JobOrder(kind="?", key="p", due_at=1)
    )
    await execute(sql("UPDATE job SET is_parked = {} WHERE key = {}", True, "p"), get_connection("default"))
    before = await jobs()
    assert await a_worker(scene).do_due_jobs() == 0
    assert await jobs() == before
    assert await count_jobs(now=now_micros()) == {"due": 0, "later": 1, "parked": 1}


async def test_a_lease_that_ran_out_hands_the_job_over(scene: Scene) -> None:
    db, now = get_connection("default"), now_micros()
    await order(scene, JobOrder(kind="x", key="k", due_at=now))
    (dead,) = await claim_jobs(db, now=now, lease_id=uuid7(), limit=9)
    assert await claim_jobs(db, now=now + LEASE - 1, lease_id=uuid7(), limit=9) == []
    (taken,) = await claim_jobs(db, now=now + LEASE, lease_id=uuid7(), limit=9)
    assert (dead["attempts"], taken["attempts"]) == (1, 2)
    await finish_job(db, dead)
    assert len(await jobs()) == 1, "who lost the lease must not end the other's work"
    await finish_job(db, taken)
    assert await jobs() == []


async def test_a_lease_that_is_renewed_is_not_handed_over(scene: Scene) -> None:
    db, now, lease = get_connection("default"), now_micros(), uuid7()
    await order(scene, JobOrder(kind="x", key="k", due_at=now))
    await claim_jobs(db, now=now, lease_id=lease, limit=9)
    await renew_lease(db, lease_id=lease, now=now + LEASE - 1)
    assert await claim_jobs(db, now=now + LEASE, lease_id=uuid7(), limit=9) == []
    assert len(await claim_jobs(db, now=now + 2 * LEASE, lease_id=uuid7(), limit=9)) == 1


async def test_a_key_that_is_ordered_again_while_it_runs_is_done_again(scene: Scene) -> None:
    seen: list[int] = []

    async def work(_act: Act, payload: Mapping[str, Any]) -> None:
        seen.append(payload["number"])
        if payload["number"] == 1:
            await order(scene, JobOrder(kind="again", key="k", due_at=1, payload={"number": 2}))

    await order(scene, JobOrder(kind="again", key="k", due_at=1, payload={"number": 1}))
    await until_idle(a_worker(scene, works={"again": work}))
    assert seen == [1, 2]
    assert await jobs() == []


async def test_a_key_that_is_ordered_again_while_it_fails_keeps_the_new_order(scene: Scene) -> None:
    async def work(_act: Act, payload: Mapping[str, Any]) -> None:
        await order(scene, JobOrder(kind="again", key="k", due_at=5, payload={"number": 2}))
        raise Transient

    await order(scene, JobOrder(kind="again", key="k", due_at=1, payload={"number": 1}))
    await a_worker(scene, works={"again": work}).do_due_jobs()
    (job,) = await jobs()
    assert (job["due_at"], job["attempts"], job["lease_id"], job["error"]) == (5, 0, None, "")


@pytest.mark.parametrize(
    ("error", "most"),
    [(Transient("away"), MOST_ATTEMPTS), (OSError("away"), MOST_ATTEMPTS), (KeyError("bug"), BUG_ATTEMPTS)],
)
async def test_a_failing_job_backs_off_and_is_parked_in_the_end(scene: Scene, error: Exception, most: int) -> None:
    async def fail(_act: Act, _payload: Mapping[str, Any]) -> None:
        raise error

    worker = a_worker(scene, works={"fail": fail})
    await order(scene, JobOrder(kind="fail", key="k", due_at=1))
    for attempt in range(1, most + 1):
        before = now_micros()
        assert await worker.do_due_jobs() == 1
        (job,) = await jobs()
        assert (job["attempts"], job["is_parked"], job["lease_id"]) == (attempt, attempt == most, None)
        assert job["error"] == repr(error)
        assert job["due_at"] > before
        await make_due()
    assert await worker.do_due_jobs() == 0


async def test_a_job_that_fails_is_no_concern_of_the_others(scene: Scene) -> None:
    done: list[str] = []

    async def work(_act: Act, payload: Mapping[str, Any]) -> None:
        if payload["name"] == "bad":
            raise ZeroDivisionError
        done.append(payload["name"])

    names = ["a", "bad", "b", "c"]
    await order(scene, *(JobOrder(kind="w", key=n, due_at=1, payload={"name": n}) for n in names))
    await a_worker(scene, works={"w": work}).do_due_jobs()
    assert sorted(done) == ["a", "b", "c"]
    assert [job["key"] for job in await jobs()] == ["bad"]


async def test_a_kind_that_nobody_knows_is_kept_for_the_staff(scene: Scene) -> None:
    await order(scene, JobOrder(kind="of a newer version", key="k", due_at=1))
    worker = a_worker(scene)
    for _ in range(BUG_ATTEMPTS):
        await worker.do_due_jobs()
        await make_due()
    assert [(job["is_parked"], job["key"]) for job in await jobs()] == [(True, "k")]


def test_the_back_off_doubles_up_to_an_hour() -> None:
    waits = [backoff(attempt, jitter=0.5) for attempt in range(1, 15)]
    assert waits[:3] == [SECOND, 2 * SECOND, 4 * SECOND]
    assert max(waits) == HOUR
    assert backoff(3, jitter=0.0) < backoff(3, jitter=1.0) <= 5 * SECOND


async def test_a_worker_that_is_told_of_jobs_does_them_and_stops(scene: Scene) -> None:
    came = asyncio.Event()

    async def work(_act: Act, _payload: Mapping[str, Any]) -> None:
        came.set()

    worker = a_worker(scene, works={"w": work})
    worker.start()
    await order(scene, JobOrder(kind="w", key="k", due_at=1))
    worker.jobs_came()
    await asyncio.wait_for(came.wait(), 20)
    await worker.stop()


# Timers


async def resolved(scene: Scene) -> tuple[UUID, Any, Any]:
    buyer, agent = await scene.buyer(), await scene.agent()
    ticket_id = await scene.ticket(buyer)
    await ending.resolve_ticket(scene.act(agent), ticket_id=ticket_id, text="done")
    return ticket_id, buyer, agent


async def status(ticket_id: UUID) -> str:
    return str(await fetch_value(sql("SELECT status FROM ticket WHERE id = {}", ticket_id)))


async def timer() -> list[Row]:
    return [job for job in await jobs() if job["kind"] == ending.CLOSE_JOB]


async def test_a_resolved_ticket_closes_after_seven_days(scene: Scene) -> None:
    before = now_micros()
    ticket_id, _, _ = await resolved(scene)
    (job,) = await timer()
    assert job["due_at"] >= before + CLOSES_AFTER
    assert CLOSES_AFTER == 7 * DAY
    worker = a_worker(scene)
    await until_idle(worker)
    assert await status(ticket_id) == "RESOLVED"
    await make_due()
    await until_idle(worker)
    assert await status(ticket_id) == "CLOSED"
    assert await timer() == []


async def test_a_ticket_that_was_reopened_does_not_close(scene: Scene) -> None:
    ticket_id, buyer, agent = await resolved(scene)
    (old,) = await timer()
    await talking.add_message(scene.act(buyer), ticket_id=ticket_id, text="no")
    assert await timer() == []
    await ending.close_ticket(scene.act(), ticket_id=ticket_id, resolution=1)
    assert await status(ticket_id) == "OPEN"
    await ending.resolve_ticket(scene.act(agent), ticket_id=ticket_id, text="now")
    await ending.close_ticket(scene.act(), ticket_id=ticket_id, resolution=1)
    assert await status(ticket_id) == "RESOLVED", "the timer of the first resolution closes no second one"
    (new,) = await timer()
    assert new["id"] is not None
    assert new["payload_json"] != old["payload_json"]


async def test_what_is_old_is_thrown_away_and_the_next_time_is_ordered(scene: Scene) -> None:
    await scene.ticket(await scene.buyer())
    db = get_connection("default")
    kept = await fetch_value(sql("SELECT count(*) FROM event"))
    await execute(sql("UPDATE event SET at = {} WHERE seq = 1", now_micros() - 91 * DAY), db)
    await order(scene, next_housekeeping(due_at=1))
    await execute(sql("DELETE FROM job WHERE kind <> {}", KIND), db)
    await a_worker(scene).do_due_jobs()
    assert await fetch_value(sql("SELECT count(*) FROM event")) == kept - 1
    (job,) = await jobs()
    assert job["kind"] == KIND
    assert job["due_at"] > now_micros() + DAY - HOUR


# Notices


async def test_news_are_told_once_on_the_way_that_the_buyer_chose(scene: Scene) -> None:
    sender = Carried()
    worker = a_worker(scene, sender)
    buyer, agent = await scene.buyer("li@example.com"), await scene.agent()
    ticket_id = await scene.ticket(buyer)
    await talking.add_message(scene.act(buyer), ticket_id=ticket_id, text="hello?")
    await talking.add_message(scene.act(agent), ticket_id=ticket_id, text="yes?")
    await talking.add_message(scene.act(agent), ticket_id=ticket_id, text="psst", is_internal=True)
    await until_idle(worker)
    assert [letter.destination for letter in sender.letters] == ["li@example.com"] * 2
    assert len(await fetch(select(InboxItem, EVERYTHING))) == 2
    assert all("yes?" not in letter.text and "psst" not in letter.text for letter in sender.letters)
    number = await fetch_value(sql("SELECT number FROM ticket WHERE id = {}", ticket_id))
    assert all(f"https://shop.example/tickets/{number}" in letter.text for letter in sender.letters)
    await _again(worker)
    assert len(sender.letters) == 2
    assert len(await fetch(select(InboxItem, EVERYTHING))) == 2


async def _again(worker: Worker) -> None:
    """Every job comes a second time, also those of reactions, and several at once."""
    for event in await fetch(select(EventRecord, EVERYTHING)):
        if event["stream"] == "ticket" and event["type"] in REACTING_TYPES:
            payload = {"event": str(event["id"]), "reaction": "tell_buyer"}
            act = worker._act(event["shop_id"])
            await asyncio.gather(*(worker._do_reaction(act, payload) for _ in range(3)), worker._react(act, payload))
    await until_idle(worker)
    for row in await fetch(select(Outgoing, EVERYTHING)):
        senders = {Channel(row["channel"]): Carried([AssertionError("sent twice")])}
        await deliver(worker._act(row["shop_id"]), senders, outgoing_id=row["id"])


async def test_a_provider_that_is_away_is_asked_again_with_the_same_key(scene: Scene) -> None:
    sender = Carried([Transient("451"), ConnectionResetError()])
    worker = a_worker(scene, sender)
    await scene.ticket(await scene.buyer())
    await until_idle(worker)
    for _ in range(2):
        assert sender.letters == []
        assert [row["status"] for row in await fetch(select(Outgoing, EVERYTHING))] == [OutgoingStatus.QUEUED]
        await make_due()
        await until_idle(worker)
    (letter,) = sender.letters
    (row,) = await fetch(select(Outgoing, EVERYTHING))
    assert (row["status"], row["provider_key"]) == (OutgoingStatus.SENT, f"provider-{letter.key}")


# Over SMTP


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpServer]:
    async with SmtpServer() as running:
        yield running


def by_mail(server: SmtpServer) -> SmtpSender:
    return SmtpSender(server.url, sender="Shop <shop@shop.example>")


async def test_a_notice_arrives_by_mail_once(scene: Scene, smtp: SmtpServer) -> None:
    worker = a_worker(scene, by_mail(smtp))
    ticket_id = await scene.ticket(await scene.buyer("li@example.com"))
    await until_idle(worker)
    mail = await smtp.wait_for_message("li@example.com", timeout=20)
    assert await fetch_value(sql("SELECT number FROM ticket WHERE id = {}", ticket_id)) in mail.text
    assert mail.message["Auto-Submitted"] == "auto-generated"
    await _again(worker)
    assert len(smtp.messages) == 1
    (row,) = await fetch(select(Outgoing, EVERYTHING))
    assert row["provider_key"] == mail.message["Message-ID"]


class Grumpy:
    """Says a code to so many mails, at the first word of each."""

    def __init__(self, code: str, times: int) -> None:
        self.code, self.left = code, times

    async def handle_MAIL(  # noqa: N802 (aiosmtpd looks for this name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.left:
            self.left -= 1
            return self.code
        envelope.mail_from = address
        return "250 OK"


def grumble(smtp: SmtpServer, grumpy: Grumpy) -> None:
    """From the next connection on: the server looks for a handler's hooks when somebody comes."""
    assert smtp._controller is not None
    smtp._controller.handler.handle_MAIL = grumpy.handle_MAIL


async def test_a_mail_server_that_says_later_is_asked_later(scene: Scene, smtp: SmtpServer) -> None:
    grumble(smtp, Grumpy("451 try again later", 2))
    worker = a_worker(scene, by_mail(smtp))
    await scene.ticket(await scene.buyer("li@example.com"))
    await until_idle(worker)
    for attempts in (1, 2):
        (job,) = await jobs()
        assert (job["attempts"], job["is_parked"], smtp.messages) == (attempts, False, [])
        await make_due()
        await until_idle(worker)
    assert await jobs() == []
    assert len(smtp.messages) == 1


async def test_a_mail_server_that_is_away_is_asked_when_it_is_back(scene: Scene, smtp: SmtpServer) -> None:
    worker = a_worker(scene, by_mail(smtp))
    await scene.ticket(await scene.buyer("li@example.com"))
    await smtp.stop()
    await until_idle(worker)
    assert [(job["attempts"], job["is_parked"]) for job in await jobs()] == [(1, False)]
    await smtp.start()
    await make_due()
    await until_idle(worker)
    assert len(smtp.messages) == 1


async def test_a_mail_that_the_server_refuses_for_good_is_not_tried_for_ever(scene: Scene, smtp: SmtpServer) -> None:
    grumble(smtp, Grumpy("550 not from you", 99))
    worker = a_worker(scene, by_mail(smtp))
    await scene.ticket(await scene.buyer("li@example.com"))
    for _ in range(BUG_ATTEMPTS + 2):
        await until_idle(worker)
        await make_due()
    assert [(job["kind"], job["is_parked"]) for job in await jobs()] == [("deliver", True)]
    assert smtp.messages == []


async def test_a_ticket_of_the_wrong_shop_is_not_closed_by_a_job(scene: Scene) -> None:
    ticket_id, _, _ = await resolved(scene)
    stranger = replace(scene.act().viewer, shop_id=uuid7())
    await ending.close_ticket(scene.act(stranger), ticket_id=ticket_id, resolution=1)
    assert [row["status"] for row in await fetch(select(Ticket, EVERYTHING))] == ["RESOLVED"]

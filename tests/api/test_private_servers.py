from __future__ import annotations

import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import asyncpg
import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.servers import xiaoka
from tests.servers.child import ChildEndedError
from tests.servers.free_port import free_port
from tests.servers.needs import needs_postgres, needs_redis
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.servers.smtp import SmtpServer
from tests.servers.xiaoka import XiaokaServer


def a_mail(*, to: str, subject: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "shop@example.com", to, subject
    mail.set_content("您的验证码是 123456")
    return mail


STAND_IN = """
import os, sys
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

greeting = os.environ["XIAOKA_GREETING"] or sys.exit("a greeting is needed")
refusals = [503, 503]

def ready(request):
    if refusals:
        print("not ready yet")
        return PlainTextResponse("warming up", refusals.pop())
    return PlainTextResponse("ready")

routes = [Route("/ready", ready), Route("/greeting", lambda request: PlainTextResponse(greeting))]
uvicorn.run(Starlette(routes=routes), port=int(os.environ["PORT"]), log_level="warning")
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service that takes two questions to get ready, where XiaokaServer looks for ours."""
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "__main__.py").write_text(STAND_IN)
    monkeypatch.setattr(xiaoka, "ROOT", tmp_path)
    return tmp_path


async def deliver(server: SmtpServer, mail: EmailMessage) -> None:
    await aiosmtplib.send(mail, hostname="127.0.0.1", port=server.port)


def test_a_second_run_is_never_given_a_port_of_ours():
    ports = {free_port() for _ in range(50)}
    program = "import sys; from tests.servers.free_port import _claim; print(*map(_claim, map(int, sys.argv[1:])))"
    command = [sys.executable, "-c", program, *map(str, ports)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(ports) == 50
    assert answer.stdout.split() == ["False"] * 50


@pytest.mark.chaos
@needs_postgres
async def test_postgres_keeps_a_committed_row_when_killed():
    async with PostgresServer() as server:
        client = await asyncpg.connect(server.url)
        await client.execute("CREATE TABLE note (body text); INSERT INTO note VALUES ('kept')")
        await server.kill()
        with pytest.raises((OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
            await client.fetchval("SELECT 1")
        await server.start()
        await server.restart()
        again = await asyncpg.connect(server.url)
        assert await again.fetchval("SELECT body FROM note") == "kept"
        await again.close()
        folder = server.folder
    assert not folder.exists()


@pytest.mark.chaos
@needs_postgres
async def test_two_private_postgres_servers_do_not_meet():
    async with PostgresServer() as one, PostgresServer() as other:
        await one.create_database("only_here")
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await asyncpg.connect(other.url_of("only_here"))


@pytest.mark.chaos
@needs_redis
async def test_redis_comes_back_empty_on_the_same_port():
    async with RedisServer() as server, Redis.from_url(server.url) as client:
        await client.set("seen", "yes")
        await server.stop()
        with pytest.raises(RedisConnectionError):
            await client.ping()
        await server.start()
        assert await client.get("seen") is None
        await server.kill()
        with pytest.raises(RedisConnectionError):
            await client.ping()
        await server.start()
        assert await client.ping()


async def test_smtp_hands_out_each_mail_once_in_order():
    async with SmtpServer() as server:
        for subject in ("first", "second"):
            await deliver(server, a_mail(to="buyer@example.com", subject=subject))
        await deliver(server, a_mail(to="other@example.com", subject="elsewhere"))
        first = await server.wait_for_message("buyer@example.com")
        assert first.subject == "first"
        assert "您的验证码是 123456" in first.text
        assert (await server.wait_for_message("buyer@example.com")).subject == "second"
        with pytest.raises(TimeoutError):
            await server.wait_for_message("buyer@example.com", timeout=0.05)


async def test_smtp_comes_back_on_the_same_port():
    async with SmtpServer() as server:
        await server.stop()
        with pytest.raises(aiosmtplib.SMTPConnectError):
            await deliver(server, a_mail(to="buyer@example.com", subject="lost"))
        await server.start()
        await deliver(server, a_mail(to="buyer@example.com", subject="taken"))
        assert (await server.wait_for_message("buyer@example.com")).subject == "taken"


async def test_a_service_is_entered_only_once_it_says_ready(stand_in: Path):
    async with XiaokaServer({"XIAOKA_GREETING": "hello"}) as server, httpx.AsyncClient() as client:
        assert (await client.get(f"{server.url}/greeting")).text == "hello"
        first = server.pid
        await server.restart()
        assert (await client.get(f"{server.url}/greeting")).text == "hello"
        assert server.pid != first
        assert server.log().count("not ready yet") == 4


async def test_a_service_that_cannot_start_shows_its_log(stand_in: Path):
    server = XiaokaServer({"XIAOKA_GREETING": ""})
    with pytest.raises(ChildEndedError, match="a greeting is needed"):
        await server.start()
    await server.close(failed=True)
    assert "a greeting is needed" in server.log_file.read_text()
    await server.close(failed=False)
    assert not server.folder.exists()

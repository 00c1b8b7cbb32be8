from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import psutil
import pytest
import typer
from typer.testing import CliRunner

from api.cli import app
from domain.shared.sql import Sql, fetch, fetch_value
from tests.builders.client import Client
from tests.builders.scene import Scene, order_input
from tests.builders.stacks import DATABASE_URL, POSTGRES, REDIS_URL, SQLITE, Stack, new_stack
from tests.servers.free_port import free_port
from tests.servers.xiaoka import ROOT, XiaokaServer

PATIENCE = 60.0
PASSWORD = "correct horse battery"


async def command(env: Mapping[str, str], *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Ours as a user runs it, without a terminal."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("XIAOKA_")}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "api", *arguments],
        cwd=ROOT,
        env={**ours, **env},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def complaint(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line that a refused command says."""
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr.strip()


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    """Settings of an installation where nothing was done yet."""
    return {"XIAOKA_DATA_DIR": str(tmp_path / "var")}


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """One kind is enough here: what the commands call is tested on both elsewhere."""
    async with new_stack(SQLITE, tmp_path) as made:
        yield made


class TestWhatIsWrongIsSaidInOneLine:
    @pytest.mark.parametrize("arguments", [["serve"], ["worker"], ["demo"]])
    async def test_before_the_database_is_migrated(self, empty: dict[str, str], arguments: list[str]) -> None:
        done = await command({**empty, "PORT": str(free_port())}, *arguments)

        assert "run `python -m api migrate`" in complaint(done, 1)

    @pytest.mark.parametrize("name", ["serve", "worker", "migrate"])
    async def test_when_nobody_answers_at_the_database_s_address(self, empty: dict[str, str], name: str) -> None:
        port = free_port()
        url = f"postgres://someone:secret@127.0.0.1:{port}/shop"

        said = complaint(await command({**empty, "XIAOKA_DATABASE_URL": url}, name), 1)

        assert said.startswith(f"The database at postgres://127.0.0.1:{port}/shop cannot be reached:")
        assert "secret" not in said

    async def test_when_the_file_is_no_database(self, empty: dict[str, str], tmp_path: Path) -> None:
        file = tmp_path / "letter.txt"
        file.write_text("Dear Sir or Madam, " * 100)

        said = complaint(await command({**empty, "XIAOKA_DATABASE_URL": f"sqlite://{file}"}, "migrate"), 1)

        assert "cannot be reached: file is not a database" in said
        assert file.read_text().startswith("Dear Sir")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("XIAOKA_DATABASE_URL", "mysql://someone:secret@localhost/shop"),
            ("XIAOKA_BROADCAST_URL", "nats://localhost"),
            ("XIAOKA_DATABASE_POOL", "many"),
            ("XIAOKA_KEYS", "1:secret"),
        ],
    )
    def test_when_a_setting_cannot_be_read(
        self, empty: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        for setting, text in {**empty, name: value}.items():
            monkeypatch.setenv(setting, text)

        done = CliRunner().invoke(app, ["serve"])

        assert done.exit_code == 2
        assert done.stderr.startswith(name)
        assert done.stderr.count("\n") == 1
        assert "secret" not in done.stderr

    async def test_when_one_file_is_to_serve_two_processes(self, empty: dict[str, str]) -> None:
        done = await command(empty, "serve", "--workers", "2")

        assert complaint(done, 2).startswith("Several workers need PostgreSQL and Redis")

    @pytest.mark.parametrize(
        "arguments",
        [
            ["bogus"],
            ["serve", "--port", "http"],
            ["serve", "--port", "70000"],
            ["demo", "--orders", "3"],
            ["staff", "create", "a@example.com", "--name", "A", "--shop", "demo", "--role", "BUYER"],
            ["staff", "create", "a@example.com", "--name", "A", "--shop", "demo", "--capacity", "99"],
            ["staff", "create", "a@example.com"],
            ["key", "create", "erp", "--shop", "demo"],
            ["key", "create", "erp", "--shop", "demo", "--scope", "everything"],
        ],
        ids=" ".join,
    )
    def test_when_the_command_line_itself_is_wrong(
        self, empty: dict[str, str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
    ) -> None:
        monkeypatch.setenv("XIAOKA_DATA_DIR", empty["XIAOKA_DATA_DIR"])

        done = CliRunner().invoke(app, arguments)

        assert done.exit_code == 2
        assert done.stdout == ""
        assert len([line for line in done.stderr.splitlines() if line.startswith("Error: ")]) == 1
        assert not Path(empty["XIAOKA_DATA_DIR"]).exists()


NAMES = (
    "serve", "worker", "migrate", "demo", "schema", "shop create", "staff create", "key create", "key webhook"
)  # fmt: skip


class TestHelp:
    @pytest.mark.parametrize("name", NAMES)
    def test_explains_the_command_and_each_option(self, name: str) -> None:
        command = typer.main.get_command(app)
        for part in name.split():
            command = command.commands[part]  # type: ignore[attr-defined]

        done = CliRunner().invoke(app, [*name.split(), "--help"])

        assert done.exit_code == 0
        assert command.help in " ".join(done.stdout.split())
        assert all(parameter.help for parameter in command.params)

    async def test_is_what_a_bare_call_answers(self, empty: dict[str, str]) -> None:
        done = await command(empty)

        assert all(f"  {name.split()[0]} " in done.stdout + done.stderr for name in NAMES)
        assert "Traceback" not in done.stderr


class TestMigrate:
    async def test_does_nothing_the_second_time(self, empty: dict[str, str]) -> None:
        first, second = await command(empty, "migrate"), await command(empty, "migrate")

        assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
        assert first.stdout.startswith("Applied 0001_")
        assert second.stdout == "Nothing to apply.\n"

    async def test_makes_a_key_that_only_the_owner_reads(self, empty: dict[str, str]) -> None:
        await command(empty, "migrate")

        assert (Path(empty["XIAOKA_DATA_DIR"]) / "master.key").stat().st_mode & 0o777 == 0o600


async def agents() -> list[tuple[str, str, int]]:
    rows = await fetch(Sql("SELECT email_key, role, capacity FROM agent ORDER BY email_key"))
    return [(row["email_key"], row["role"], row["capacity"]) for row in rows]


class TestStaff:
    async def test_may_sign_in_and_work_on_all_queues(self, stack: Stack, scene: Scene, server: XiaokaServer) -> None:
        await scene.queue("second")
        made = await command(
            stack.environment,
            *("staff", "create", "Ann@example.com", "--name", "Ann", "--shop", "demo"),
            *("--role", "SUPERVISOR", "--capacity", "7", "--password", PASSWORD),
        )

        assert (made.returncode, made.stdout) == (0, "Made Ann@example.com.\n"), made.stderr
        async with Client(server.url) as guest:
            login = await guest.mutate(
                "staffLogin", "viewer { role name agent { capacity } }", email="ann@example.com", password=PASSWORD
            )
        assert login["viewer"] == {"role": "SUPERVISOR", "name": "Ann", "agent": {"capacity": 7}}
        assert await fetch_value(Sql("SELECT count(*) AS queues FROM queue_member")) == 2

    async def test_give_their_password_on_stdin_too(self, stack: Stack, scene: Scene) -> None:
        arguments = ("staff", "create", "ann@example.com", "--name", "Ann", "--shop", "demo")

        made = await command(stack.environment, *arguments, stdin=PASSWORD + "\n")

        assert made.returncode == 0, made.stderr
        assert await agents() == [("ann@example.com", "AGENT", 3)]

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"--password": "short"}, "The password is shorter than 10 characters."),
            ({"--password": ""}, "The password is shorter than 10 characters."),
            ({"email": "ann"}, "email: That is not an e-mail address."),
            ({"--shop": "other"}, "There is no shop called other."),
        ],
    )
    async def test_are_not_made_from_wrong_input(
        self, stack: Stack, scene: Scene, wrong: dict[str, str], said: str
    ) -> None:
        given = {"email": "ann@example.com", "--name": "Ann", "--shop": "demo", "--password": PASSWORD, **wrong}
        email, *options = [given.pop("email"), *(part for option in given.items() for part in option)]

        assert complaint(await command(stack.environment, "staff", "create", email, *options), 1) == said
        assert await agents() == []

    async def test_are_not_made_twice(self, stack: Stack, scene: Scene) -> None:
        arguments = ("staff", "create", "ann@example.com", "--name", "Ann", "--shop", "demo", "--password", PASSWORD)
        await command(stack.environment, *arguments)

        again = await command(stack.environment, *arguments, "--role", "ADMIN")

        assert complaint(again, 1) == "There is an account with ann@example.com already."
        assert await agents() == [("ann@example.com", "AGENT", 3)]


class TestShop:
    async def test_is_made_with_a_queue(self, stack: Stack, database: Stack) -> None:
        made = await command(stack.environment, "shop", "create", "one", "--name", "One")

        assert (made.returncode, made.stdout) == (0, "Made one.\n"), made.stderr
        assert await fetch_value(Sql("SELECT count(*) AS queues FROM queue JOIN shop ON shop.id = shop_id")) == 1

    async def test_is_not_made_twice(self, stack: Stack, scene: Scene) -> None:
        again = await command(stack.environment, "shop", "create", "demo", "--name", "Another")

        assert complaint(again, 1) == "There is a shop called demo already."
        assert await fetch_value(Sql("SELECT name FROM shop")) == "Demo"
        assert await fetch_value(Sql("SELECT count(*) AS queues FROM queue")) == 1


class TestKeys:
    async def test_open_what_their_scopes_name(self, stack: Stack, scene: Scene, server: XiaokaServer) -> None:
        made = await command(stack.environment, "key", "create", "erp", "--shop", "demo", "--scope", "orders:write")

        assert made.returncode == 0, made.stderr
        async with Client(server.url, token=made.stdout.strip()) as erp:
            taken = await erp.mutate("orderIngest", "results { outcome }", source="erp", orders=[order_input()])
            seen = await erp.run("{ orders { nodes { id } } viewer { scopes name } }")
        assert taken["results"] == [{"outcome": "CREATED"}]
        assert seen == {"orders": {"nodes": []}, "viewer": {"scopes": ["orders:write"], "name": "erp"}}

    async def test_of_a_webhook_are_replaced_by_new_ones(self, stack: Stack, scene: Scene) -> None:
        first = await command(stack.environment, "key", "webhook", "duka", "--shop", "demo")
        second = await command(stack.environment, "key", "webhook", "duka", "--shop", "demo")

        assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
        assert len({first.stdout.strip(), second.stdout.strip(), ""}) == 3
        assert await fetch_value(Sql("SELECT count(*) AS sources FROM webhook_source")) == 1

    async def test_are_not_made_for_a_shop_that_does_not_exist(self, stack: Stack, scene: Scene) -> None:
        done = await command(stack.environment, "key", "webhook", "duka", "--shop", "other")

        assert complaint(done, 1) == "There is no shop called other."
        assert await fetch_value(Sql("SELECT count(*) AS sources FROM webhook_source")) == 0


class TestSchema:
    async def test_is_printed_as_the_file_says(self, empty: dict[str, str]) -> None:
        printed, checked = CliRunner().invoke(app, ["schema"]), await command(empty, "schema", "--check")

        assert printed.stdout == (ROOT / "schema.graphql").read_text(encoding="utf-8")
        assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr


class TestWorker:
    async def test_does_the_jobs_that_a_server_leaves(self, stack: Stack, scene: Scene) -> None:
        await scene.order(email="li@example.com", number="XK777777777")
        alone = {**stack.environment, "XIAOKA_WORKER": "false"}
        async with XiaokaServer(alone) as server, Client(server.url) as guest:
            await guest.mutate("codeRequest", "challengeId", orderNumber="XK777777777")
            assert "mail to li@example.com" not in server.log()
            worker = subprocess.Popen(
                [sys.executable, "-m", "api", "worker"],
                cwd=ROOT,
                env={**os.environ, **stack.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                assert worker.stdout is not None
                line = await asyncio.wait_for(asyncio.to_thread(worker.stdout.readline), PATIENCE)
            finally:
                worker.terminate()
                rest, _ = await asyncio.to_thread(worker.communicate, timeout=PATIENCE)

        assert "[mail to li@example.com]" in line
        assert rest == ""
        assert worker.returncode == 0


@pytest.fixture
async def big() -> AsyncIterator[Stack]:
    async with new_stack(POSTGRES, Path()) as made:
        yield made


class TestServe:
    @pytest.mark.skipif(not (DATABASE_URL and REDIS_URL), reason="the servers' URLs are not set")
    async def test_runs_as_many_processes_as_asked_for(self, big: Stack) -> None:
        server = XiaokaServer(big.environment)
        server._child.command = [*server._child.command, "--workers", "2"]
        async with server:
            first, second = workers_of(server)
            for other in (second, first):
                assert await status_while_paused(server, other) == httpx.codes.OK

        assert "Traceback" not in server.log()

    async def test_says_that_the_port_is_taken(self, stack: Stack, scene: Scene, server: XiaokaServer) -> None:
        done = await command({**stack.environment, "PORT": str(server.port)}, "serve")

        said = complaint(done, 1)
        assert said == f"Cannot listen on 127.0.0.1:{server.port}: Address already in use."
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            assert (await client.get("/ready")).status_code == httpx.codes.OK


def workers_of(server: XiaokaServer) -> list[psutil.Process]:
    children = psutil.Process(server.pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


async def status_while_paused(server: XiaokaServer, paused: psutil.Process) -> int:
    """What the others answer while this one cannot: on one socket it is else left to chance who takes a call."""
    paused.suspend()
    try:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=PATIENCE) as client:
            return (await client.get("/ready")).status_code
    finally:
        paused.resume()

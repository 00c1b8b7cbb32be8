"""What every command needs: settings, the database, and one plain line where something is wrong."""

from __future__ import annotations

import asyncio
import binascii
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit

import asyncpg
import typer
from pydantic import ValidationError
from rich.console import Console
from tortoise.exceptions import BaseORMException

from api.migrating import pending_migrations
from api.settings import Settings
from domain.identity.queries import shop_by_slug
from domain.shared.act import Act, Language, Viewer
from domain.shared.crypto import Unreadable
from domain.shared.database import connect, disconnect
from domain.shared.errors import DomainError
from domain.shared.messages import say
from domain.shared.sql import Sql, fetch_value
from domain.shared.transact import running_transactions_end

T = TypeVar("T")
REACH_SECONDS = 10
DATABASE_ERRORS = (OSError, TimeoutError, sqlite3.Error, asyncpg.PostgresError, BaseORMException)
console = Console()
complaints = Console(stderr=True, soft_wrap=True, highlight=False)


def stop(message: str, code: int = 1) -> NoReturn:
    """Ends the command with one line on stderr."""
    complaints.print(message, style="red", markup=False)
    raise typer.Exit(code)


def read_settings() -> Settings:
    """With its keys read, so that a wrong one is told now."""
    try:
        settings = Settings()
    except ValidationError as error:
        stop("; ".join(_wrong_setting(str(wrong["loc"][0]), wrong["msg"]) for wrong in error.errors()), 2)
    try:
        _ = settings.keyring
    except (binascii.Error, ValueError) as error:
        stop(f"XIAOKA_KEYS or the key file cannot be read: {error}", 2)
    except OSError as error:
        stop(f"The key file cannot be read or made: {error}", 2)
    return settings


def _wrong_setting(name: str, message: str) -> str:
    return f"XIAOKA_{name.upper()}: {message.removeprefix('Value error, ')}"


def shown(url: str) -> str:
    """A database's address without its password."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return url
    return f"{parts.scheme}://{parts.hostname}:{parts.port or 5432}{parts.path}"


@asynccontextmanager
async def reached(settings: Settings, *, is_migrated: bool = True) -> AsyncIterator[None]:
    """The database, which answers and, if so asked, is in its newest form; else the command ends."""
    try:
        try:
            await connect(settings.database, pool_size=4)
            async with asyncio.timeout(REACH_SECONDS):
                await fetch_value(Sql("SELECT 1 AS one"))
                behind = is_migrated and await pending_migrations()
        except DATABASE_ERRORS as error:
            stop(f"The database at {shown(settings.database)} cannot be reached: {_reason(error)}")
        if behind:
            stop("The database is not in its newest form: run `python -m api migrate`.")
        yield
    finally:
        await running_transactions_end()
        await disconnect()


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def run(work: Callable[[Settings], Awaitable[T]], *, is_migrated: bool = True) -> T:
    settings = read_settings()

    async def connected() -> T:
        async with reached(settings, is_migrated=is_migrated):
            return await work(settings)

    try:
        return asyncio.run(connected())
    except DomainError as error:
        stop(f"{'.'.join(error.path)}: {say(Language.EN, error.message_key, error.facts)}")
    except Unreadable:
        stop(
            "The master keys do not fit this database: set XIAOKA_KEYS or XIAOKA_DATA_DIR to the ones it was made with."
        )


async def act_in(settings: Settings, slug: str) -> Act:
    found = await shop_by_slug(slug)
    if found is None:
        stop(f"There is no shop called {slug}.")
    return Act(viewer=Viewer.system(found["id"]), keyring=settings.keyring, language=Language.EN)

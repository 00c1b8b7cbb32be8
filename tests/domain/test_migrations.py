from __future__ import annotations

from pathlib import Path

import pytest
from tortoise import Tortoise
from tortoise.migrations.autodetector import MigrationAutodetector

from api.migrating import migrate, pending_migrations
from domain.shared.database import APPS, MODELS
from domain.shared.sql import EVERYTHING, Row, columns_of, fetch, select
from tests.builders.scene import Scene, a_scene
from tests.builders.stacks import KINDS, new_stack


def tables() -> list[type]:
    return list(Tortoise.apps["xiaoka"].values())  # type: ignore[index, union-attr, call-overload]


async def everything() -> dict[str, list[Row]]:
    return {
        model.__name__: sorted(await fetch(select(model, EVERYTHING)), key=lambda row: row["id"]) for model in tables()
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_an_empty_database_is_brought_to_the_newest_form_once(kind: str, tmp_path: Path) -> None:
    async with new_stack(kind, tmp_path) as stack, stack.connected():
        assert await pending_migrations() == []
        assert await migrate() == []
        assert {model.__module__ for model in tables()} == set(MODELS)
        assert all(rows == [] for rows in (await everything()).values())
        scene = await a_scene(stack.keyring)
        await scene.order(number="XK1")
        await scene.ticket(await scene.buyer())


async def test_a_database_with_rows_keeps_them(scene: Scene) -> None:
    await scene.order(number="XK10101010", email="li@example.com")
    buyer = await scene.buyer("li@example.com")
    await scene.ticket(buyer, order_number="XK10101010")
    await scene.agent()
    before = await everything()
    assert sum(map(bool, before.values())) > 10
    assert await migrate() == []
    assert await everything() == before


async def test_the_migrations_say_all_that_the_models_say(scene: Scene) -> None:
    """Else `make migrations` has something to write."""
    found = MigrationAutodetector(Tortoise.apps, APPS)  # type: ignore[arg-type]
    assert [writer.operations for writer in await found.changes()] == []


async def test_every_column_of_the_models_is_in_the_database(scene: Scene) -> None:
    for model in tables():
        assert columns_of(model)
        await fetch(select(model, EVERYTHING))

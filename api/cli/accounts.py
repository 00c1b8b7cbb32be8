from __future__ import annotations

import sys
from enum import Enum
from typing import Annotated

import typer

from api.cli.session import act_in, console, run, stop
from api.settings import Settings
from domain.identity import keys, setup
from domain.identity.queries import shop_by_slug
from domain.identity.rules import SCOPES
from domain.shared.act import Act, Language, Role, Viewer
from domain.shared.clock import uuid7
from domain.shared.errors import Conflict
from domain.tickets.setup import create_queue, join_queues

shop = typer.Typer(no_args_is_help=True, help="Shops on this server.")
staff = typer.Typer(no_args_is_help=True, help="Accounts of the staff.")
key = typer.Typer(no_args_is_help=True, help="API keys, and secrets that sign webhooks.")
ShopSlug = Annotated[str, typer.Option(help="Which shop.")]


class StaffRole(Enum):
    AGENT = Role.AGENT.value
    SUPERVISOR = Role.SUPERVISOR.value
    ADMIN = Role.ADMIN.value


class Scope(Enum):
    ORDERS_WRITE = "orders:write"
    ORDERS_READ = "orders:read"
    TICKETS_READ = "tickets:read"


assert {scope.value for scope in Scope} == SCOPES


@shop.command("create")
def create_shop(
    slug: Annotated[str, typer.Argument(help="Names the shop in X-Shop.")],
    name: Annotated[str, typer.Option(help="What buyers know it by.")],
) -> None:
    """Make a shop with one queue."""

    async def work(settings: Settings) -> None:
        if await shop_by_slug(slug):
            stop(f"There is a shop called {slug} already.")
        act = Act(viewer=Viewer.system(uuid7()), keyring=settings.keyring, language=Language.EN)
        await setup.create_shop(act, slug=slug, name=name)
        await create_queue(act, slug="general", name=name, is_default=True)
        console.print(f"Made {slug}.")

    run(work)


@staff.command("create")
def create_staff(
    *,
    email: Annotated[str, typer.Argument(help="Signs in with it.")],
    name: Annotated[str, typer.Option(help="What buyers see.")],
    shop: ShopSlug,
    password: Annotated[
        str | None, typer.Option(help="At least 10 characters; if left out, asked for or read from stdin.")
    ] = None,
    role: Annotated[StaffRole, typer.Option(help="What the person may do.")] = StaffRole.AGENT,
    capacity: Annotated[int, typer.Option(min=0, max=50, help="Open tickets at once.")] = 3,
) -> None:
    """Make an account that works on all queues."""

    password = password if password is not None else _asked_password()

    async def work(settings: Settings) -> None:
        act = await act_in(settings, shop)
        if len(password) < setup.SHORTEST_PASSWORD:
            stop(f"The password is shorter than {setup.SHORTEST_PASSWORD} characters.")
        try:
            agent_id = await setup.create_agent(
                act, email=email, name=name, password=password, role=Role(role.value), capacity=capacity
            )
        except Conflict:
            stop(f"There is an account with {email} already.")
        await join_queues(act, agent_id=agent_id)
        console.print(f"Made {email}.")

    run(work)


def _asked_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


@key.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    shop: ShopSlug,
    scope: Annotated[list[Scope], typer.Option(help="What it may do; repeat for more.")],
) -> None:
    """Make an API key. It is shown this once."""

    async def work(settings: Settings) -> None:
        act = await act_in(settings, shop)
        print(await keys.create_api_key(act, name=name, scopes=[one.value for one in scope]))

    run(work)


@key.command("webhook")
def create_webhook_secret(
    source: Annotated[str, typer.Argument(help="Names the shop system.")], shop: ShopSlug
) -> None:
    """Make or replace the secret that signs what a shop system pushes. It is shown this once."""

    async def work(settings: Settings) -> None:
        print(await keys.create_webhook_source(await act_in(settings, shop), source=source))

    run(work)

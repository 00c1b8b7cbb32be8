from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import graphql
import httpx
import pytest
from graphql.language import FieldNode, OperationDefinitionNode, SelectionSetNode
from starlette.applications import Starlette

from api.ide import ide_page, ide_routes

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "web" / "graphiql"
EXAMPLES = sorted((FOLDER / "examples").glob("*.graphql"))
OURS = [path for path in FOLDER.rglob("*") if path.is_file() and "node_modules" not in path.parts]

KINDS = {"text/css", "text/javascript", "application/javascript"}
ADDRESSES = re.findall(r'(?:src|href)="(/[^"]*)"', ide_page())
ASSETS = {address.partition("?")[0].rpartition("/")[2]: address for address in ADDRESSES}

HOST = re.compile(r"""(?:\b(?:https?|wss?):|["'`(=])//([\w.-]+)""")
PLACEHOLDER = re.compile(r"<(\w+(?:\.\w+)+)>")

# XML namespaces, and links in messages and help texts of the packed libraries: the page never asks them.
MENTIONED = {
    "codemirror.net",
    "commonmark.org",
    "en.wikipedia.org",
    "github.com",
    "react.dev",
    "www.onegraph.com",
    "www.w3.org",
    "yarnpkg.com",
}
ELSEWHERE = re.compile(r"unpkg|jsdelivr|cdnjs|skypack|esm\.(?:sh|run)|npmjs|npmmirror|googleapis|gstatic")


async def ask(path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=Starlette(routes=ide_routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://xiaoka.test") as client:
        return await client.get(path)


class TestPage:
    def test_says_its_title_and_language(self) -> None:
        assert "<title>Xiaoka</title>" in ide_page()
        assert '<html lang="en">' in ide_page()

    def test_needs_a_style_sheet_the_bundle_and_the_start(self) -> None:
        assert list(ASSETS) == ["graphiql.css", "graphiql.js", "start.js"]
        assert all(address.startswith("/graphql/ide/") for address in ADDRESSES)

    def test_holds_no_script_or_style_of_its_own(self) -> None:
        assert re.findall(r"<script[^>]*>[^<]", ide_page()) == []
        assert "<style" not in ide_page()
        assert " style=" not in ide_page()

    def test_references_no_other_host(self) -> None:
        assert HOST.findall(ide_page()) == []

    def test_lets_the_browser_ask_its_own_server_only(self) -> None:
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', ide_page())
        assert policy is not None
        sources = {source for rule in policy[1].split(";") for source in rule.split()[1:]}

        assert "default-src 'none'" in policy[1]
        assert sources == {"'none'", "'self'", "data:"}


class TestAssets:
    @pytest.mark.parametrize("name", ASSETS)
    async def test_are_served_and_may_be_kept(self, name: str) -> None:
        response = await ask(ASSETS[name])

        assert response.status_code == httpx.codes.OK
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["content-type"].split(";")[0] in KINDS
        assert response.content == (FOLDER / name).read_bytes()

    async def test_are_asked_again_where_the_address_does_not_name_the_content(self) -> None:
        response = await ask("/graphql/ide/start.js")

        assert response.headers["cache-control"] == "no-cache"

    async def test_come_with_their_licences(self) -> None:
        response = await ask("/graphql/ide/LICENCES.txt")

        assert response.status_code == httpx.codes.OK
        assert "graphiql 4" in response.text

    @pytest.mark.parametrize("name", ["package.json", "build.mjs", ".npmrc", "examples/", ""])
    async def test_are_all_that_is_served(self, name: str) -> None:
        assert (await ask(f"/graphql/ide/{name}")).status_code == httpx.codes.NOT_FOUND

    @pytest.mark.parametrize("name", ASSETS)
    def test_reference_no_other_host(self, name: str) -> None:
        hosts = set(HOST.findall((FOLDER / name).read_text(encoding="utf-8")))

        assert hosts <= (MENTIONED if name == "graphiql.js" else set())

    @pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
    def test_name_no_registry_or_delivery_network(self, path: Path) -> None:
        assert ELSEWHERE.findall(path.read_text(encoding="utf-8")) == []


class TestExamples:
    async def test_are_listed_in_the_order_of_their_names(self) -> None:
        listed = (await ask("/graphql/ide/examples.json")).json()

        assert [one["query"] for one in listed] == [path.read_text(encoding="utf-8") for path in EXAMPLES]
        assert all(one.keys() == {"query", "variables", "headers"} for one in listed)

    def test_own_every_file_beside_them(self) -> None:
        files = {path.name for path in (FOLDER / "examples").iterdir()}
        endings = (".graphql", ".json", ".headers.json")

        assert files <= {path.stem + ending for path in EXAMPLES for ending in endings}

    @pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
    def test_say_what_they_show(self, path: Path) -> None:
        assert path.read_text(encoding="utf-8").startswith("# ")

    @pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
    def test_fit_the_schema(self, path: Path) -> None:
        assert graphql.validate(schema(), graphql.parse(path.read_text(encoding="utf-8"))) == []

    @pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
    def test_send_variables_that_fit_the_schema(self, path: Path) -> None:
        declared = operation(path).variable_definitions or ()
        given = json_beside(path, ".json")
        values = graphql.get_variable_values(schema(), declared, given)

        assert not isinstance(values, list), values
        assert given.keys() <= {one.variable.name.value for one in declared}

    @pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
    def test_take_only_what_an_example_before_them_asks_for(self, path: Path) -> None:
        given = [json_beside(path, ending) for ending in (".json", ".headers.json")]
        needed = PLACEHOLDER.findall(json.dumps(given))
        earlier = EXAMPLES[: EXAMPLES.index(path)]
        asked = {field for one in earlier for field in paths(operation(one).selection_set)}

        assert set(needed) <= asked


@cache
def schema() -> graphql.GraphQLSchema:
    return graphql.build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))


def operation(path: Path) -> OperationDefinitionNode:
    (definition,) = graphql.parse(path.read_text(encoding="utf-8")).definitions
    assert isinstance(definition, OperationDefinitionNode)
    return definition


def json_beside(path: Path, suffix: str) -> dict[str, Any]:
    beside = path.with_suffix(suffix)
    return json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else {}


def paths(selections: SelectionSetNode | None, before: str = "") -> list[str]:
    found = []
    for field in selections.selections if selections else ():
        assert isinstance(field, FieldNode)
        path = before + (field.alias or field.name).value
        found += [path, *paths(field.selection_set, f"{path}.")]
    return found

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    import os

    from starlette.requests import Request
    from starlette.types import Scope

FOLDER = Path(__file__).parent.parent / "web" / "graphiql"
PREFIX = "/graphql/ide"
# The folder also holds what rebuilds these; only they are served.
ASSETS = ("graphiql.css", "graphiql.js", "start.js", "LICENCES.txt")

# The browser itself keeps the page from asking any other host.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Xiaoka</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{styles}">
<script defer src="{bundle}"></script>
<script type="module" src="{start}"></script>
</head>
<body>
<div id="ide"><noscript>GraphiQL needs JavaScript; the endpoint itself does not.</noscript></div>
</body>
</html>
"""


@cache
def ide_page() -> str:
    return PAGE.format(
        policy=POLICY,
        styles=_address("graphiql.css"),
        bundle=_address("graphiql.js"),
        start=_address("start.js"),
    )


def ide_routes() -> list[BaseRoute]:
    examples = _examples()

    async def list_examples(_: Request) -> Response:
        return JSONResponse(examples, headers={"cache-control": "no-cache"})

    return [
        Route(f"{PREFIX}/examples.json", list_examples),
        Mount(PREFIX, _Assets(directory=FOLDER)),
    ]


class _Assets(StaticFiles):
    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        return super().lookup_path(path) if path in ASSETS else ("", None)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        # The page names its assets by their content, so such an address never changes its meaning.
        lasting = scope["query_string"].startswith(b"v=")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if lasting else "no-cache"
        return response


def _address(asset: str) -> str:
    digest = hashlib.sha256((FOLDER / asset).read_bytes()).hexdigest()
    return f"{PREFIX}/{asset}?v={digest[:16]}"


def _examples() -> list[dict[str, str | None]]:
    """GraphiQL's tabs in the order of the file names; their variables and headers are JSON as typed."""
    return [
        {
            "query": operation.read_text(encoding="utf-8"),
            "variables": _text(operation.with_suffix(".json")),
            "headers": _text(operation.with_suffix(".headers.json")),
        }
        for operation in sorted((FOLDER / "examples").glob("*.graphql"))
    ]


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None

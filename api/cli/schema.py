from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli.session import stop
from api.schema import make_schema

SCHEMA_FILE = Path(__file__).parents[2] / "schema.graphql"


def schema(
    write: Annotated[bool, typer.Option("--write", help="Write schema.graphql.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail when schema.graphql is not what the code says.")] = False,
) -> None:
    """Print the schema."""
    text = make_schema().as_str() + "\n"
    if check and (not SCHEMA_FILE.exists() or SCHEMA_FILE.read_text(encoding="utf-8") != text):
        stop("schema.graphql differs from the code: run `make schema`.")
    if write:
        SCHEMA_FILE.write_text(text, encoding="utf-8")
    if not (write or check):
        sys.stdout.write(text)

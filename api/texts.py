"""Texts that no database can hold: NUL, and halves of surrogate pairs. Refused before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import GraphQLError, StringValueNode, Visitor, visit
from strawberry.extensions import SchemaExtension


def is_storable(text: str) -> bool:
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unstorable(value: Any, path: str) -> str | None:
    """The path of the first text that cannot be stored, or None."""
    if isinstance(value, str):
        return None if is_storable(value) else path
    if isinstance(value, dict):
        for key, item in value.items():
            if found := unstorable(item, f"{path}.{key}" if is_storable(str(key)) else path):
                return found
    if isinstance(value, list):
        for index, item in enumerate(value):
            if found := unstorable(item, f"{path}.{index}"):
                return found
    return None


class _Literals(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.is_clean = True

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        if not is_storable(node.value):
            self.is_clean = False


class RefuseUnstorableTexts(SchemaExtension):
    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        found = unstorable(context.variables, "variables") if context.variables else None
        if found is None and "\\u" in (context.query or "") and context.graphql_document:
            literals = _Literals()
            visit(context.graphql_document, literals)
            found = None if literals.is_clean else "query"
        if found is not None and context.pre_execution_errors is None:
            message = f"A text holds a character that cannot be stored, at {found}."
            context.pre_execution_errors = [
                GraphQLError(message, extensions={"code": "BAD_USER_INPUT", "argument": found.split(".")})
            ]
        yield

"""Texts that no database can hold: NUL, and halves of surrogate pairs. Refused before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from graphql import GraphQLError, StringValueNode, Visitor, visit
from strawberry.extensions import SchemaExtension

_Trail: TypeAlias = "tuple[_Trail | None, str | int]"


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


def unstorable(value: Any) -> list[str | int] | None:
    """The path of a text that cannot be stored, or None. Without recursion: what comes in may be nested deeply."""
    waiting: list[tuple[Any, _Trail | None]] = [(value, None)]
    while waiting:
        item, trail = waiting.pop()
        if isinstance(item, str) and not is_storable(item):
            return _path(trail)
        if isinstance(item, dict):
            if not all(map(is_storable, item)):
                return _path(trail)
            waiting.extend((below, (trail, key)) for key, below in item.items())
        elif isinstance(item, list):
            waiting.extend((below, (trail, index)) for index, below in enumerate(item))
    return None


def _path(trail: _Trail | None) -> list[str | int]:
    path: list[str | int] = []
    while trail is not None:
        trail, step = trail
        path.append(step)
    return path[::-1]


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
        if context.pre_execution_errors is None and (path := self._found()) is not None:
            where = ".".join(map(str, path))
            message = f"A text holds a character that cannot be stored, at {where}."
            extensions = {"code": "BAD_USER_INPUT", "argument": path}
            context.pre_execution_errors = [GraphQLError(message, extensions=extensions)]
        yield

    def _found(self) -> list[str | int] | None:
        context = self.execution_context
        found = unstorable(context.variables)
        if found is not None:
            return ["variables", *found]
        text = context.query or ""
        if not is_storable(text):
            return ["query"]
        if "\\u" not in text or context.graphql_document is None:
            return None
        literals = _Literals()
        visit(context.graphql_document, literals)
        return None if literals.is_clean else ["query"]

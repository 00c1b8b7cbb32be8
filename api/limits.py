"""What a document may be."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
    parse,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from graphql.validation.validate import ValidationAbortedError
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

LONGEST_DOCUMENT = 50_000
MOST_TOKENS = 2_000
MOST_DEPTH = 15
MOST_FIELDS = 1_000
MOST_ALIASES = 100
# A document at its limits takes about a megabyte in memory.
MOST_REMEMBERED = 200
# The default lets a document of 2,000 tokens keep the event loop for a second.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 50_000

Size = tuple[int, int, int]


def is_limit(error: GraphQLError) -> bool:
    """Whether one of graphql-core's own limits stopped a document."""
    if isinstance(error, GraphQLSyntaxError):
        return error.message.endswith("Parsing aborted.")
    return isinstance(error, ValidationAbortedError) or error.message == "Maximum introspection depth exceeded"


def too_costly(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "COST_EXCEEDED"})


class DocumentLimits(ValidationRule):
    """Depth, fields and aliases of the whole document, each fragment measured once however often it is spread.

    Fields below `__schema` and `__type` count as fields but not as depth: tools ask deep questions about the schema,
    and graphql-core limits those by itself.
    """

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._fragments = {
            d.name.value: d for d in context.document.definitions if isinstance(d, FragmentDefinitionNode)
        }
        self._sizes: dict[str, Size] = {}
        self._busy: set[str] = set()
        try:
            self._check(context)
        except RecursionError:
            self._refuse(f"The document is deeper than {MOST_DEPTH} levels.")

    def _check(self, context: ValidationContext) -> None:
        fields = aliases = 0
        for definition in context.document.definitions:
            if not isinstance(definition, OperationDefinitionNode):
                continue
            depth, its_fields, its_aliases = self._size(definition.selection_set)
            fields, aliases = fields + its_fields, aliases + its_aliases
            if depth > MOST_DEPTH:
                self._refuse(f"The document is deeper than {MOST_DEPTH} levels.")
        if fields > MOST_FIELDS:
            self._refuse(f"The document asks for more than {MOST_FIELDS} fields.")
        if aliases > MOST_ALIASES:
            self._refuse(f"The document has more than {MOST_ALIASES} aliases.")

    def _refuse(self, message: str) -> None:
        self.report_error(too_costly(message))

    def _size(self, selections: SelectionSetNode | None) -> Size:
        depth = fields = aliases = 0
        for node in selections.selections if selections else ():
            if isinstance(node, FragmentSpreadNode):
                below = self._fragment(node.name.value)
            else:
                below = self._size(node.selection_set)  # type: ignore[attr-defined]
                if isinstance(node, FieldNode):
                    is_meta = node.name.value in ("__schema", "__type")
                    below = (
                        1 if is_meta else below[0] + 1,
                        below[1] + 1,
                        below[2] + (node.alias is not None),
                    )
            depth = max(depth, below[0])
            fields, aliases = min(fields + below[1], 10**6), min(aliases + below[2], 10**6)
        return depth, fields, aliases

    def _fragment(self, name: str) -> Size:
        if name in self._busy or name not in self._fragments:
            return 0, 0, 0
        if name not in self._sizes:
            self._busy.add(name)
            self._sizes[name] = self._size(self._fragments[name].selection_set)
            self._busy.discard(name)
        return self._sizes[name]


class BoundedParsing(SchemaExtension):
    """Reads a document, or takes it from those read lately. The text is measured first: reading takes time with it."""

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        if len(context.query or "") > LONGEST_DOCUMENT:
            raise too_costly(f"The document is longer than {LONGEST_DOCUMENT} characters.")
        context.graphql_document = _parsed(context.query or "")
        yield


class BoundedValidation(SchemaExtension):
    """The limits run before the standard rules, some of which take quadratic time."""

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        if context.graphql_document is not None and context.pre_execution_errors is None:
            schema: Any = context.schema
            context.pre_execution_errors = _validated(
                schema._schema, context.graphql_document, context.validation_rules
            )
        yield


@lru_cache(maxsize=MOST_REMEMBERED)
def _parsed(text: str) -> DocumentNode:
    return parse(text, max_tokens=MOST_TOKENS)


@lru_cache(maxsize=MOST_REMEMBERED)
def _validated(
    schema: GraphQLSchema, document: DocumentNode, rules: tuple[type[ASTValidationRule], ...]
) -> list[GraphQLError]:
    return validate(schema, document, [DocumentLimits]) or validate_document(schema, document, rules)

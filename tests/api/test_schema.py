from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
)

from api.schema import make_schema

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "tests" / "released.graphql"
PAGED = {"first": "Int", "after": "String", "last": "Int", "before": "String"}
# What clients rely on. A `!` at the end is not part of the promise: an argument may get a default.
PROMISED: dict[str, dict[str, dict[str, str]]] = {
    "Query": {
        "node": {"id": "ID!"},
        "nodes": {"ids": "[ID!]!"},
        "viewer": {},
        "orderLookup": {"input": "OrderLookupInput!"},
        "order": {"id": "ID", "number": "String", "paymentSerial": "String"},
        "orders": {"filter": "OrderFilter", "orderBy": "OrderOrder", **PAGED},
        "products": {"first": "Int", "after": "String"},
        "ticket": {"id": "ID!"},
        "tickets": {"filter": "TicketFilter", "orderBy": "TicketOrder", **PAGED},
        "queues": {},
    },
    "Mutation": {
        name: {"input": name[0].upper() + name[1:] + "Input!"}
        for name in (
            "orderIngest", "codeRequest", "codeVerify", "staffLogin", "sessionRefresh", "ticketOpen", "messageAdd",
            "ticketRate", "presenceSet", "ticketClaimNext", "ticketAssign", "ticketTransfer", "ticketResolve",
            "ticketReopen",
        )
    },
    "Subscription": {
        "ticketProgress": {"ticketId": "ID!", "after": "String"},
        "queuePosition": {"ticketId": "ID!"},
        "queueBoard": {"queueId": "ID"},
        "inbox": {"after": "String"},
    },
}  # fmt: skip
PROMISED_TYPES = {
    "node": "Node", "nodes": "[Node]!", "viewer": "Viewer!", "orderLookup": "MaskedOrder", "order": "Order",
    "orders": "OrderConnection!", "products": "ProductConnection!", "ticket": "Ticket",
    "tickets": "TicketConnection!", "queues": "[Queue!]!", "ticketProgress": "TicketProgress!",
    "queuePosition": "QueuePosition!", "queueBoard": "QueueBoard!", "inbox": "InboxItem!",
}  # fmt: skip
PROMISED_ENUMS = {
    "PaymentStatus": "PENDING PAID REFUNDING PARTIALLY_REFUNDED REFUNDED EXPIRED FAILED",
    "DeliveryStatus": "NONE QUEUED PARTIAL DELIVERED FAILED",
    "TicketStatus": "NEW OPEN PENDING ON_HOLD RESOLVED CLOSED",
    "TicketCategory": "NOT_RECEIVED INVALID_CARD ALREADY_REDEEMED WRONG_PURCHASE PAYMENT_ISSUE TOPUP_DELAYED"
    " REFUND_REQUEST ORDER_LOOKUP HOW_TO_USE SETTLEMENT_DELAY COMPLAINT HUMAN_AGENT OTHER",
    "Language": "ZH EN ES",
}
PROMISED_FIELDS = {
    "OrderInput": "externalId version number paymentSerial paymentMethod paymentStatus deliveryStatus placedAt paidAt"
    " product quantity total buyer seller cards deliveries",
    "OrderProductInput": "externalId name category unitPrice warrantyHours",
    "OrderBuyerInput": "email phone externalId ip deviceId userAgent language",
    "OrderSellerInput": "externalId name",
    "OrderCardInput": "externalId secret batch supplier issuedAt",
    "OrderDeliveryInput": "at channel destination status providerMessageId",
    "OrderIngestInput": "source orders",
    "OrderIngestResult": "index outcome order userErrors",
    "CodeRequestInput": "orderNumber contact channel",
    "CodeRequestPayload": "challengeId maskedDestination expiresAt",
    "CodeVerifyInput": "challengeId code",
    "CodeVerifyPayload": "token expiresAt",
    "StaffLoginInput": "email password",
    "TicketOpenInput": "orderId orderNumber text category language idempotencyKey",
    "MessageAddInput": "ticketId text internal idempotencyKey",
    "TicketRateInput": "ticketId score comment",
    "PresenceSetInput": "status capacity",
    "TicketProgress": "cursor initial resync event ticket",
    "QueuePosition": "state position waitP50Seconds waitP90Seconds agentName message",
    "Money": "amount currency",
    "UserError": "code message path",
}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return make_schema()._schema


def own_types(schema: GraphQLSchema) -> list[GraphQLNamedType]:
    return [
        kind
        for kind in schema.type_map.values()
        if not is_introspection_type(kind) and not is_specified_scalar_type(kind)
    ]


def test_the_schema_file_is_what_the_code_says() -> None:
    printed = make_schema().as_str() + "\n"
    written = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    assert printed == written, "schema.graphql differs from the code: run `make schema`"


def described(kind: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    """Everything about a type that can have a description, with the one that it has."""
    yield kind.name, kind.description
    parts: dict[str, Any] = getattr(kind, "values", None) or getattr(kind, "fields", None) or {}
    for name, part in parts.items():
        yield f"{kind.name}.{name}", part.description
        for argument, value in getattr(part, "args", {}).items():
            yield f"{kind.name}.{name}({argument}:)", value.description


def test_everything_in_the_schema_is_described(schema: GraphQLSchema) -> None:
    found = dict(pair for kind in own_types(schema) for pair in described(kind))
    roots = {"Query", "Mutation", "Subscription"}
    assert len(found) > 300
    assert {name for name, text in found.items() if not (text or "").strip()} <= roots


@pytest.mark.parametrize("root", PROMISED)
def test_every_operation_that_clients_rely_on_is_there_with_its_arguments(schema: GraphQLSchema, root: str) -> None:
    fields = schema.type_map[root].fields  # type: ignore[attr-defined]
    for name, arguments in PROMISED[root].items():
        assert name in fields, name
        found = {argument: str(value.type) for argument, value in fields[name].args.items()}
        for argument, kind in arguments.items():
            assert found[argument].rstrip("!") == kind.rstrip("!"), (name, argument)
            is_required = found[argument].endswith("!") and not _has_default(fields[name].args[argument])
            assert is_required == kind.endswith("!"), (name, argument)
        assert [a for a in set(found) - set(arguments) if found[a].endswith("!")] == []
        if name in PROMISED_TYPES:
            assert str(fields[name].type) == PROMISED_TYPES[name]


def _has_default(argument: object) -> bool:
    from graphql import is_required_argument

    return not is_required_argument(argument)  # type: ignore[arg-type]


def test_a_mutation_takes_one_input_and_answers_with_its_subject_and_user_errors(schema: GraphQLSchema) -> None:
    assert schema.mutation_type
    for name, field in schema.mutation_type.fields.items():
        title = name[0].upper() + name[1:]
        assert {argument: str(value.type) for argument, value in field.args.items()} == {"input": f"{title}Input!"}
        assert str(field.type) == f"{title}Payload!"
        payload = get_named_type(field.type)
        assert isinstance(payload, GraphQLObjectType)
        assert str(payload.fields["userErrors"].type) == "[UserError!]!"
        subjects = {other: str(value.type) for other, value in payload.fields.items() if other != "userErrors"}
        assert subjects and not [other for other, kind in subjects.items() if kind.endswith("!")], name


def test_enumerations_and_fields_that_clients_rely_on_are_there(schema: GraphQLSchema) -> None:
    for name, values in PROMISED_ENUMS.items():
        kind = schema.type_map[name]
        assert isinstance(kind, GraphQLEnumType)
        assert list(kind.values) == values.split(), name
    for name, fields in PROMISED_FIELDS.items():
        assert set(fields.split()) <= set(schema.type_map[name].fields), name  # type: ignore[attr-defined]


def test_an_object_with_an_id_is_a_node_and_a_list_that_grows_is_a_connection(schema: GraphQLSchema) -> None:
    for kind in own_types(schema):
        if isinstance(kind, GraphQLObjectType):
            assert ("id" in kind.fields) == ("Node" in {i.name for i in kind.interfaces}), kind.name
            if kind.name.endswith("Connection"):
                assert {"edges", "nodes", "pageInfo"} <= set(kind.fields)


def test_nothing_that_was_released_is_broken(schema: GraphQLSchema) -> None:
    released = build_schema(RELEASED.read_text(encoding="utf-8"))
    assert [change.description for change in find_breaking_changes(released, schema)] == []


def test_the_released_schema_changes_only_with_an_entry_in_the_changelog() -> None:
    """The newest entry that names a schema names this one, so the file cannot change without a new entry."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    named = re.findall(r"^Schema: `([0-9a-f]{64})`$", changelog, re.MULTILINE)
    digest = hashlib.sha256(RELEASED.read_bytes()).hexdigest()
    assert named and named[0] == digest, f"add an entry to CHANGELOG.md with the line: Schema: `{digest}`"
    assert len(set(named)) == len(named)

"""Taking orders in: many at once, in any order, from several callers, and the newest version of each stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.orders.facts import OrderDraft, OrderFacts
from domain.orders.ingest_rows import Kept, keep_orders
from domain.orders.rules import MOST_ORDERS, read_order
from domain.shared import checks
from domain.shared.act import Act
from domain.shared.described import Described
from domain.shared.errors import DomainError
from domain.shared.transact import Tx, transact


class IngestOutcome(Described):
    CREATED = "CREATED", "The order was new."
    UPDATED = "UPDATED", "The order was known; this version is newer and replaced it."
    UNCHANGED = "UNCHANGED", "Exactly this version was already here."
    STALE = "STALE", "A newer version was already here; nothing was changed."
    REJECTED = "REJECTED", "The order breaks a rule, which `userErrors` names; nothing was changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult:
    index: int
    outcome: IngestOutcome
    order_id: UUID | None = None
    error: DomainError | None = None


Checked = OrderFacts | DomainError


def _checked(index: int, draft: OrderDraft | DomainError) -> Checked:
    if isinstance(draft, DomainError):
        return draft
    try:
        return read_order(draft, ["orders", index])
    except DomainError as error:
        return error


def _newest(orders: Sequence[Checked]) -> dict[str, OrderFacts]:
    """One order a key, sorted by key, so that two calls lock rows in the same order."""
    newest: dict[str, OrderFacts] = {}
    for facts in orders:
        if isinstance(facts, DomainError):
            continue
        other = newest.get(facts.draft.external_key)
        if other is None or other.draft.version < facts.draft.version:
            newest[facts.draft.external_key] = facts
    return dict(sorted(newest.items()))


def _outcome(facts: OrderFacts, kept: Kept, *, is_newest: bool) -> IngestOutcome:
    if facts.draft.version < kept.version:
        return IngestOutcome.STALE
    if not (kept.has_landed and is_newest):
        return IngestOutcome.UNCHANGED
    return IngestOutcome.CREATED if kept.is_new else IngestOutcome.UPDATED


def _result(index: int, order: Checked, newest: Mapping[str, OrderFacts], kept: Mapping[str, Kept]) -> IngestResult:
    if isinstance(order, DomainError):
        return IngestResult(index=index, outcome=IngestOutcome.REJECTED, error=order)
    key = order.draft.external_key
    outcome = _outcome(order, kept[key], is_newest=order is newest[key])
    return IngestResult(index=index, outcome=outcome, order_id=kept[key].order_id)


async def ingest_orders(act: Act, *, source: str, drafts: Sequence[OrderDraft | DomainError]) -> list[IngestResult]:
    """Results in the order of the drafts. A draft that could not even be read comes as the error that it is."""
    source = checks.text(source, ["source"], most=40)
    checks.count(drafts, ["orders"], most=MOST_ORDERS, least=1)
    orders = [_checked(index, draft) for index, draft in enumerate(drafts)]
    newest = _newest(orders)

    async def work(tx: Tx) -> dict[str, Kept]:
        return await keep_orders(tx, source, newest) if newest else {}

    kept = await transact(act, work)
    return [_result(index, order, newest, kept) for index, order in enumerate(orders)]

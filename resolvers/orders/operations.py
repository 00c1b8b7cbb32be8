"""Orders: looking them up, and taking them in."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from domain.orders import queries
from domain.orders.actions import look_up_order
from domain.orders.ingest import IngestOutcome, IngestResult, ingest_orders
from domain.orders.kinds import DeliveryStatus, OrderOrder, PaymentStatus
from domain.orders.queries import OrderFilter as Wanted
from domain.shared.act import Role
from domain.shared.errors import BadInput, DomainError
from resolvers.orders.inputs import OrderIngestInput
from resolvers.orders.types import MaskedOrder, Order, Product
from resolvers.shared.connections import Connection, connection_of
from resolvers.shared.context import Info
from resolvers.shared.edges import After, Before, First, Last, load_one, page_of
from resolvers.shared.ids import read_id
from resolvers.shared.mutations import INPUT, mutation, user_errors
from resolvers.shared.scalars import Instant
from resolvers.shared.types import UserError

ORDERS = {OrderOrder.NEWEST: queries.NEWEST, OrderOrder.OLDEST: queries.OLDEST}


@strawberry.input(description="One name of the order and one proof.")
class OrderLookupInput:
    number: str | None = strawberry.field(default=None, description="The order number; or give `paymentSerial`.")
    payment_serial: str | None = strawberry.field(default=None, description="The gateway's number.")
    email: str | None = strawberry.field(default=None, description="The purchase e-mail; or give `phoneTail`.")
    phone_tail: str | None = strawberry.field(default=None, description="Last four digits of the purchase phone.")


@strawberry.input(description="All that is given must hold.")
class OrderFilter:
    payment_status: PaymentStatus | None = strawberry.field(default=None, description="How the payment stands.")
    delivery_status: DeliveryStatus | None = strawberry.field(default=None, description="How the delivery stands.")
    placed_from: Instant | None = strawberry.field(default=None, description="Ordered then or later.")
    placed_before: Instant | None = strawberry.field(default=None, description="Ordered before then.")
    buyer_id: strawberry.ID | None = strawberry.field(default=None, description="Bought by this buyer.")
    product_id: strawberry.ID | None = strawberry.field(default=None, description="Of this product.")

    def wanted(self) -> Wanted:
        return Wanted(
            payment_status=self.payment_status,
            delivery_status=self.delivery_status,
            placed_from=self.placed_from,
            placed_before=self.placed_before,
            buyer_id=read_id(self.buyer_id, "Buyer", "filter.buyerId") if self.buyer_id else None,
            product_id=read_id(self.product_id, "Product", "filter.productId") if self.product_id else None,
        )


@strawberry.type(description="What became of one order of the call.")
class OrderIngestResult:
    index: int = strawberry.field(description="Its place in `orders`, from 0.")
    outcome: IngestOutcome = strawberry.field(description="What became of it.")
    user_errors: list[UserError] = strawberry.field(description="Why it was rejected; else empty.")
    found: strawberry.Private[UUID | None]

    @strawberry.field(description="The order as it stands now; null when rejected, or without orders:read.")
    async def order(self, info: Info) -> Order | None:
        if self.found is None:
            return None
        return Order.of_maybe(await load_one(info.context, queries.orders_by_id, self.found))


@strawberry.type(description="One result for each order, in the order of the call.")
class OrderIngestPayload:
    results: list[OrderIngestResult] | None = strawberry.field(
        default=None, description="What became of each order; null when the whole call was refused."
    )
    user_errors: list[UserError] = user_errors()


def shown_result(result: IngestResult, info: Info) -> OrderIngestResult:
    errors = [UserError.of(result.error, info.context.language)] if result.error else []
    return OrderIngestResult(index=result.index, outcome=result.outcome, user_errors=errors, found=result.order_id)


@strawberry.type
class OrderQueries:
    @strawberry.field(description="For guests: one order, masked. Null for a wrong proof and for no such order alike.")
    async def order_lookup(self, info: Info, input: Annotated[OrderLookupInput, INPUT]) -> MaskedOrder | None:
        try:
            found = await look_up_order(
                info.context.act,
                number=input.number,
                payment_serial=input.payment_serial,
                email=input.email,
                phone_tail=input.phone_tail,
            )
        except DomainError as error:
            shown = UserError.of(error, info.context.language)
            raise BadInput(shown.message, argument=["input", *error.path], rule=str(error.code)) from error
        return MaskedOrder.of_maybe(found)

    @strawberry.field(description="One order that you may see, by exactly one of its names; else null.")
    async def order(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, strawberry.argument(description="Its global id.")] = None,
        number: Annotated[str | None, strawberry.argument(description="Its order number.")] = None,
        payment_serial: Annotated[
            str | None, strawberry.argument(description="The gateway's number of its payment.")
        ] = None,
    ) -> Order | None:
        viewer = info.context.viewer
        if sum(name is not None for name in (id, number, payment_serial)) != 1:
            raise BadInput(
                "Give exactly one of id, number and paymentSerial.",
                argument=["id", "number", "paymentSerial"],
            )
        if id is not None:
            key = read_id(id, "Order", "id")
            return Order.of_maybe((await queries.orders_by_id(viewer, [key])).get(key))
        return Order.of_maybe(await queries.find_order(viewer, number=number, payment_serial=payment_serial))

    @strawberry.field(description="Orders that you may see: the shop's for staff, a buyer's own for the buyer.")
    async def orders(
        self,
        info: Info,
        filter: Annotated[OrderFilter | None, strawberry.argument(description="Which orders.")] = None,
        order_by: Annotated[OrderOrder, strawberry.argument(description="In which order.")] = OrderOrder.NEWEST,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Order]:
        page = page_of(info, ORDERS[order_by], first, after, last, before)
        wanted = filter.wanted() if filter else Wanted()
        found = await queries.order_page(info.context.viewer, wanted, page)
        return connection_of(Order, found, info.context.services.keyring)

    @strawberry.field(description="The shop's products, the one sold last first; for staff and integrators.")
    async def products(self, info: Info, first: First = None, after: After = None) -> Connection[Product]:
        page = page_of(info, queries.PRODUCTS_NEWEST, first, after, None, None)
        found = await queries.product_page(info.context.viewer, page)
        return connection_of(Product, found, info.context.services.keyring)


@strawberry.type
class OrderMutations:
    @mutation(
        description="Takes in up to 500 orders; needs the scope orders:write. Idempotent on source and externalId; an"
        " older version never overwrites a newer one; a bad order is reported and the others land."
    )
    async def order_ingest(self, info: Info, input: Annotated[OrderIngestInput, INPUT]) -> OrderIngestPayload:
        act = info.context.act
        act.viewer.require(Role.ADMIN, scope="orders:write")
        drafts = [order.draft() for order in input.orders]
        results = await ingest_orders(act, source=input.source, drafts=drafts)
        return OrderIngestPayload(results=[shown_result(result, info) for result in results])

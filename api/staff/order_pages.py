"""Purchase orders: what was ordered, what came of it, and what to do about the rest."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Query, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, Response

from api.database import DatabaseConnection
from api.deps import Manager, Pool, ReadingConnection, StaffMember
from api.ledger.events import MAXIMUM_QUANTITY
from api.ledger.routes import CurrentLedger
from api.pagination import Paging, page_of
from api.problems import Problem
from api.purchasing import orders, scorecards
from api.purchasing.mailing import Mailing
from api.purchasing.order_schemas import (
    CameIn,
    Delivery,
    OrderQuestion,
    OrderStatus,
    Receipt,
    WholePurchaseOrder,
)
from api.purchasing.receiving import Receiving
from api.staff.forms import whole_number
from api.staff.pages import CurrentShell, PageRoute, Shell, address, page, quoted, see_other
from api.staff.service import PLACES_TO_CHOOSE

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_A_PAGE = 30
Cursor = Annotated[str | None, Query(max_length=500)]
Version = Annotated[int, Form(ge=1, le=2**31 - 1)]
Typed = Annotated[str, Form(max_length=200)]


@router.get("/orders")
async def show_orders(
    request: Request,
    shell: CurrentShell,
    connection: ReadingConnection,
    status: OrderStatus | None = None,
    cursor: Cursor = None,
) -> HTMLResponse:
    """The newest first."""
    asked = OrderQuestion(status=status, limit=_A_PAGE, cursor=cursor)
    after = Paging(_A_PAGE, cursor).after(int)
    found = await orders.list_orders(
        connection, asked, before=after[0] if after else None, sites=shell.sites
    )
    shown, next_cursor = page_of(found, _A_PAGE, lambda numbered: (numbered[0],))
    more = address("/orders", status=status, cursor=next_cursor) if next_cursor else None
    return page(
        request,
        "orders.html",
        shell=shell,
        here="plan",
        status_shown=status,
        orders=[order for _, order in shown],
        next_address=more,
    )


@router.get("/orders/suppliers")
async def show_suppliers(
    request: Request, shell: CurrentShell, connection: ReadingConnection, cursor: Cursor = None
) -> HTMLResponse:
    """How long each supplier took, and what was late, short or dearer."""
    cards, next_cursor = await scorecards.list_scorecards(
        connection, paging=Paging(_A_PAGE, cursor), sites=shell.sites, ordered_only=True
    )
    more = address("/orders/suppliers", cursor=next_cursor) if next_cursor else None
    return page(
        request,
        "order_suppliers.html",
        shell=shell,
        here="plan",
        cards=cards,
        next_address=more,
    )


@router.get("/orders/{number}")
async def show_order(
    request: Request, number: str, shell: CurrentShell, connection: ReadingConnection
) -> HTMLResponse:
    """One order, with what can be done about it in its state."""
    return await _order_page(request, shell, connection, number)


@router.post("/orders/{number}/lines/{line}")
async def set_quantity(
    number: str, line: int, pool: Pool, actor: Manager, version: Version, quantity: Typed = ""
) -> Response:
    """Another quantity; none at all takes the line out."""
    wanted = min(whole_number(quantity) or 0, MAXIMUM_QUANTITY)

    async def change(connection: DatabaseConnection, versions: orders.Versions) -> object:
        if wanted == 0:
            return await orders.close_line(connection, number, line, versions=versions, actor=actor)
        return await orders.set_quantity(
            connection, number, line, wanted, versions=versions, actor=actor
        )

    return await _changed(pool, number, version, change)


@router.post("/orders/{number}/send")
async def send(
    request: Request, number: str, pool: Pool, actor: Manager, version: Version
) -> Response:
    """The supplier has it; mailed where a mail server is set."""
    mailing = Mailing(request.app.state.settings, pool)
    async with pool.acquire() as connection, connection.transaction():
        _, is_new = await orders.send(
            connection, number, versions=frozenset({version}), actor=actor
        )
    if is_new and mailing.is_set:
        await mailing.mail(number, sites=actor.sites)
    return see_other(f"/orders/{quoted(number)}")


@router.post("/orders/{number}/mail")
async def mail(request: Request, number: str, pool: Pool, actor: Manager) -> Response:
    """Mail it once more, or at last."""
    await Mailing(request.app.state.settings, pool).mail(number, sites=actor.sites)
    return see_other(f"/orders/{quoted(number)}")


@router.post("/orders/{number}/cancel")
async def cancel(
    number: str, pool: Pool, actor: Manager, version: Version, reason: Typed = ""
) -> Response:
    async def change(connection: DatabaseConnection, versions: orders.Versions) -> object:
        return await orders.cancel(
            connection, number, reason=reason.strip() or None, versions=versions, actor=actor
        )

    return await _changed(pool, number, version, change)


@router.post("/orders/{number}/close")
async def close(
    number: str, pool: Pool, actor: Manager, version: Version, reason: Typed = ""
) -> Response:
    async def change(connection: DatabaseConnection, versions: orders.Versions) -> object:
        return await orders.close(
            connection, number, reason=reason.strip() or None, versions=versions, actor=actor
        )

    return await _changed(pool, number, version, change)


@router.post("/orders/{number}/expect")
async def expect(
    number: str,
    pool: Pool,
    actor: Manager,
    version: Version,
    expected_on: Annotated[date, Form(ge=date(2000, 1, 1), le=date(2200, 1, 1))],
) -> Response:
    async def change(connection: DatabaseConnection, versions: orders.Versions) -> object:
        return await orders.expect(connection, number, expected_on, versions=versions, actor=actor)

    return await _changed(pool, number, version, change)


@router.post("/orders/{number}/receive")
async def receive(
    request: Request,
    number: str,
    shell: CurrentShell,
    pool: Pool,
    actor: StaffMember,
    ledger: CurrentLedger,
    receipt_id: Annotated[UUID, Form()],
    location: Typed = "",
) -> Response:
    """Book in what came; what is wrong with it is said on the same page, the typing kept."""
    form = await request.form()
    async with pool.acquire() as connection:
        order = await orders.read_order(connection, number, sites=actor.sites)
    wrong, came = _came_in(order, form)
    if not location.strip():
        wrong["location"] = "Choose a place."
    if not came and not wrong:
        wrong["lines"] = "Say of at least one product how many came."
    if not wrong:
        delivery = Delivery(location=location, received_at=None, lines=came)
        try:
            receipt, _ = await Receiving(ledger, pool, actor).receive(number, receipt_id, delivery)
            wrong.update(_not_taken(receipt))
        except Problem as problem:
            if problem.status >= 500:
                raise
            wrong["lines"] = problem.detail
    if not wrong:
        return see_other(f"/orders/{quoted(number)}")
    typed = {name: value for name, value in form.items() if isinstance(value, str)}
    async with pool.acquire() as connection:
        return await _order_page(request, shell, connection, number, typed=typed, errors=wrong)


def _came_in(order: WholePurchaseOrder, form: FormData) -> tuple[dict[str, str], list[CameIn]]:
    """What is wrong, by field, and what came of each line of which something was typed."""
    wrong: dict[str, str] = {}
    came = []
    for line in order.order_lines:
        numbers = {}
        for name in ("quantity", "damaged"):
            text = form.get(f"{name}-{line.line}", "")
            number = whole_number(text) if isinstance(text, str) and text.strip() else 0
            if number is None or number > MAXIMUM_QUANTITY:
                wrong[f"{name}-{line.line}"] = "Give a whole number, for example 12."
            numbers[name] = number or 0
        if numbers["damaged"] > numbers["quantity"]:
            wrong[f"damaged-{line.line}"] = "At most as many as came."
        elif numbers["quantity"] and not wrong:
            came.append(
                CameIn(line=line.line, quantity=numbers["quantity"], damaged=numbers["damaged"])
            )
    return wrong, came


def _not_taken(receipt: Receipt) -> Mapping[str, str]:
    return {
        f"quantity-{line.line}": str(line.problem["detail"])
        for line in receipt.lines
        if line.problem is not None
    }


async def _changed(
    pool: Pool,
    number: str,
    version: int,
    change: Callable[[DatabaseConnection, orders.Versions], Awaitable[object]],
) -> Response:
    # A refusal becomes a page inside the route, so the transaction is closed here.
    async with pool.acquire() as connection, connection.transaction():
        await change(connection, frozenset({version}))
    return see_other(f"/orders/{quoted(number)}")


async def _order_page(
    request: Request,
    shell: Shell,
    connection: DatabaseConnection,
    number: str,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> HTMLResponse:
    order = await orders.read_order(connection, number, sites=shell.sites)
    places = await orders.list_places(connection, number, sites=shell.sites, limit=PLACES_TO_CHOOSE)
    kept: dict[str, Any] = {"receipt_id": str(uuid4()), **(typed or {})}
    return page(
        request,
        "order.html",
        shell=shell,
        here="plan",
        status=422 if errors else 200,
        order=order,
        mails=Mailing(request.app.state.settings, request.app.state.pool).is_set,
        places=places,
        typed=defaultdict(str, kept),
        errors=defaultdict(str, errors or {}),
    )

"""Approvals of the plan, and purchase orders under /v1/purchase-orders."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.deps import (
    Actor,
    Connection,
    Manager,
    Pool,
    Reader,
    ReadingConnection,
    Recorder,
    Role,
    require_role,
)
from api.ledger.routes import CurrentLedger
from api.pagination import Page, Paging, page_of
from api.purchasing import approving, documents, orders
from api.purchasing import mailing as mailing_of
from api.purchasing.mailing import Mailing
from api.purchasing.order_schemas import (
    ApprovalResults,
    Approvals,
    Delivery,
    Dismissal,
    Ending,
    LineChange,
    LineNumber,
    OrderChange,
    OrderQuestion,
    PurchaseOrder,
    Receipt,
    SuggestionLife,
    SupplierMail,
    SupplierMailChange,
    WholePurchaseOrder,
)
from api.purchasing.receiving import Receiving
from api.text import SoughtCode
from api.versions import IfMatch, versions_of

router = APIRouter(prefix="/v1", tags=["purchase orders"])

Number = Annotated[SoughtCode, Path(description="as in PO-000001")]
EverySiteManager = Annotated[Actor, Depends(require_role(Role.MANAGER, every_site=True))]


async def _mailing(request: Request, pool: Pool) -> Mailing:
    return Mailing(request.app.state.settings, pool)


CurrentMailing = Annotated[Mailing, Depends(_mailing)]
_STATE: dict[int | str, dict[str, Any]] = {
    409: {"description": "The plan or the order has moved on"}
}
_EDITED: dict[int | str, dict[str, Any]] = {
    **_STATE,
    412: {"description": "It changed since it was read"},
    428: {"description": "Without If-Match"},
}
_ORDER = "/purchase-orders/{number}"


@router.post("/restock-plan/approve")
async def approve(asked: Approvals, connection: Connection, actor: Manager) -> ApprovalResults:
    """Order lines of the plan: each goes into the draft for its supplier and site, once."""
    return ApprovalResults(results=await approving.approve(connection, asked.lines, actor=actor))


@router.get("/restock-plan/{suggestion_id}")
async def get_suggestion(
    suggestion_id: UUID, connection: ReadingConnection, actor: Reader
) -> SuggestionLife:
    """Where one line of the plan stands: proposed, approved, ordered, received, dismissed."""
    return await approving.read_life(connection, suggestion_id, sites=actor.sites)


@router.post("/restock-plan/{suggestion_id}/dismiss", responses=_STATE)
async def dismiss(
    suggestion_id: UUID, asked: Dismissal, connection: Connection, actor: Manager
) -> SuggestionLife:
    """Turn a line down until its reason changes."""
    return await approving.dismiss(
        connection, suggestion_id, version=asked.version, reason=asked.reason, actor=actor
    )


@router.get("/purchase-orders")
async def list_orders(
    connection: ReadingConnection, actor: Reader, asked: Annotated[OrderQuestion, Query()]
) -> Page[PurchaseOrder]:
    """Purchase orders, the newest first."""
    after = Paging(asked.limit, asked.cursor).after(int)
    found = await orders.list_orders(
        connection, asked, before=after[0] if after is not None else None, sites=actor.sites
    )
    shown, next_cursor = page_of(found, asked.limit, lambda numbered: (numbered[0],))
    return Page(items=[order for _, order in shown], next_cursor=next_cursor)


_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
_PDF: dict[int | str, dict[str, Any]] = {200: {"content": {"application/pdf": {}}}}


@router.get(_ORDER + ".csv", response_class=Response, responses=_CSV)
async def get_order_as_csv(
    number: Number, connection: ReadingConnection, actor: Reader
) -> Response:
    """What is asked of the supplier, a row a line."""
    order = await orders.read_order(connection, number, sites=actor.sites)
    return _file(documents.as_csv(order), f"{order.number}.csv", "text/csv; charset=utf-8")


@router.get(_ORDER + ".pdf", response_class=Response, responses=_PDF)
async def get_order_as_pdf(
    number: Number, connection: ReadingConnection, actor: Reader
) -> Response:
    """The order as it is printed."""
    order = await orders.read_order(connection, number, sites=actor.sites)
    # In a thread: a long order takes a while, in which others would wait.
    made = await asyncio.to_thread(documents.as_pdf, order)
    return _file(made, f"{order.number}.pdf", "application/pdf", shown="inline")


def _file(
    content: str | bytes, name: str, media_type: str, *, shown: str = "attachment"
) -> Response:
    headers = {"Content-Disposition": f'{shown}; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


@router.get(_ORDER)
async def get_order(
    number: Number, connection: ReadingConnection, actor: Reader, response: Response
) -> WholePurchaseOrder:
    """One order, with its lines and receipts."""
    return _tagged(response, await orders.read_order(connection, number, sites=actor.sites))


@router.patch(_ORDER, responses=_EDITED)
async def change_order(
    number: Number,
    change: OrderChange,
    connection: Connection,
    actor: Manager,
    response: Response,
    if_match: IfMatch = None,
) -> WholePurchaseOrder:
    """Say when it comes: an overdue order that is still coming is on order again."""
    changed = await orders.expect(
        connection, number, change.expected_on, versions=versions_of(if_match), actor=actor
    )
    return _tagged(response, changed)


@router.patch(_ORDER + "/lines/{line}", responses=_EDITED)
async def change_line(
    number: Number,
    line: LineNumber,
    change: LineChange,
    connection: Connection,
    actor: Manager,
    response: Response,
    if_match: IfMatch = None,
) -> WholePurchaseOrder:
    """Order another quantity, while it is a draft."""
    changed = await orders.set_quantity(
        connection, number, line, change.quantity, versions=versions_of(if_match), actor=actor
    )
    return _tagged(response, changed)


@router.post(_ORDER + "/lines/{line}/close", responses=_EDITED)
async def close_line(
    number: Number,
    line: LineNumber,
    connection: Connection,
    actor: Manager,
    response: Response,
    if_match: IfMatch = None,
) -> WholePurchaseOrder:
    """Take a line out of a draft, or wait no longer for the rest of it."""
    closed = await orders.close_line(
        connection, number, line, versions=versions_of(if_match), actor=actor
    )
    return _tagged(response, closed)


@router.post(_ORDER + "/cancel", responses=_EDITED)
async def cancel(
    number: Number,
    asked: Ending,
    connection: Connection,
    actor: Manager,
    response: Response,
    if_match: IfMatch = None,
) -> WholePurchaseOrder:
    """End an order of which nothing came."""
    cancelled = await orders.cancel(
        connection, number, reason=asked.reason, versions=versions_of(if_match), actor=actor
    )
    return _tagged(response, cancelled)


@router.post(_ORDER + "/close", responses=_EDITED)
async def close(
    number: Number,
    asked: Ending,
    connection: Connection,
    actor: Manager,
    response: Response,
    if_match: IfMatch = None,
) -> WholePurchaseOrder:
    """End an order short: what has not come by now is not waited for."""
    closed = await orders.close(
        connection, number, reason=asked.reason, versions=versions_of(if_match), actor=actor
    )
    return _tagged(response, closed)


@router.post(_ORDER + "/send", responses=_EDITED)
async def send(
    number: Number,
    pool: Pool,
    actor: Manager,
    mailing: CurrentMailing,
    response: Response,
    if_match: IfMatch = None,
) -> WholePurchaseOrder:
    """Say that the supplier has it; where a mail server is set, it is mailed."""
    async with pool.acquire() as connection, connection.transaction():
        sent, is_new = await orders.send(
            connection, number, versions=versions_of(if_match), actor=actor
        )
    if is_new and mailing.is_set:
        sent = await mailing.mail(number, sites=actor.sites)
    return _tagged(response, sent)


@router.post(_ORDER + "/mail", responses=_STATE)
async def mail(
    number: Number, actor: Manager, mailing: CurrentMailing, response: Response
) -> WholePurchaseOrder:
    """Mail it, again or for the first time; `mail_problem` says why it did not go."""
    return _tagged(response, await mailing.mail(number, sites=actor.sites))


@router.get("/suppliers/{code}/mail")
async def get_supplier_mail(
    code: SoughtCode, connection: ReadingConnection, actor: EverySiteManager, response: Response
) -> SupplierMail:
    """Where the orders to a supplier are mailed."""
    kept = await mailing_of.read_supplier_mail(connection, code)
    response.headers["ETag"] = f'"{kept.version}"'
    return kept


@router.put("/suppliers/{code}/mail", responses=_EDITED)
async def set_supplier_mail(
    code: SoughtCode,
    change: SupplierMailChange,
    connection: Connection,
    actor: EverySiteManager,
    response: Response,
    if_match: IfMatch = None,
) -> SupplierMail:
    """Say where the orders to a supplier are mailed."""
    kept = await mailing_of.set_supplier_mail(
        connection, code, change, versions=versions_of(if_match), actor=actor
    )
    response.headers["ETag"] = f'"{kept.version}"'
    return kept


@router.put(
    _ORDER + "/receipts/{receipt_id}",
    status_code=201,
    responses={
        200: {"description": "It was told before; what the ledger lacked of it is recorded now"},
        409: {"description": "The id is taken by another receipt, or the order was never sent"},
    },
)
async def receive(
    number: Number,
    receipt_id: UUID,
    delivery: Delivery,
    pool: Pool,
    actor: Recorder,
    ledger: CurrentLedger,
    response: Response,
) -> Receipt:
    """Book in what came, in full, in part or too much; told again it counts once."""
    receipt, is_new = await Receiving(ledger, pool, actor).receive(number, receipt_id, delivery)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/v1/purchase-orders/{number}"
    return receipt


def _tagged(response: Response, order: WholePurchaseOrder) -> WholePurchaseOrder:
    response.headers["ETag"] = f'"{order.version}"'
    return order

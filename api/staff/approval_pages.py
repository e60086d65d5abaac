"""Lines of the plan become orders: all of a supplier at once, or one of them; or not at all."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import ValidationError
from starlette.responses import HTMLResponse, Response

from api.deps import Manager, Pool, ReadingConnection
from api.problems import NotFound, invalid_field
from api.purchasing import approving, minimums
from api.purchasing.order_schemas import MOST_APPROVED, Approval
from api.staff.pages import CurrentShell, PageRoute, page, see_other
from api.text import SoughtCode

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/plan/approve")
async def show_lines(
    request: Request,
    shell: CurrentShell,
    connection: ReadingConnection,
    actor: Manager,
    supplier: Annotated[SoughtCode, Query()],
    site: Annotated[SoughtCode, Query()],
) -> HTMLResponse:
    """What is to be bought from one supplier for one site, all of it ticked."""
    lines = await approving.list_purchases(
        connection, supplier=supplier, site=site, sites=actor.sites
    )
    if not lines:
        raise NotFound("Nothing is left to approve from this supplier for this site.")
    short_orders = await minimums.list_short_orders(
        connection, supplier=supplier, site=site, sites=actor.sites
    )
    return page(
        request, "approve.html", shell=shell, here="plan", lines=lines, short_orders=short_orders
    )


@router.post("/plan/approve")
async def approve(
    request: Request,
    shell: CurrentShell,
    pool: Pool,
    actor: Manager,
    line: Annotated[list[str] | None, Form(max_length=MOST_APPROVED)] = None,
) -> Response:
    """Order what was ticked, and go to the order; what was refused is said with its reason."""
    async with pool.acquire() as connection, connection.transaction():
        results = await approving.approve(
            connection, [_approval(text) for text in line or ()], actor=actor
        )
    numbers = sorted({result.purchase_order for result in results if result.purchase_order})
    refused = [result.problem["detail"] for result in results if result.problem is not None]
    if not refused:
        return see_other(f"/orders/{numbers[0]}" if len(numbers) == 1 else "/orders")
    return page(
        request,
        "approved.html",
        shell=shell,
        here="plan",
        status=409,
        refused=refused,
        numbers=numbers,
    )


@router.post("/plan/{suggestion_id}/dismiss")
async def dismiss(
    suggestion_id: UUID,
    pool: Pool,
    actor: Manager,
    version: Annotated[int, Form(ge=1, le=2**31 - 1)],
) -> Response:
    """Not now: the line comes back when its reason changes."""
    async with pool.acquire() as connection, connection.transaction():
        await approving.dismiss(
            connection, suggestion_id, version=version, reason=None, actor=actor
        )
    return see_other("/plan")


def _approval(text: str) -> Approval:
    """A ticked box says which line, and at which version it was read."""
    suggestion_id, _, version = text.partition(":")
    try:
        return Approval.model_validate_json(
            f'{{"suggestion_id": "{UUID(suggestion_id)}", "version": {int(version)}}}'
        )
    except (ValueError, ValidationError) as error:
        raise invalid_field("line", "This is no line of the plan") from error

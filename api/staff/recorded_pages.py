"""What was recorded, what stands there now, and the way back: undo."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from api.catalog.errors import UnknownCode
from api.deps import Pool, ReadingConnection, StaffMember
from api.ledger.events import Reversed
from api.ledger.routes import CurrentLedger
from api.problems import Conflict
from api.staff import service, wording
from api.staff.forms import KINDS
from api.staff.pages import CurrentShell, PageRoute, address, page, see_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/recorded/{event_id}")
async def show_recorded(
    request: Request, event_id: UUID, shell: CurrentShell, connection: ReadingConnection
) -> HTMLResponse:
    """The confirmation: what was recorded, what stands there now, and the way back."""
    event = await service.read_event(connection, event_id, sites=shell.sites)
    if event is None:
        raise UnknownCode("event", str(event_id))
    levels = await service.list_levels_of_event(
        connection,
        sites=shell.sites,
        product_id=event["product_id"],
        position=event["position"],
    )
    return page(
        request,
        "recorded.html",
        shell=shell,
        here="record",
        event={
            **event,
            "title": wording.title(event),
            "where": wording.where(event),
            "warnings": wording.warnings(event["warnings"]),
            "can_be_undone": wording.can_be_undone(event),
        },
        levels=levels,
        again=_again(event),
        undo_id=uuid4(),
    )


@router.post("/recorded/{event_id}/undo")
async def undo(
    event_id: UUID,
    pool: Pool,
    actor: StaffMember,
    ledger: CurrentLedger,
    undo_id: Annotated[UUID, Form(alias="event_id")],
) -> Response:
    """Reverse it, once: whoever was first, the page says that it is undone."""
    reversal = Reversed(
        event_id=undo_id, reverses=event_id, occurred_at=datetime.now(UTC), source="staff"
    )
    try:
        await ledger.record(reversal, recorded_by=actor.actor_id, sites=actor.sites)
    except Conflict:
        async with pool.acquire() as connection:
            event = await service.read_event(connection, event_id, sites=actor.sites)
        if event is None or not event["is_reversed"]:
            raise
        return see_other(f"/recorded/{event_id}")
    return see_other(f"/recorded/{undo_id}")


def _again(event: Mapping[str, Any]) -> str:
    """The form for another of the same kind, at the same place."""
    kind = event["event_type"] if event["event_type"] in KINDS else "sold"
    return address(f"/record/{kind}", sku=event["sku"], location=event["location_code"])

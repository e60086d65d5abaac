"""Rejected events under /v1/rejected-events: for managers of every site."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from api.deps import Actor, Connection, Pool, ReadingConnection, Role, require_role
from api.ledger.reading import event_of_body
from api.ledger.routes import CurrentLedger
from api.ledger.schemas import Recorded, recorded_json
from api.pagination import Page, Paging, page_of
from api.rejected import service
from api.rejected.schemas import (
    BulkReplay,
    BulkReplayed,
    Discard,
    RejectedEvent,
    RejectedQuestion,
    Replay,
    WholeRejectedEvent,
)
from api.rejected.service import Settler

router = APIRouter(prefix="/v1/rejected-events", tags=["rejected events"])

# What was rejected may name no place at all, so it belongs to no site.
Settling = Annotated[Actor, Depends(require_role(Role.MANAGER, every_site=True))]
RejectedId = Annotated[int, Path(ge=1, lt=2**63)]
_EVENT_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/InventoryEvent"}}
        },
    }
}
_RECORDED: dict[int | str, dict[str, Any]] = {
    200: {"model": Recorded, "description": "It was recorded before: the first answer again"},
    409: {"description": "It is settled already, or recorded with another content"},
}


@router.get("")
async def list_rejected(
    connection: ReadingConnection, actor: Settling, asked: Annotated[RejectedQuestion, Query()]
) -> Page[RejectedEvent]:
    """What was not taken, in the order in which it came."""
    (after,) = Paging(asked.limit, asked.cursor).after(int) or (0,)
    found = await service.list_rejected(
        connection, asked, status=asked.status, after=after, limit=asked.limit + 1
    )
    items, next_cursor = page_of(found, asked.limit, lambda event: (event.rejected_id,))
    return Page(items=items, next_cursor=next_cursor)


@router.get("/{rejected_id}", response_model=WholeRejectedEvent)
async def read_rejected(
    rejected_id: RejectedId, connection: ReadingConnection, actor: Settling
) -> Response:
    """One, with its payload as it was sent."""
    kept = await service.read_rejected(connection, rejected_id)
    return Response(kept.json(), media_type="application/json")


@router.put(
    "/{rejected_id}/mended",
    status_code=201,
    response_model=Recorded,
    responses=_RECORDED,
    openapi_extra=_EVENT_BODY,
)
async def mend_rejected(
    request: Request,
    rejected_id: RejectedId,
    pool: Pool,
    actor: Settling,
    ledger: CurrentLedger,
    allow_late: Annotated[bool, Query(description="also where it comes too late")] = False,
) -> Response:
    """Record another content under the same event_id; sent again, it counts once."""
    event = event_of_body(await request.body())
    settler = Settler(ledger, pool, actor.actor_id, allow_late)
    return _answer(await settler.mend(rejected_id, event))


@router.post("/{rejected_id}/replay", status_code=201, response_model=Recorded, responses=_RECORDED)
async def replay_rejected(
    rejected_id: RejectedId, asked: Replay, pool: Pool, actor: Settling, ledger: CurrentLedger
) -> Response:
    """Try it again as it was sent, or as it was mended last."""
    settler = Settler(ledger, pool, actor.actor_id, asked.allow_late)
    return _answer(await settler.replay(rejected_id))


@router.post("/replay")
async def replay_all(
    asked: BulkReplay, pool: Pool, actor: Settling, ledger: CurrentLedger
) -> BulkReplayed:
    """Try again all that are open and match: after a missing product was made, say."""
    (after,) = Paging(asked.limit, asked.cursor).after(int) or (0,)
    settler = Settler(ledger, pool, actor.actor_id, asked.allow_late)
    return await settler.replay_all(asked, after=after, limit=asked.limit)


@router.post("/{rejected_id}/discard", responses={409: {"description": "It is recorded already"}})
async def discard_rejected(
    rejected_id: RejectedId, asked: Discard, connection: Connection, actor: Settling
) -> RejectedEvent:
    """Settle it without recording it; it stays, with the reason and who gave it."""
    return await service.discard(
        connection, rejected_id, reason=asked.reason, discarded_by=actor.actor_id
    )


def _answer(recorded: Recorded) -> Response:
    return Response(
        recorded_json.dump_json(recorded),
        status_code=200 if recorded.is_repeat else 201,
        media_type="application/json",
        headers={"Location": f"/v1/inventory-events/{recorded.event_id}"},
    )

"""POST /v1/inventory-events, GET /v1/stock-levels."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import TypeAdapter
from starlette.responses import Response

from api.deps import Actor, Reader, ReadingConnection, Recorder, Role, require_role
from api.front import AtOnce, Written
from api.ledger import service
from api.ledger.batch import batch_json, record_rows
from api.ledger.reading import MAXIMUM_ROWS, event_of_body, rows_of_body
from api.ledger.schemas import BatchResults, Recorded, StockLevel, recorded_json
from api.ledger.service import Ledger
from api.pagination import DEFAULT_LIMIT, Page, PagingQuery, page_of
from api.problems import Forbidden, invalid_field
from api.text import SoughtCode

router = APIRouter(prefix="/v1", tags=["ledger"])


async def get_ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger


_recorder = require_role(Role.STAFF, devices=True)
CurrentLedger = Annotated[Ledger, Depends(get_ledger)]


def _json_body(schema: dict[str, Any]) -> dict[str, Any]:
    """The body is read by the route itself, so its schema is said here."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_EVENT = {"$ref": "#/components/schemas/InventoryEvent"}
_ALLOW_LATE = {
    "name": "allow_late",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean", "default": False},
    "description": "A manager takes what happened too long ago for others.",
}
_BATCH = {
    "type": "object",
    "required": ["events"],
    "additionalProperties": False,
    "properties": {"events": {"type": "array", "maxItems": MAXIMUM_ROWS, "items": _EVENT}},
}


@router.post(
    "/inventory-events",
    status_code=201,
    response_model=Recorded,
    responses={
        200: {"model": Recorded, "description": "The first answer again, to a repeat"},
        409: {"description": "The event_id is taken by another event"},
    },
    openapi_extra={**_json_body(_EVENT), "parameters": [_ALLOW_LATE]},
)
async def record_event(request: Request, actor: Recorder) -> Response:
    """Record one inventory event; answers with the stock levels that it leads to."""
    body = await request.body()
    ledger = await get_ledger(request)
    ledger.require_room(1, len(body))
    event = event_of_body(body)
    recorded = await ledger.record(
        event,
        recorded_by=actor.actor_id,
        sites=actor.sites,
        allow_late=_allows_late(request, actor),
    )
    return Written(
        recorded_json.dump_json(recorded),
        (b"location", b"/v1/inventory-events/%s" % str(recorded.event_id).encode()),
        status=200 if recorded.is_repeat else 201,
    )


async def _record_at_once(request: Request) -> Response:
    return await record_event(request, await _recorder(request))


def _allows_late(request: Request, actor: Actor) -> bool:
    # Not a parameter of the route: each one costs every request.
    if not request.scope["query_string"]:
        return False
    match request.query_params.get("allow_late", "false"):
        case "false":
            return False
        case "true":
            if not actor.may(Role.MANAGER):
                raise Forbidden("Only a manager may record what happened so long ago.")
            return True
        case _:
            raise invalid_field("allow_late", "Expected true or false")


@router.post(
    "/inventory-events/batch",
    response_model=BatchResults,
    openapi_extra=_json_body(_BATCH),
)
async def record_batch(request: Request, actor: Recorder, ledger: CurrentLedger) -> Response:
    """Record up to 10,000 events; each row has a result of its own."""
    body = await request.body()
    with ledger.room_for(min(MAXIMUM_ROWS, len(body) // 100 + 1), len(body)):
        rows = rows_of_body(body)
        results = await record_rows(ledger, rows, recorded_by=actor.actor_id, sites=actor.sites)
        return Response(batch_json(rows, results), media_type="application/json")


@router.get("/stock-levels")
async def list_stock_levels(
    connection: ReadingConnection,
    actor: Reader,
    paging: PagingQuery,
    sku: SoughtCode | None = None,
    location: SoughtCode | None = None,
    site: SoughtCode | None = None,
    search: Annotated[SoughtCode | None, Query(description="in sku and name")] = None,
) -> Page[StockLevel]:
    """What each place has, in order of sku and location."""
    after = paging.after(str, str)
    levels = await service.list_stock_levels(
        connection,
        sites=actor.sites,
        sku=sku,
        location=location,
        site=site,
        search=search,
        after=(after[0], after[1]) if after is not None else None,
        limit=paging.limit + 1,
    )
    return _page(levels, paging.limit)


def _page(levels: list[StockLevel], limit: int) -> Page[StockLevel]:
    items, next_cursor = page_of(levels, limit, lambda level: (level.sku, level.location))
    return Page.model_construct(items=items, next_cursor=next_cursor)


# More than one parameter, or one that wants the other route's eyes.
_SEVERAL = re.compile(rb"[&;]|%00|%[^0-7]")
_reader = require_role(Role.VIEWER, devices=True)
_levels_json: TypeAdapter[Page[StockLevel]] = TypeAdapter(Page[StockLevel])


def _is_of_one_product(query: bytes) -> bool:
    return query.startswith(b"sku=") and 4 < len(query) <= 100 and not _SEVERAL.search(query)


async def _levels_at_once(request: Request) -> Response:
    actor = await _reader(request)
    sku = request.query_params["sku"]
    async with request.app.state.pool.acquire() as connection:
        page = await service.levels_page_of(connection, sku, sites=actor.sites, limit=DEFAULT_LIMIT)
        if page is not None:
            return Written(page.encode())
        levels = await service.list_stock_levels(
            connection, sites=actor.sites, sku=sku, limit=DEFAULT_LIMIT + 1
        )
        return Written(_levels_json.dump_json(_page(levels, DEFAULT_LIMIT)))


AT_ONCE = [
    AtOnce("POST", "/v1/inventory-events", lambda query: True, _record_at_once),
    AtOnce("GET", "/v1/stock-levels", _is_of_one_product, _levels_at_once),
]

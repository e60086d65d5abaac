"""Record what happened: choose the product, fill in the form of the kind of event."""

from collections import defaultdict
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import HTMLResponse, Response

from api.catalog.errors import UnknownCode
from api.database import DatabaseConnection
from api.deps import ReadingConnection, StaffMember
from api.ledger.routes import CurrentLedger
from api.staff import recording, service
from api.staff.forms import KINDS, REASONS, Entry, Kind, choices
from api.staff.pages import CurrentShell, PageRoute, Shell, address, page, see_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_FOUND = 20
Text = Annotated[str, Query(max_length=200)]


async def _kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise UnknownCode("kind of event", kind)
    return KINDS[kind]


CurrentKind = Annotated[Kind, Depends(_kind)]


@router.get("/record")
async def choose_product(
    request: Request,
    shell: CurrentShell,
    connection: ReadingConnection,
    search: Text = "",
    location: Text = "",
) -> Response:
    """Which product? A SKU that is scanned or typed whole goes straight to the form."""
    search = search.strip()
    if search and await service.read_product(connection, search, sites=shell.sites):
        return see_other(address("/record/sold", sku=search, location=location))
    if search:
        products = await service.search_products(
            connection,
            sites=shell.sites,
            search=search,
            show="all",
            after_sku="",
            limit=_FOUND,
        )
    else:
        products = await service.recently_recorded_products(connection, sites=shell.sites)
    return page(
        request,
        "choose.html",
        shell=shell,
        here="record",
        search=search,
        location=location,
        products=products,
    )


@router.get("/record/{kind}")
async def show_form(
    request: Request,
    kind: CurrentKind,
    shell: CurrentShell,
    connection: ReadingConnection,
    sku: Text = "",
    location: Text = "",
) -> Response:
    if not sku:
        return see_other(address("/record", location=location))
    return await _form(request, shell, connection, kind, Entry(sku=sku, location=location))


@router.post("/record/{kind}")
async def record(
    request: Request,
    kind: CurrentKind,
    shell: CurrentShell,
    connection: ReadingConnection,
    actor: StaffMember,
    ledger: CurrentLedger,
    entry: Annotated[Entry, Form()],
) -> Response:
    """Record it and say what it led to; a refusal is the same form, its fields kept."""
    outcome = await recording.record(connection, ledger, kind, entry, actor=actor)
    if isinstance(outcome, recording.Done):
        return see_other(f"/recorded/{outcome.event_id}")
    return await _form(request, shell, connection, kind, outcome.entry, not_yet=outcome)


async def _form(
    request: Request,
    shell: Shell,
    connection: DatabaseConnection,
    kind: Kind,
    entry: Entry,
    *,
    not_yet: recording.NotYet | None = None,
) -> HTMLResponse:
    product = await service.read_product(connection, entry.sku, sites=shell.sites)
    if product is None:
        raise UnknownCode("product", entry.sku)
    places = choices(
        await service.list_places_to_choose(connection, product["product_id"], sites=shell.sites)
    )
    if not_yet is None and not entry.location and len(places.holding) == 1:
        entry = entry.model_copy(update={"location": places.holding[0]["code"]})
    return page(
        request,
        "record.html",
        shell=shell,
        here="record",
        status=not_yet.status if not_yet else 200,
        product=product,
        kind=kind,
        kinds=KINDS,
        reasons=REASONS,
        entry=entry,
        places=places,
        errors=defaultdict(str, not_yet.errors if not_yet else {}),
        warning=not_yet.warning if not_yet else "",
        refusal=not_yet.refusal if not_yet else "",
    )

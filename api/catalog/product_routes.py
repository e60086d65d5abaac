"""Scans, recipes of kits and the log of changes, under /v1."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi import Path as PathPart
from pydantic import AwareDatetime

from api.catalog import changes, recipes, scanning
from api.catalog.errors import UnknownCode
from api.catalog.etags import IfMatch, tag, versions_of
from api.catalog.paths import CodeRoute
from api.catalog.schemas import Change, KeptRecipe, Recipe, ScanAnswer
from api.database import say_who_acts
from api.deps import Actor, Connection, Reader, ReadingConnection, Role, require_role
from api.pagination import Page, PagingQuery, page_of
from api.text import SoughtCode

router = APIRouter(route_class=CodeRoute)
Editor = Annotated[Actor, Depends(require_role(Role.MANAGER, every_site=True))]
Sku = Annotated[SoughtCode, PathPart()]
Scan = Annotated[
    str, Query(min_length=1, max_length=2000, description="as the scanner gives it; FNC1 is %1D")
]
Sought = Annotated[SoughtCode | None, Query(description="only of this")]
By = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="only by this actor")]
Moment = Annotated[AwareDatetime | None, Query(description="a time with a zone")]
Version = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="by default the newest")]

_VERSIONED: dict[int | str, dict[str, Any]] = {
    201: {"description": "It is made"},
    412: {"description": "It has changed since it was read"},
    428: {"description": "If-Match is missing"},
}


@router.get("/scan", responses={404: {"description": "It names what is not here"}})
async def scan(connection: ReadingConnection, actor: Reader, code: Scan) -> ScanAnswer:
    """What a scan means: GTIN, GS1 element string, Digital Link, a label or code of ours."""
    if "\x00" in code:
        raise UnknownCode("product with the barcode", code)
    today = datetime.now(UTC).date()
    return await scanning.scan(connection, code, today=today, sites=actor.sites)


@router.get("/changes")
async def list_changes(
    connection: ReadingConnection,
    actor: Editor,
    paging: PagingQuery,
    entity: Sought = None,
    code: Sought = None,
    by: By = None,
    since: Moment = None,
    until: Moment = None,
) -> Page[Change]:
    """Who changed which master data from what to what, the newest first."""
    (before_id,) = paging.after(int) or (None,)
    filters: dict[str, Any] = {
        "entity": entity,
        "code": code,
        "by": by,
        "since": since,
        "until": until,
    }
    rows = await changes.list_changes(
        connection, before_id=before_id, limit=paging.limit + 1, **filters
    )
    items, cursor = page_of(rows, paging.limit, lambda change: (change.change_id,))
    return Page(items=items, next_cursor=cursor)


@router.get("/products/{sku}/recipe")
async def get_recipe(
    sku: Sku,
    connection: ReadingConnection,
    actor: Reader,
    response: Response,
    version: Version = None,
) -> KeptRecipe:
    """What a kit is made of."""
    recipe = await recipes.get_recipe(connection, sku, version=version)
    tag(response, recipe.version)
    return recipe


@router.put("/products/{sku}/recipe", responses=_VERSIONED)
async def put_recipe(
    sku: Sku,
    recipe: Recipe,
    connection: Connection,
    actor: Editor,
    response: Response,
    if_match: IfMatch = None,
) -> KeptRecipe:
    """Keep a new version of a recipe; older ones stay, and the same again is none."""
    await say_who_acts(connection, actor.actor_id)
    kept, is_first = await recipes.put_recipe(
        connection,
        sku,
        recipe,
        versions=None if if_match is None else versions_of(if_match),
        names_a_version=if_match is not None,
    )
    response.status_code = 201 if is_first else 200
    tag(response, kept.version)
    return kept

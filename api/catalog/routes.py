"""Master data under /v1: the same seven addresses for each kind."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response

from api.catalog import image_routes, product_routes, service
from api.catalog.batch import upsert_each
from api.catalog.etags import IfMatch, tag, versions_of
from api.catalog.kinds import (
    BARCODES,
    CALENDAR_EVENTS,
    LOCATIONS,
    PACKS,
    PAR_LEVELS,
    PRODUCTS,
    SITES,
    SUPPLIERS,
    Key,
    Kind,
)
from api.catalog.paths import CodeRoute, filters_in_query, key_in_path
from api.catalog.schemas import Batch, BatchResult, BatchRow, KeptProductWithStock
from api.database import say_who_acts
from api.deps import Actor, Connection, Pool, Reader, ReadingConnection, Role, require_role
from api.pagination import Page, PagingQuery, page_of
from api.problems import ContentTooLarge

router = APIRouter(prefix="/v1", tags=["catalog"], route_class=CodeRoute)

# Below, mypy is told to ignore annotations that are values: a kind's own models, which FastAPI
# reads when the routes are made and no type checker can know.

_MADE = {"description": "It is made"}
_SAME = {"description": "The same is there already"}
_TAKEN = {"description": "The code is there with other content"}
_NAMED = {"description": "Something else names it"}
_STALE = {"description": "It has changed since it was read"}
_UNVERSIONED = {"description": "If-Match is missing"}


@router.get("/products/{sku}")
async def get_product(
    connection: ReadingConnection,
    actor: Reader,
    response: Response,
    key: Annotated[Key, Depends(key_in_path(PRODUCTS))],
) -> KeptProductWithStock:
    """A product, and what each place holds of it."""
    kept = await service.get_product_with_stock(connection, key[0], sites=actor.sites)
    tag(response, kept.version)
    return kept


def _add_reading(kind: Kind[Any], collection: str, item: str) -> None:
    @router.get(collection, response_model=Page[kind.kept], summary=f"List {kind.title}s")  # type: ignore[name-defined]
    async def list_kept(
        connection: ReadingConnection,
        actor: Reader,
        paging: PagingQuery,
        filters: Annotated[dict[str, Any], Depends(filters_in_query(kind))],
    ) -> Page[Any]:
        rows = await service.list_kept(
            connection,
            kind,
            sites=actor.sites,
            after=paging.after(*(str for _ in kind.key)),
            limit=paging.limit + 1,
            filters=filters,
        )
        items, cursor = page_of(rows, paging.limit, kind.key_of)
        return Page(items=items, next_cursor=cursor)

    if kind is PRODUCTS:
        return

    @router.get(item, response_model=kind.kept, summary=f"Get a {kind.title}")
    async def get(
        connection: ReadingConnection,
        actor: Reader,
        response: Response,
        key: Annotated[Key, Depends(key_in_path(kind))],
    ) -> Any:
        kept = await service.get(connection, kind, key, sites=actor.sites)
        tag(response, kept.version)
        return kept


def editor_of(kind: Kind[Any]) -> Any:
    """Who may change a row: what every site shares, only whoever has a role for every site."""
    every_site = not kind.belongs_to_a_site
    return Annotated[Actor, Depends(require_role(Role.MANAGER, every_site=every_site))]


def _add_making(kind: Kind[Any], collection: str, item: str) -> None:
    @router.post(
        collection,
        status_code=201,
        response_model=kind.kept,
        responses={200: _SAME, 409: _TAKEN},
        summary=f"Make a {kind.title}",
    )
    async def create(
        row: kind.row,  # type: ignore[name-defined]
        connection: Connection,
        actor: editor_of(kind),  # type: ignore[valid-type]
        response: Response,
    ) -> Any:
        """Keep a new row under a code that is for good; the same again is 200."""
        await say_who_acts(connection, actor.actor_id)
        kept, is_new = await service.create(connection, kind, row, sites=actor.sites)
        return _made(kind, kept, is_new, item, response)

    @router.put(
        item,
        response_model=kind.kept,
        responses={201: _MADE, 409: _TAKEN, 412: _STALE, 428: _UNVERSIONED},
        summary=f"Make or replace a {kind.title}",
    )
    async def replace(
        body: kind.replacement(),  # type: ignore[valid-type]
        connection: Connection,
        actor: editor_of(kind),  # type: ignore[valid-type]
        response: Response,
        key: Annotated[Key, Depends(key_in_path(kind))],
        if_match: IfMatch = None,
    ) -> Any:
        """Keep exactly this; only what is new, or the same again, needs no If-Match."""
        await say_who_acts(connection, actor.actor_id)
        kept, is_new = await service.replace(
            connection,
            kind,
            service.whole(kind, key, body.model_dump(exclude_unset=True)),
            versions=None if if_match is None else versions_of(if_match),
            names_a_version=if_match is not None,
            sites=actor.sites,
        )
        return _made(kind, kept, is_new, item, response)


def _made(kind: Kind[Any], kept: Any, is_new: bool, item: str, response: Response) -> Any:
    response.status_code = 201 if is_new else 200
    codes = {name: quote(getattr(kept, name), safe="") for name in kind.key}
    response.headers["Location"] = router.prefix + item.format(**codes)
    tag(response, kept.version)
    return kept


def _add_changing(kind: Kind[Any], item: str) -> None:
    @router.patch(
        item,
        response_model=kind.kept,
        responses={409: _TAKEN, 412: _STALE, 428: _UNVERSIONED},
        summary=f"Change a {kind.title}",
    )
    async def change(
        patch: kind.patch(),  # type: ignore[valid-type]
        connection: Connection,
        actor: editor_of(kind),  # type: ignore[valid-type]
        response: Response,
        key: Annotated[Key, Depends(key_in_path(kind))],
        if_match: IfMatch = None,
    ) -> Any:
        """Change what is sent (RFC 7396), of the version that If-Match names."""
        await say_who_acts(connection, actor.actor_id)
        kept = await service.change(
            connection,
            kind,
            key,
            patch.model_dump(exclude_unset=True),
            versions=versions_of(if_match),
            sites=actor.sites,
        )
        tag(response, kept.version)
        return kept

    if kind.delete is not None:

        @router.delete(
            item,
            status_code=204,
            responses={409: _NAMED, 412: _STALE},
            summary=f"Delete a {kind.title}",
        )
        async def remove(
            connection: Connection,
            actor: editor_of(kind),  # type: ignore[valid-type]
            key: Annotated[Key, Depends(key_in_path(kind))],
            if_match: IfMatch = None,
        ) -> None:
            """Delete it, if it is there; with If-Match that version only."""
            await say_who_acts(connection, actor.actor_id)
            versions = None if if_match is None else versions_of(if_match)
            await service.remove(connection, kind, key, versions=versions, sites=actor.sites)


def _add_batch(kind: Kind[Any], collection: str) -> None:
    @router.post(
        f"{collection}/batch",
        response_model=BatchResult,
        summary=f"Make or change many {kind.title}s",
    )
    async def upsert(
        batch: Batch,
        request: Request,
        pool: Pool,
        actor: editor_of(kind),  # type: ignore[valid-type]
    ) -> BatchResult:
        """Each row has a result of its own; what a row does not say stays as it is.

        Rows are kept in chunks, so after a 5xx some may be: send the same again.
        """
        settings = request.app.state.settings.catalog
        if len(batch.rows) > settings.batch_rows:
            raise ContentTooLarge(f"A batch has {settings.batch_rows:,} rows at most.")
        rows, taken, results = list(enumerate(batch.rows)), set[Key](), list[BatchRow]()
        for start in range(0, len(rows), settings.batch_chunk_rows):
            chunk = rows[start : start + settings.batch_chunk_rows]
            async with pool.acquire() as connection, connection.transaction():
                await say_who_acts(connection, actor.actor_id)
                results += await upsert_each(
                    connection, kind, chunk, taken=taken, sites=actor.sites
                )
        return BatchResult(rows=results)


for _kind, _collection, _item in (
    (PRODUCTS, "/products", "/products/{sku}"),
    (SITES, "/sites", "/sites/{code}"),
    (LOCATIONS, "/locations", "/locations/{code}"),
    (SUPPLIERS, "/suppliers", "/suppliers/{code}"),
    (BARCODES, "/barcodes", "/barcodes/{code}"),
    (PACKS, "/packs", "/products/{sku}/packs/{pack}"),
    (PAR_LEVELS, "/par-levels", "/locations/{location}/par-levels/{sku}"),
    (CALENDAR_EVENTS, "/calendar-events", "/sites/{site}/calendar-events/{code}"),
):
    _add_reading(_kind, _collection, _item)
    _add_making(_kind, _collection, _item)
    _add_changing(_kind, _item)
    _add_batch(_kind, _collection)
router.include_router(product_routes.router)
router.include_router(image_routes.router)

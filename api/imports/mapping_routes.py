"""GET, PUT and DELETE of /v1/import-mappings: how files are read, kept by name."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Response

from api.deps import Connection, ReadingConnection, Role, require_role
from api.imports import mappings
from api.imports.mappings import ImportMapping, MappingName, NamedMapping
from api.pagination import Page, PagingQuery, page_of
from api.text import SoughtCode
from api.versions import IfMatch

router = APIRouter(
    prefix="/v1/import-mappings",
    tags=["imports and exports"],
    dependencies=[Depends(require_role(Role.MANAGER, every_site=True))],
)
_PUT: dict[int | str, dict[str, Any]] = {
    201: {"description": "It is new", "model": NamedMapping},
    412: {"description": "It has changed since it was read"},
    428: {"description": "If-Match is missing"},
}


def _tagged(response: Response, kept: NamedMapping) -> NamedMapping:
    response.headers["ETag"] = f'"{kept.version}"'
    return kept


@router.get("")
async def list_mappings(connection: ReadingConnection, paging: PagingQuery) -> Page[NamedMapping]:
    """Every mapping, in order of name."""
    after = paging.after(str)
    rows = await mappings.list_mappings(
        connection, after=after[0] if after else None, limit=paging.limit + 1
    )
    items, cursor = page_of(rows, paging.limit, lambda row: (row.name,))
    return Page(items=items, next_cursor=cursor)


@router.get("/{name:path}")
async def get_mapping(
    name: SoughtCode, connection: ReadingConnection, response: Response
) -> NamedMapping:
    """One mapping."""
    return _tagged(response, await mappings.get_mapping(connection, name))


@router.put("/{name:path}", responses=_PUT)
async def put_mapping(
    name: MappingName,
    mapping: ImportMapping,
    connection: Connection,
    response: Response,
    if_match: IfMatch = None,
) -> NamedMapping:
    """Keep a mapping; one that is there is replaced in the version that If-Match names."""
    kept, is_new = await mappings.put_mapping(connection, name, mapping, if_match=if_match)
    if is_new:
        response.status_code = 201
        response.headers["Location"] = f"/v1/import-mappings/{quote(name, safe='')}"
    return _tagged(response, kept)


@router.delete("/{name:path}", status_code=204)
async def delete_mapping(name: SoughtCode, connection: Connection) -> None:
    """Forget a mapping; again, it stays forgotten."""
    await mappings.delete_mapping(connection, name)

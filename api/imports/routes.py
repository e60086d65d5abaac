"""POST and GET of /v1/imports: a file is kept, read in the background, and its outcome told."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.responses import FileResponse

from api.deps import Actor, ReadingConnection, Role, require_role
from api.imports import uploads
from api.imports.errors import ImportRefused
from api.imports.options import check_options
from api.imports.schemas import Import, ImportOptions, ImportSummary, UploadOptions
from api.imports.uploads import Uploads
from api.limits import DEADLINE
from api.pagination import Page, PagingQuery, page_of
from api.problems import invalid_field
from api.settings import Settings

router = APIRouter(prefix="/v1/imports", tags=["imports and exports"])
Importer = Annotated[Actor, Depends(require_role(Role.MANAGER, every_site=True))]
ImportId = Annotated[int, Path(ge=1, le=2**63 - 1)]
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_FILE = {
    "requestBody": {
        "required": True,
        "description": "The file itself, as it is.",
        "content": {"application/octet-stream": _BINARY},
    }
}


@router.post("", status_code=202, openapi_extra=_FILE)
async def import_upload(
    request: Request,
    response: Response,
    actor: Importer,
    told: Annotated[UploadOptions, Query()],
) -> ImportSummary:
    """Take a file in; it is read as soon as those before it are, and the same file counts once."""
    settings: Settings = request.app.state.settings
    kept: Uploads = request.app.state.uploads
    options = told.model_dump(mode="json", exclude_defaults=True, exclude={"file_name"})
    try:
        check_options(ImportOptions(path=settings.home, **told.model_dump(exclude={"file_name"})))
    except ImportRefused as refusal:
        option, _, reason = str(refusal).removeprefix("--").partition(":")
        raise invalid_field(option.split(" ")[0].replace("-", "_"), reason.strip()) from refusal
    late = asyncio.get_running_loop().time() + settings.imports.upload_timeout_s
    request.scope[DEADLINE].reschedule(late)
    summary = await kept.receive(
        request.stream(), file_name=told.file_name, options=options, actor_id=actor.actor_id
    )
    response.headers["Location"] = f"/v1/imports/{summary.import_id}"
    return summary


@router.get("", dependencies=[Depends(require_role(Role.MANAGER, every_site=True))])
async def list_imports(connection: ReadingConnection, paging: PagingQuery) -> Page[ImportSummary]:
    """Every import, the newest first."""
    before = paging.after(int)
    rows = await uploads.list_imports(
        connection, before=before[0] if before else None, limit=paging.limit + 1
    )
    items, cursor = page_of(rows, paging.limit, lambda row: (row.import_id,))
    return Page(items=items, next_cursor=cursor)


@router.get("/{import_id}", dependencies=[Depends(require_role(Role.MANAGER, every_site=True))])
async def get_import(import_id: ImportId, connection: ReadingConnection) -> Import:
    """How far an import has come, or what came of it."""
    return await uploads.get_import(connection, import_id)


@router.get(
    "/{import_id}/rejected",
    response_class=FileResponse,
    responses={200: {"description": "The file", "content": {"text/csv": {}}}},
    dependencies=[Depends(require_role(Role.MANAGER, every_site=True))],
)
async def get_rejected(
    import_id: ImportId, connection: ReadingConnection, request: Request
) -> FileResponse:
    """The rejected lines as a file, which imports again once it is mended."""
    found = await uploads.get_import(connection, import_id)
    settings: Settings = request.app.state.settings
    path = uploads.find_rejected(settings.home.expanduser() / "imports", import_id)
    return FileResponse(
        path,
        media_type="text/csv; charset=utf-8",
        filename=f"{found.file_name}.rejected.csv",
        headers={"Cache-Control": "no-store"},
    )

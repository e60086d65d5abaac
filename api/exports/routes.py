"""GET of /v1/exports/{kind}.{csv|xlsx|parquet}."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from api.deps import Role, require_role
from api.exports.schemas import Format
from api.exports.service import Exports
from api.imports.schemas import Kind
from api.limits import DEADLINE

router = APIRouter(prefix="/v1/exports", tags=["imports and exports"])
_MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {name.partition(";")[0]: {} for name in _MEDIA_TYPES.values()},
    },
}


@router.get(
    "/{kind}.{file_format}",
    response_class=FileResponse,
    responses=_FILES,
    dependencies=[Depends(require_role(Role.MANAGER, every_site=True))],
)
async def export(kind: Kind, file_format: Format, request: Request) -> FileResponse:
    """Everything of a kind as a file, which imports again unchanged."""
    exports: Exports = request.app.state.exports
    # A large file takes longer than a request may; a stalled client is the server's to drop.
    request.scope[DEADLINE].reschedule(None)
    folder = Path(tempfile.mkdtemp(prefix="parstock-export-"))
    try:
        path = folder / f"{kind}.{file_format}"
        await exports.write(kind, file_format, path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return FileResponse(
        path,
        media_type=_MEDIA_TYPES[file_format],
        filename=path.name,
        headers={"Cache-Control": "no-store"},
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )

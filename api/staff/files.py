"""The files that pages load: ours, and those of Swagger UI from the package that carries it."""

import importlib.resources
import os
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.staff.pages import STATIC

SWAGGER_FILES = frozenset({"swagger-ui-bundle.js", "swagger-ui.css"})
_A_YEAR = "public, max-age=31536000, immutable"
_AN_HOUR = "public, max-age=3600"


class _Files(StaticFiles):
    """Files that say how long they may be kept; an address with a version never changes."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        versioned = scope["query_string"].startswith(b"v=")
        response.headers.setdefault("Cache-Control", _A_YEAR if versioned else _AN_HOUR)
        return response


class _SwaggerFiles(_Files):
    """Only the two files that the documentation needs."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        return super().lookup_path(path) if path in SWAGGER_FILES else ("", None)


def mount_files(app: FastAPI) -> None:
    """Serve them under /static; they are the same for everyone, so they need no sign-in."""
    app.mount("/static/swagger", _SwaggerFiles(directory=_swagger_folder()), name="swagger")
    app.mount("/static", _Files(directory=STATIC), name="static")


def _swagger_folder() -> Path:
    return Path(str(importlib.resources.files("fastapi_offline"))) / "static"

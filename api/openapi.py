"""The API in OpenAPI 3.1: what FastAPI finds out, and what it cannot know."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.ledger.events import inventory_event
from api.ledger.schemas import ProblemDocument
from api.problems import MEDIA_TYPE

_DESCRIPTION = """Each inventory event once, what is on hand, what to restock and why.

Everything that changes something carries an id or code of the client's choice, so all of it can be
sent again. Errors are problem documents (RFC 9457) whose `errors` point at each field."""
_OPEN = frozenset({"/healthz", "/readyz", "/v1/token"})
_ANSWERS = {
    "400": "The body cannot be read as text",
    "401": "No key or token, or one that is wrong or expired",
    "403": "The role does not reach so far",
    "413": "The body is too large",
    "415": "The body is not JSON by its media type",
    "422": "A field is wrong; `errors` points at it",
    "429": "Too many requests of this key or from this address; `Retry-After` says when",
    "503": "Not now; `Retry-After` says when",
}
_WITH_BODY = frozenset({"post", "put", "patch"})


def install_openapi(app: FastAPI) -> None:
    """Make `app.openapi()` answer the whole document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas |= _event_schemas()
    schemas["Problem"] = ProblemDocument.model_json_schema()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A device key or a token"}
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _say_problems(path, method, operation)
    return document


def _event_schemas() -> dict[str, Any]:
    schema = inventory_event.json_schema(ref_template="#/components/schemas/{model}")
    named: dict[str, Any] = schema.pop("$defs")
    return {**named, "InventoryEvent": schema}


def _say_problems(path: str, method: str, operation: dict[str, Any]) -> None:
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers = dict(_ANSWERS)
    if path in _OPEN:
        answers.pop("403")
        if path != "/v1/token":
            for status in ("401", "422", "429"):
                answers.pop(status)
    else:
        operation["security"] = [{"bearer": []}]
    if method not in _WITH_BODY:
        for status in ("400", "413", "415"):
            answers.pop(status)
    if "{" in path:
        answers["404"] = "There is no such thing"
    for status, description in answers.items():
        operation["responses"][status] = {"description": description, "content": problem}
    for status, answer in operation["responses"].items():
        if status >= "400" and MEDIA_TYPE not in answer.get("content", {}):
            answer["content"] = problem

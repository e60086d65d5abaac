"""Refusals in the words of RFC 9457: a typed error each, one way to say it.

Problem
+- UnprocessableContent (422)   what was sent cannot be understood; errors[] points at each field
+- NotFound (404)
+- Conflict (409)
+- PreconditionFailed (412), PreconditionRequired (428)
+- Unauthenticated (401), Forbidden (403)
+- TooManyRequests (429)        slower: Retry-After
+- Unavailable (503)            say again later: Retry-After
"""

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response
from starlette.routing import Match

from api.log import EventLog

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:parstock:problem:"
_SHOWN = 200

log = EventLog(__name__)


class Problem(Exception):  # noqa: N818 - RFC 9457's own word for it
    """Base of every refusal; a subclass fixes slug, title and status."""

    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong here"
    status: ClassVar[int] = 500

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def body(self, instance: str | None = None) -> dict[str, Any]:
        """The problem as RFC 9457 writes it."""
        return problem_body(
            slug=self.slug,
            title=self.title,
            status=self.status,
            detail=self.detail,
            errors=self.errors,
            instance=instance,
        )


class UnprocessableContent(Problem):
    slug = "invalid-request"
    title = "The request is not valid"
    status = 422


class NotFound(Problem):
    slug = "not-found"
    title = "There is no such thing"
    status = 404


class Conflict(Problem):
    slug = "conflict"
    title = "It stands in conflict with what is there"
    status = 409


class Gone(Problem):
    slug = "gone"
    title = "It is no longer there"
    status = 410


class PreconditionFailed(Problem):
    slug = "stale-version"
    title = "It has changed since you read it"
    status = 412


class PreconditionRequired(Problem):
    slug = "version-required"
    title = "Say which version you change"
    status = 428


class Unauthenticated(Problem):
    slug = "unauthenticated"
    title = "Sign in first"
    status = 401

    def __init__(self, detail: str, *, error: str | None = None) -> None:
        challenge = 'Bearer realm="parstock"'
        if error is not None:
            challenge += f', error="{error}"'
        super().__init__(detail, headers={"WWW-Authenticate": challenge})


class Forbidden(Problem):
    slug = "forbidden"
    title = "You may not do that"
    status = 403


class UnsupportedMediaType(Problem):
    slug = "unsupported-media-type"
    title = "Send JSON"
    status = 415


class ContentTooLarge(Problem):
    slug = "content-too-large"
    title = "The body is too large"
    status = 413


class TooManyRequests(Problem):
    slug = "too-many-requests"
    title = "Slower, please"
    status = 429

    def __init__(self, detail: str, *, retry_after_s: float) -> None:
        seconds = max(1, math.ceil(retry_after_s))
        super().__init__(detail, headers={"Retry-After": str(seconds)})


class Unavailable(Problem):
    slug = "unavailable"
    title = "Not now"
    status = 503

    def __init__(self, detail: str, *, retry_after_s: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})


def field_error(where: str, detail: str) -> dict[str, str]:
    """One entry of errors[]: a JSON pointer into the body or the name of a parameter, and what
    was expected there."""
    return {"pointer" if where.startswith("#") else "parameter": where, "detail": clean(detail)}


def invalid_field(where: str, detail: str) -> UnprocessableContent:
    """The problem of a single field."""
    return _invalid([field_error(where, detail)])


def invalid_fields(errors: Iterable[Mapping[str, Any]]) -> UnprocessableContent:
    """The problem of a model's validation: pydantic's errors as JSON pointers."""
    return _invalid(
        [
            field_error(error.get("parameter") or pointer(_location(error)), expectation(error))
            for error in itertools.islice(errors, _SHOWN)
        ]
    )


def _invalid(errors: list[dict[str, str]]) -> UnprocessableContent:
    first = errors[0]
    where = first.get("parameter") or first["pointer"].removeprefix("#").removeprefix("/")
    detail = f"{where or 'the body'}: {first['detail']}"
    if len(errors) > 1:
        detail += f" (and {len(errors) - 1} more)"
    return UnprocessableContent(detail, errors=errors)


def _location(error: Mapping[str, Any]) -> tuple[int | str, ...]:
    location: tuple[int | str, ...] = tuple(error["loc"])
    if error["type"] in ("union_tag_not_found", "union_tag_invalid"):
        return (*location, error["ctx"]["discriminator"].strip("'"))
    return location


def expectation(error: Mapping[str, Any]) -> str:
    """What pydantic expected, in a sentence of ours where its own is about its insides."""
    match error["type"]:
        case "extra_forbidden":
            return "There is no such field here"
        case "missing":
            return "This field is required"
        case "union_tag_not_found":
            return "This field is required"
        case "union_tag_invalid":
            return f"Expected one of {error['ctx']['expected_tags']}"
        case "model_attributes_type" | "model_type" | "dict_type":
            return "Expected a JSON object"
        case "string_unicode":
            return "Expected text without lone surrogates"
        case "int_parsing_size":
            return "The number is out of range"
        case "int_type":
            return "Expected a whole number"
        case "timezone_aware":
            return "Expected a time with a zone, as in 2026-01-31T12:00:00Z"
        case _:
            return str(error["msg"])


def pointer(location: Iterable[int | str]) -> str:
    """A location in a document as the fragment form of a JSON pointer (RFC 6901)."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in location)
    return clean("#" + "".join(f"/{step}" for step in steps))


def clean(text: str) -> str:
    """Text that any JSON reader and Postgres take: no NUL, no lone surrogate, not endless."""
    text = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= 500 else text[:500] + "..."


def problem_body(
    *,
    slug: str,
    title: str,
    status: int,
    detail: str,
    errors: Sequence[Mapping[str, str]] = (),
    instance: str | None = None,
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": _TYPE_PREFIX + slug,
        "title": title,
        "status": status,
        "detail": clean(detail),
    }
    if instance is not None:
        body["instance"] = instance
    if errors:
        body["errors"] = [dict(error) for error in errors]
    return body


def problem_response(problem: Problem, instance: str | None = None) -> Response:
    """The answer that carries a problem."""
    return Response(
        json.dumps(problem.body(instance)),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=problem.headers,
    )


# What asyncpg raises when the database is away, or takes too long.
_DATABASE_AWAY: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    # Its password was changed, and ours not yet.
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.InterfaceError,
    # What asyncpg makes of a server that hung up on an idle connection.
    asyncpg.InternalClientError,
    ConnectionError,
    TimeoutError,
)


def install_problem_handlers(app: FastAPI) -> None:
    """Every refusal leaves the application through one of these."""
    app.exception_handler(Problem)(_on_problem)
    app.exception_handler(RequestValidationError)(_on_validation)
    app.exception_handler(StarletteHTTPException)(_on_http)
    for away in _DATABASE_AWAY:
        app.exception_handler(away)(_on_database_away)
    app.exception_handler(Exception)(_on_bug)


async def _on_problem(request: Request, problem: Problem) -> Response:
    request.app.state.metrics.problems[problem.slug] += 1
    return problem_response(problem, request.url.path)


async def _on_validation(request: Request, error: RequestValidationError) -> Response:
    problems = [_of_request(found) for found in error.errors()]
    return problem_response(invalid_fields(problems), request.url.path)


def _of_request(error: Mapping[str, Any]) -> dict[str, Any]:
    """FastAPI begins a location with where it looked; in the body that is the root."""
    location = tuple(error["loc"])
    if error["type"] == "json_invalid":
        reason = error.get("ctx", {}).get("error", "")
        message = f"Expected JSON ({reason} at character {location[-1]})"
        return {**error, "loc": (), "msg": message}
    if location[:1] == ("body",):
        return {**error, "loc": location[1:]}
    return {**error, "parameter": clean(".".join(map(str, location[1:])))}


async def _on_http(request: Request, error: StarletteHTTPException) -> Response:
    phrase = HTTPStatus(error.status_code).phrase
    headers = dict(error.headers or {})
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND and detail == phrase:
        detail = "There is nothing at this address."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods_here(request))
        detail = f"{request.method} is not possible here; {headers['Allow']} are."
    body = problem_body(
        slug=phrase.lower().replace(" ", "-"),
        title=phrase,
        status=error.status_code,
        detail=detail,
        instance=request.url.path,
    )
    return Response(
        json.dumps(body), status_code=error.status_code, media_type=MEDIA_TYPE, headers=headers
    )


def _methods_here(request: Request) -> list[str]:
    """Of every route of the path; Starlette alone tells those of the first."""
    methods: set[str] = set()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            methods.add(method)
    return sorted(methods)


async def _on_database_away(request: Request, error: Exception) -> Response:
    log.warning("database_away", path=request.url.path, reason=repr(error))
    problem = Unavailable("The database does not answer; try again in a moment.", retry_after_s=2)
    return problem_response(problem, request.url.path)


async def _on_bug(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, method=request.method)
    problem = Problem("This is a fault of the server; it has been logged.")
    return problem_response(problem, request.url.path)

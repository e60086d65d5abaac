"""What every page has: the frame, the words of a refusal, and the headers of a careful browser."""

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.deps import Actor, Reader, ReadingConnection, Role, Sites, is_from_our_pages
from api.problems import Forbidden, Problem, Unauthenticated
from api.settings import Settings
from api.staff import csrf, formats, service

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
_FILTERS = (
    "money", "number", "signed", "cover", "day", "moment", "terms", "slack_text", "to_do",
    "where_from",
)  # fmt: skip
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_SAFE_METHODS = {"GET", "HEAD"}

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with it a browser's POST says `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}


class PageRoute(APIRoute):
    """A route whose refusals are pages, and which only our own pages may post to."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_with_a_page(request: Request) -> Response:
            try:
                await _refuse_other_sites(request)
                response = await answer(request)
            except Unauthenticated:
                response = to_sign_in(request)
            except RequestValidationError:
                response = _refusal_page(request, 422, "That address is not right", _NOT_RIGHT)
            except Problem as problem:
                response = _refusal_page(request, problem.status, problem.title, problem.detail)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return answer_with_a_page


_NOT_RIGHT = "Something in it cannot be understood. Go back and try from the page before."


@dataclass(frozen=True, slots=True)
class Shell:
    """What the frame of a page shows of whoever is signed in, and of the state of things."""

    username: str
    actor_id: int
    sites: Sites
    open_alerts: int
    is_simulated: bool
    zone: str
    actor: Actor
    shifted: tuple[service.ShiftedImport, ...] = ()

    def may(self, minimum: Role, *, every_site: bool = False) -> bool:
        """What `require_role` would let pass, so that no page offers what it would refuse."""
        return self.actor.may(minimum) and (self.sites is None or not every_site)

    @property
    def records(self) -> bool:
        return self.may(Role.STAFF)

    @property
    def manages(self) -> bool:
        return self.may(Role.MANAGER)


async def _shell(connection: ReadingConnection, actor: Reader) -> Shell:
    state = await service.read_shell(connection, sites=actor.sites)
    return Shell(
        username=actor.name,
        actor_id=actor.actor_id,
        sites=actor.sites,
        open_alerts=state["open_alerts"],
        is_simulated=state["is_simulated"],
        zone=state["zone"] or "UTC",
        actor=actor,
        shifted=await service.list_shifted_imports(connection),
    )


CurrentShell = Annotated[Shell, Depends(_shell)]


def page(
    request: Request,
    template: str,
    *,
    shell: Shell | None,
    status: int = 200,
    here: str = "",
    **shown: Any,
) -> HTMLResponse:
    """The template as a page; `here` is the part of the navigation that it belongs to."""
    markup = (
        _templates()
        .get_template(template)
        .render(
            shell=shell,
            here=here,
            csrf_field=csrf.hidden_field(request),
            read_only=request.app.state.ledger.writer.storage.is_full,
            lineage=lambda table: _lineage(request, table),
            **shown,
        )
    )
    return HTMLResponse(markup, status_code=status)


def see_other(address: str) -> RedirectResponse:
    """Where the browser goes after a form was taken, so that a reload sends nothing again."""
    return RedirectResponse(address, status_code=303)


def to_sign_in(request: Request) -> RedirectResponse:
    wanted = request.url.path
    if request.url.query:
        wanted += "?" + request.url.query
    if request.method not in _SAFE_METHODS or wanted == "/":
        return see_other("/sign-in")
    return see_other("/sign-in?" + urlencode({"next": wanted}))


def local_address(address: str) -> str:
    """The address if it is one of this site, else the start page: no open redirects."""
    parts = urlsplit(address)
    plain = address.startswith("/") and not address.startswith(("//", "/\\"))
    if not plain or parts.netloc or parts.scheme or not address.isprintable():
        return "/"
    return address


def address(path: str, **query: object) -> str:
    """A path with the query's values that are not empty."""
    named = {name: value for name, value in query.items() if value not in (None, "", "all")}
    return path + ("?" + urlencode(named) if named else "")


def quoted(code: str) -> str:
    """A code as one segment of a path."""
    return quote(code, safe="")


async def _refuse_other_sites(request: Request) -> None:
    """A form of another site may not act with our session cookie."""
    if request.method in _SAFE_METHODS:
        return
    if not is_from_our_pages(request):
        raise Forbidden("This form was not sent from a page of Parstock, so it was not taken.")
    await csrf.require_token(request)


def _refusal_page(request: Request, status: int, title: str, detail: str) -> Response:
    back = request.headers.get("referer", "")
    path = urlsplit(back)
    same = path.netloc == request.headers.get("host")
    came_from = path.path + ("?" + path.query if path.query else "") if same else "/"
    return page(
        request,
        "problem.html",
        shell=None,
        status=status,
        title=title,
        detail=detail,
        back=local_address(came_from),
    )


def _lineage(request: Request, table: str) -> str | None:
    """The page of a table in Dagster, for whoever sits at the machine: it listens there only."""
    if request.url.hostname not in _LOOPBACK:
        return None
    settings: Settings = request.app.state.settings
    return f"http://{request.url.hostname}:{settings.dagster_port}/assets/{table.replace('.', '/')}"


@lru_cache(maxsize=64)
def static(name: str) -> str:
    """The address of a file of ours; it changes with the content, so it may be kept for long."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{quote(name)}?v={digest}"


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(static=static, address=address)
    environment.filters["quoted"] = quoted
    for name in _FILTERS:
        environment.filters[name] = getattr(formats, name)
    return environment

"""Sign in and out of the pages."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.deps import Pool, session_cookie
from api.identity import sessions
from api.identity.errors import TooManySignIns, WrongCredentials
from api.identity.routes import address_of
from api.identity.schemas import LONGEST_CREDENTIAL
from api.identity.sessions import Session
from api.problems import TooManyRequests
from api.settings import Settings
from api.staff import csrf
from api.staff.pages import PageRoute, local_address, page, see_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_WRONG = (
    "That user name and password do not fit together. "
    "Check for capital letters and try again; nothing is locked."
)
_BUSY = "Many people are signing in at this moment. Try again in a few seconds."
_SLOWER = "There were too many wrong tries. Wait {seconds} seconds, then try again."


@router.get("/sign-in")
async def show_sign_in(request: Request, next: str = "/") -> HTMLResponse:  # noqa: A002 - the query's own word
    return sign_in_page(request, going_to=next)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    pool: Pool,
    username: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the form's own word
) -> Response:
    settings: Settings = request.app.state.settings
    limits = request.app.state.sign_in_limits
    username = username.strip()
    again = partial(sign_in_page, request, going_to=next, username=username[:LONGEST_CREDENTIAL])
    if not _can_be(username) or not _can_be(password):
        return again(refusal=_WRONG)
    try:
        limits.admit(username, address_of(request))
        async with pool.acquire() as connection, connection.transaction():
            session = await sessions.sign_in(
                connection,
                username,
                password,
                "page",
                checks=request.app.state.password_checks,
                hours=settings.session_hours,
                client=request.headers.get("user-agent"),
            )
    except WrongCredentials:
        return again(refusal=_WRONG)
    except TooManySignIns:
        return again(refusal=_BUSY, status=503)
    except TooManyRequests as problem:
        seconds = problem.headers["Retry-After"]
        slower = again(refusal=_SLOWER.format(seconds=seconds), status=429)
        slower.headers["Retry-After"] = seconds
        return slower
    limits.succeeded(username, address_of(request))
    return let_in(request, session, next)


def let_in(request: Request, session: Session, going_to: str) -> RedirectResponse:
    """Give the browser its session, and send it where it wanted to go."""
    settings: Settings = request.app.state.settings
    response = see_other(local_address(going_to))
    response.set_cookie(
        session_cookie(request),
        session.token,
        max_age=round(settings.session_hours * 3600),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/sign-out")
async def sign_out(request: Request, pool: Pool) -> RedirectResponse:
    token = request.cookies.get(session_cookie(request))
    if token is not None:
        async with pool.acquire() as connection:
            await sessions.sign_out(connection, token)
        request.app.state.actors.forget(token)
    response = see_other("/sign-in")
    response.delete_cookie(
        session_cookie(request),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


def _can_be(credential: str) -> bool:
    return 0 < len(credential) <= LONGEST_CREDENTIAL and "\x00" not in credential


def sign_in_page(
    request: Request, *, going_to: str, username: str = "", refusal: str = "", status: int = 401
) -> HTMLResponse:
    """The form, with a refusal of the last try; `going_to` is where it leads when it is right."""
    settings: Settings = request.app.state.settings
    csrf.prepare(request)
    shown = page(
        request,
        "sign_in.html",
        shell=None,
        status=status if refusal else 200,
        next=local_address(going_to),
        username=username,
        refusal=refusal,
        provider=settings.oidc_name if settings.oidc_issuer is not None else None,
    )
    csrf.keep_secret(request, shown)
    return shown

"""Sign in by the OpenID provider of the settings: there, and back again."""

from functools import lru_cache

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from api.deps import Pool, cookie_name
from api.identity import sessions
from api.identity.errors import NotInvited, ProviderFailed
from api.identity.oidc import Attempt, NotBegunHere, Provider
from api.problems import NotFound, Problem
from api.settings import Settings
from api.staff.pages import PageRoute, local_address, see_other
from api.staff.sign_in import let_in, sign_in_page

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_COOKIE = "parstock_provider"
_BACK = "/sign-in/provider/back"
_TEN_MINUTES_S = 600


@router.get("/sign-in/provider")
async def begin(request: Request, next: str = "/") -> Response:  # noqa: A002 - the query's own word
    """Send the browser to the provider, with a note of what it may come back with."""
    attempt = Attempt.begin(local_address(next)[:1000])
    try:
        address = await _provider(request).address(attempt, _own_address(request))
    except ProviderFailed as problem:
        return sign_in_page(request, going_to=next, refusal=problem.title, status=502)
    response = see_other(address)
    response.set_cookie(
        cookie_name(request, _COOKIE),
        attempt.model_dump_json(),
        max_age=_TEN_MINUTES_S,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


@router.get(_BACK)
async def come_back(
    request: Request, pool: Pool, code: str = "", state: str = "", iss: str | None = None
) -> Response:
    """Let in whom the provider knows and an admin has invited."""
    going_to = "/"
    try:
        attempt = _attempt(request)
        going_to = attempt.going_to
        if not code:
            raise ProviderFailed("It gave no permission to sign in.")
        person = await _provider(request).person(
            attempt, _own_address(request), code=code, state=state, issuer=iss
        )
        async with pool.acquire() as connection:
            session = await sessions.sign_in_by_provider(
                connection,
                person,
                hours=request.app.state.settings.session_hours,
                client=request.headers.get("user-agent"),
            )
    except (NotBegunHere, NotInvited, ProviderFailed) as problem:
        response: Response = sign_in_page(
            request, going_to=going_to, refusal=_words(problem), status=problem.status
        )
    else:
        response = let_in(request, session, going_to)
    response.delete_cookie(
        cookie_name(request, _COOKIE),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


def _words(problem: Problem) -> str:
    return f"{problem.title}. {problem.detail}"


def _attempt(request: Request) -> Attempt:
    try:
        return Attempt.model_validate_json(request.cookies.get(cookie_name(request, _COOKIE), ""))
    except ValidationError as error:
        raise NotBegunHere() from error


def _own_address(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{_BACK}"


def _provider(request: Request) -> Provider:
    settings: Settings = request.app.state.settings
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        raise NotFound("No provider is set up to sign in by.")
    secret = settings.oidc_client_secret
    return _known_provider(
        settings.oidc_issuer,
        settings.oidc_client_id,
        secret.get_secret_value() if secret is not None else None,
        settings.oidc_timeout_s,
    )


@lru_cache(maxsize=4)
def _known_provider(
    issuer: str, client_id: str, client_secret: str | None, timeout_s: float
) -> Provider:
    return Provider(issuer, client_id, client_secret, timeout_s=timeout_s)

"""A form is taken only with the token that this browser's own page put into it.

The token is made from a secret of the browser's (its session, before that a cookie for the form),
so it needs no place to be kept. Where a form came from is looked at besides (api/deps.py).
"""

import hashlib
import hmac
import secrets

from fastapi import Request
from markupsafe import Markup
from starlette.responses import Response

from api.deps import cookie_name, session_cookie
from api.problems import Forbidden

FIELD = "csrf_token"
_FORM_COOKIE = "parstock_form"
_AN_HOUR_S = 3600


class StaleForm(Forbidden):
    slug = "stale-form"
    title = "This form is too old"

    def __init__(self) -> None:
        super().__init__("It is from before you signed in. Go back, load the page again, send it.")


def hidden_field(request: Request) -> Markup:
    """The token as a field of a form; empty where nobody could send one."""
    secret = _secret(request)
    if secret is None:
        return Markup("")
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, _token(secret))


def prepare(request: Request) -> None:
    """Give a browser that is not signed in a secret for its form."""
    if _secret(request) is None:
        request.state.form_secret = secrets.token_urlsafe(32)


def keep_secret(request: Request, response: Response) -> None:
    """Set the cookie of a secret that `prepare` made."""
    secret = getattr(request.state, "form_secret", None)
    if secret is not None:
        response.set_cookie(
            cookie_name(request, _FORM_COOKIE),
            secret,
            max_age=_AN_HOUR_S,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )


async def require_token(request: Request) -> None:
    """Refuse a form without its token; a key that is sent on purpose needs none."""
    if "authorization" in request.headers:
        return
    sent = (await request.form()).get(FIELD)
    secret = _secret(request)
    if secret is None or not isinstance(sent, str):
        raise StaleForm()
    if not hmac.compare_digest(sent.encode(), _token(secret).encode()):
        raise StaleForm()


def _secret(request: Request) -> str | None:
    made: str | None = getattr(request.state, "form_secret", None)
    kept = request.cookies.get(session_cookie(request))
    return kept or made or request.cookies.get(cookie_name(request, _FORM_COOKIE))


def _token(secret: str) -> str:
    return hmac.new(secret.encode(), b"parstock form", hashlib.sha256).hexdigest()

"""Slack over HTTP, for an app that is told an address: what is pressed, sent and commanded."""

import json
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.problems import NotFound
from api.settings import Settings
from api.slack.listening import Listener
from api.slack.signature import require_signature

router = APIRouter(prefix="/slack", include_in_schema=False)


@router.post("/interactivity")
async def interact(request: Request) -> Response:
    """Acknowledge at once, as Slack wants within 3 s; what follows is told where it said."""
    form = await _signed_form(request)
    payload: dict[str, Any] = json.loads(form.get("payload", "{}"))
    _listener(request).take(payload)
    return Response()


@router.post("/commands")
async def command(request: Request) -> Response:
    form = await _signed_form(request)
    return JSONResponse(await _listener(request).interactions.command(form))


async def _signed_form(request: Request) -> dict[str, str]:
    settings: Settings = request.app.state.settings
    if settings.slack_signing_secret is None:
        raise NotFound("Slack is not told of this address: SLACK_SIGNING_SECRET is not set.")
    body = await request.body()
    require_signature(
        settings.slack_signing_secret.get_secret_value(),
        body,
        timestamp=request.headers.get("x-slack-request-timestamp"),
        signature=request.headers.get("x-slack-signature"),
    )
    return {name: values[-1] for name, values in parse_qs(body.decode()).items()}


def _listener(request: Request) -> Listener:
    listener: Listener = request.app.state.slack
    return listener

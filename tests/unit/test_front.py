"""What the way in past FastAPI makes of refusals and faults."""

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from api.front import Answering, AtOnce, Written


async def _refused(request: Request, error: Exception) -> Response:
    return Response(str(error), status_code=409)


async def _fault(request: Request, error: Exception) -> Response:
    return Response("a fault", status_code=500)


def answered(error: Exception | None) -> list[dict[str, Any]]:
    """What is sent where the route raises `error`, or answers."""
    sent: list[dict[str, Any]] = []

    async def answer(request: Request) -> Response:
        if error is not None:
            raise error
        return Written(b"{}", (b"location", b"/there"), status=201)

    async def receive() -> Any:
        raise AssertionError("nothing is read here")

    async def send(message: Any) -> None:
        sent.append(message)

    route = AtOnce("POST", "/", lambda query: True, answer)
    scope = {"type": "http", "route": route, "method": "POST", "path": "/", "headers": []}
    answering = Answering({LookupError: _refused, Exception: _fault})
    if error is None or isinstance(error, LookupError):
        asyncio.run(answering(scope, receive, send))
    else:
        # The answer is sent, and the server is told where the fault was.
        with pytest.raises(type(error)):
            asyncio.run(answering(scope, receive, send))
    return sent


def test_what_a_route_wrote_is_sent_as_it_is() -> None:
    start, body = answered(None)
    assert start["status"] == 201
    assert dict(start["headers"]) == {
        b"content-length": b"2",
        b"content-type": b"application/json",
        b"location": b"/there",
    }
    assert body["body"] == b"{}"


def test_a_refusal_has_the_handler_of_its_kind() -> None:
    assert [message.get("status") for message in answered(KeyError("gone"))] == [409, None]


def test_a_fault_is_answered_and_raised() -> None:
    assert [message.get("status") for message in answered(ValueError("a bug"))] == [500, None]

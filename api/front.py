"""The way in for what is asked for most, past the layers that FastAPI has for all the rest.

Those took longer than the work itself: eleven calls before a route is found, and as many again for
each part of its answer. A route that reads its own request and writes its own answer needs none of
them; limits, logs and refusals are the same on both ways.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class AtOnce:
    """A route of one method and one address; `takes` says by the query whether it is this one's."""

    method: str
    path: str
    takes: Callable[[bytes], bool]
    answer: Callable[[Request], Awaitable[Response]]


class Written(Response):
    """An answer whose body and headers are as they are sent."""

    def __init__(self, body: bytes, *headers: tuple[bytes, bytes], status: int = 200) -> None:
        self.body = body
        self.status_code = status
        self.background = None
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"application/json"),
            *headers,
        ]


class Answering:
    """Calls a route and sends what it answers, or what the handler of its refusal makes of it."""

    def __init__(self, handlers: Mapping[Any, Callable[[Request, Any], Any]]) -> None:
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            response = await scope["route"].answer(request)
        except ClientDisconnect:
            raise
        except Exception as error:
            kind = next(kind for kind in type(error).__mro__ if kind in self._handlers)
            response = await self._handlers[kind](request, error)
            await response(scope, receive, send)
            if kind is Exception:
                raise  # a fault of ours: the server logs where it was
            return
        await response(scope, receive, send)


class FrontDoor(FastAPI):
    """The application: some routes answer at once, within `limits`; the rest is FastAPI's."""

    def open(self, routes: list[AtOnce], *, limits: Callable[[ASGIApp], ASGIApp]) -> None:
        """Let these answer at once. Their documented twins stay with FastAPI."""
        self._at_once = {(route.method, route.path): route for route in routes}
        self._answering = limits(Answering(self.exception_handlers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            route = self._at_once.get((scope["method"], scope["path"]))
            if route is not None and route.takes(scope["query_string"]):
                scope["app"], scope["route"] = self, route
                await self._answering(scope, receive, send)
                return
        await super().__call__(scope, receive, send)

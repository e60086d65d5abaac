"""What every request is held to, in one layer of plain ASGI: it costs a few microseconds.

The size of its body, by what it says and by what it sends; its media type under /v1; the time that
it may take. The same layer names the request for the logs, and counts and times it, since it sees
each answer pass.
"""

import asyncio
import time
from collections.abc import Mapping

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.log import EventLog
from api.metrics import Metrics
from api.problems import (
    ContentTooLarge,
    Problem,
    Unavailable,
    UnsupportedMediaType,
    problem_response,
)
from api.tracing import Trace, current_trace

log = EventLog(__name__)
DEADLINE = "parstock.deadline"
_NOSNIFF = (b"x-content-type-options", b"nosniff")
# What the API answers is never a page, nor a part of one.
_INERT = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class _Late(Problem):
    slug = "request-timeout"
    title = "The request took too long to arrive"
    status = 408


class RequestLimits:
    """The outermost layer but for Starlette's own net for bugs."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_limit_bytes: int,
        timeout_s: float,
        metrics: Metrics,
        log_requests: bool,
        file_limits: Mapping[str, int],
    ) -> None:
        self._app = app
        self._body_limit = body_limit_bytes
        self._timeout_s = timeout_s
        self._metrics = metrics
        self._log_requests = log_requests
        self._file_limits = file_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        head = dict(scope["headers"])
        trace = Trace(head.get(b"x-request-id"), head.get(b"traceparent"))
        current_trace.set(trace)
        said = ((b"x-request-id", trace.request_id), *_careful(scope))
        limit = self._file_limits.get(scope["path"], self._body_limit)
        exchange = _Exchange(receive, send, limit, said)
        try:
            refusal = self._refusal(scope, head, limit)
            if refusal is not None:
                raise refusal
            async with asyncio.timeout(self._timeout_s) as deadline:
                scope[DEADLINE] = deadline  # a stream lifts it
                await self._app(scope, exchange.receive, exchange.send)
            if exchange.overflowed:
                raise too_large(limit)
        except (ContentTooLarge, UnsupportedMediaType) as problem:
            await exchange.answer(problem, scope)
        except ClientDisconnect:
            log.info("client_left", method=scope["method"], path=scope["path"])
        except TimeoutError:
            log.warning("request_timed_out", method=scope["method"], path=scope["path"])
            late = (
                Unavailable("The request took too long; send it again.", retry_after_s=5)
                if exchange.body_arrived
                else _Late("The body did not arrive in time.")
            )
            await exchange.answer(late, scope)
        finally:
            self._note(scope, exchange.status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "(none)")
        self._metrics.observe(scope["method"], route, status, seconds)
        if self._log_requests:
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                route=route,
                status=status,
                milliseconds=round(seconds * 1000, 2),
            )

    def _refusal(self, scope: Scope, head: dict[bytes, bytes], limit: int) -> Problem | None:
        if scope["method"] not in _WITH_BODY:
            return None
        length = head.get(b"content-length", b"")
        if length.isdigit() and int(length) > limit:
            return too_large(limit)
        if scope["path"] in self._file_limits:
            return None
        said = head.get(b"content-type")
        if said is not None and scope["path"].startswith("/v1/"):
            media_type = said.partition(b";")[0].strip().lower()
            # An image says by its own bytes what it is, where one is taken.
            is_json = media_type == b"application/json" or media_type.endswith(b"+json")
            if not is_json and not media_type.startswith(b"image/"):
                return UnsupportedMediaType("Expected Content-Type: application/json.")
        return None


def too_large(limit: int) -> ContentTooLarge:
    return ContentTooLarge(f"The body may have {limit:,} bytes at most.")


def _careful(scope: Scope) -> tuple[tuple[bytes, bytes], ...]:
    """What every answer says to browsers; a page has a policy of its own."""
    is_api = scope["path"].startswith("/v1/")
    headers = (_NOSNIFF, _INERT) if is_api else (_NOSNIFF,)
    return (*headers, _HTTPS_ONLY) if scope["scheme"] == "https" else headers


class _Exchange:
    """One request and its answer, watched as they pass."""

    __slots__ = (
        *("_headers", "_limit", "_receive", "_received", "_send"),
        *("body_arrived", "overflowed", "status"),
    )

    def __init__(
        self,
        receive: Receive,
        send: Send,
        limit: int,
        headers: tuple[tuple[bytes, bytes], ...],
    ) -> None:
        self._receive = receive
        self._send = send
        self._limit = limit
        self._headers = headers
        self._received = 0
        self.body_arrived = False
        self.overflowed = False
        self.status = 0

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self.body_arrived = not message.get("more_body", False)
            if self._received > self._limit:
                self.overflowed = True
                raise too_large(self._limit)
        return message

    async def send(self, message: Message) -> None:
        if self.overflowed and self.status == 0:
            return  # whatever was made of half a body; the answer is 413
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message.get("headers", ())
            message["headers"] = [*headers, *self._headers]
        await self._send(message)

    async def answer(self, problem: Problem, scope: Scope) -> None:
        """Say the problem, unless an answer has begun already."""
        self.overflowed = False
        if self.status == 0:
            await problem_response(problem, scope["path"])(scope, self._receive, self.send)

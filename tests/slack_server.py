"""A server that speaks the part of Slack's Web API that Parstock uses, and checks what it is sent.

Tests start it with `slack_server()`; `python -m tests.slack_server --port 8765` tries it by hand:
set SLACK_API_URL to the address that it prints, SLACK_BOT_TOKEN to `xoxb-test`.

Limits are Slack's own: 50 blocks, 3,000 characters in a section, 150 in a header, 40,000 in text.
"""

import argparse
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs

TOKEN = "xoxb-test"
CHANNEL_NAME = "#stock"
CHANNEL_ID = "C0STOCK0001"

_MOST_BLOCKS = 50
_MOST_PRIVATE_METADATA = 3000
_TEXT_LIMITS = {"section": 3000, "header": 150, "context": 3000}
_BLOCK_TYPES = {"section", "header", "context", "divider", "actions"}

Answer = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One request that arrived, and what was answered."""

    method: str
    arguments: Mapping[str, Any]
    at: float
    answer: Answer


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the next call of `method`: before or after it took effect."""

    method: str
    kind: Literal["rate_limited", "server_error", "cut", "cut_after", "error"]
    retry_after_s: int = 1
    error: str = ""


@dataclass
class Message:
    """A message as the channel shows it."""

    ts: str
    text: str
    blocks: list[Any]
    metadata: Any
    posted_at: float
    changes: int = 0


@dataclass
class SlackServer:
    """What stands in the channel, what was called, and what shall go wrong next."""

    token: str = TOKEN
    messages: dict[str, Message] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    on_message: Callable[[Message], None] | None = None
    base_url: str = ""
    line_url: str = ""
    answers: list[Answer] = field(default_factory=list)
    views: list[Answer] = field(default_factory=list)
    _lock: threading.Condition = field(default_factory=threading.Condition)
    _last_ts: int = 0

    def texts(self) -> list[str]:
        """The text of every message in the channel, oldest first."""
        with self._lock:
            return [message.text for message in self.messages.values()]

    def calls_of(self, method: str) -> list[Call]:
        with self._lock:
            return [call for call in self.calls if call.method == method]

    def wait_for(self, found: Callable[["SlackServer"], bool], *, timeout_s: float = 10) -> None:
        """Wait until what arrived satisfies `found`."""
        with self._lock:
            if not self._lock.wait_for(lambda: found(self), timeout_s):
                raise AssertionError(f"not at the Slack server in {timeout_s} s: {self.calls}")

    def take_fault(self, method: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.method == method:
                    self.faults.remove(fault)
                    return fault
        return None

    def call(self, method: str, arguments: Mapping[str, Any], authorization: str) -> Answer:
        """Check and carry out one call."""
        with self._lock:
            answer = self._answer(method, arguments, authorization)
            self.calls.append(Call(method, arguments, time.time(), answer))
            self._lock.notify_all()
            return answer

    def _answer(self, method: str, arguments: Mapping[str, Any], authorization: str) -> Answer:
        if not authorization.startswith("Bearer "):
            return _refusal("not_authed")
        if authorization != f"Bearer {self.token}":
            return _refusal("invalid_auth")
        match method:
            case "auth.test":
                return {"ok": True, "team": "Test", "user": "parstock", "bot_id": "B1"}
            case "chat.postMessage":
                return self._post(arguments)
            case "chat.update":
                return self._update(arguments)
            case "conversations.history":
                return self._history(arguments)
            case "views.open":
                return self._open(arguments)
            case "apps.connections.open":
                return {"ok": True, "url": self.line_url}
            case _:
                return _refusal("unknown_method")

    def _post(self, arguments: Mapping[str, Any]) -> Answer:
        if arguments.get("channel") not in (CHANNEL_NAME, CHANNEL_ID):
            return _refusal("channel_not_found")
        wrong = _wrong_content(arguments)
        if wrong is not None:
            return _refusal(*wrong)
        self._last_ts = max(self._last_ts + 1, int(time.time() * 1_000_000))
        ts = f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"
        message = Message(
            ts,
            str(arguments["text"]),
            _decoded(arguments.get("blocks")) or [],
            _decoded(arguments.get("metadata")),
            time.time(),
        )
        self.messages[ts] = message
        if self.on_message is not None:
            self.on_message(message)
        return {"ok": True, "channel": CHANNEL_ID, "ts": ts, "message": _shown(message, True)}

    def _update(self, arguments: Mapping[str, Any]) -> Answer:
        if arguments.get("channel") != CHANNEL_ID:
            return _refusal("channel_not_found")  # chat.update takes no names
        message = self.messages.get(str(arguments.get("ts")))
        if message is None:
            return _refusal("message_not_found")
        wrong = _wrong_content(arguments)
        if wrong is not None:
            return _refusal(*wrong)
        message.text = str(arguments["text"])
        message.blocks = _decoded(arguments.get("blocks")) or []
        message.metadata = _decoded(arguments.get("metadata")) or message.metadata
        message.changes += 1
        return {"ok": True, "channel": CHANNEL_ID, "ts": message.ts, "text": message.text}

    def _open(self, arguments: Mapping[str, Any]) -> Answer:
        view = _decoded(arguments.get("view")) or {}
        if not arguments.get("trigger_id"):
            return _refusal("invalid_trigger_id")
        if len(view.get("private_metadata", "")) > _MOST_PRIVATE_METADATA:
            return _refusal("invalid_arguments", "private_metadata has 3,000 characters at most")
        self.views.append(view)
        return {"ok": True, "view": view}

    def take_answer(self, answer: Answer) -> None:
        """What was sent to the address that came with a press."""
        with self._lock:
            self.answers.append(answer)
            self._lock.notify_all()

    def _history(self, arguments: Mapping[str, Any]) -> Answer:
        if arguments.get("channel") != CHANNEL_ID:
            return _refusal("channel_not_found")
        oldest = float(arguments.get("oldest") or 0)
        limit = int(arguments.get("limit") or 100)
        with_metadata = str(arguments.get("include_all_metadata")).lower() in ("1", "true")
        newest_first = [
            message for message in reversed(self.messages.values()) if float(message.ts) >= oldest
        ]
        start = int(arguments.get("cursor") or 0)
        page = newest_first[start : start + limit]
        more = len(newest_first) > start + limit
        return {
            "ok": True,
            "messages": [_shown(message, with_metadata) for message in page],
            "has_more": more,
            "response_metadata": {"next_cursor": str(start + limit) if more else ""},
        }


@contextmanager
def slack_server(*, port: int = 0, token: str = TOKEN) -> Iterator[SlackServer]:
    """A server on a free port; `base_url` is what SLACK_API_URL is set to."""
    state = SlackServer(token=token)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            _serve(self, state)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # the base's name
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    state.base_url = f"http://127.0.0.1:{server.server_port}/api/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _serve(request: BaseHTTPRequestHandler, state: SlackServer) -> None:
    body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
    prefix, _, method = request.path.rpartition("/")
    if prefix == "/answers":
        state.take_answer(json.loads(body))
        _reply(request, 200, {"ok": True})
        return
    if prefix != "/api":
        _reply(request, 404, _refusal("not_found"))
        return
    fault = state.take_fault(method)
    if fault is not None and fault.kind != "cut_after":
        _fail(request, fault)
        return
    authorization = request.headers.get("Authorization", "")
    answer = state.call(method, _arguments(request, body), authorization)
    if fault is not None:
        _cut(request)
        return
    _reply(request, 200, answer)


def _arguments(request: BaseHTTPRequestHandler, body: bytes) -> Mapping[str, Any]:
    if "json" in request.headers.get("Content-Type", ""):
        loaded: dict[str, Any] = json.loads(body or b"{}")
        return loaded
    return {name: values[-1] for name, values in parse_qs(body.decode()).items()}


def _fail(request: BaseHTTPRequestHandler, fault: Fault) -> None:
    match fault.kind:
        case "rate_limited":
            _reply(request, 429, _refusal("ratelimited"), {"Retry-After": fault.retry_after_s})
        case "server_error":
            request.send_response(500)
            request.send_header("Content-Length", "5")
            request.end_headers()
            request.wfile.write(b"oops!")
        case "error":
            _reply(request, 200, _refusal(fault.error))
        case _:
            _cut(request)


def _cut(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    request.connection.close()


def _reply(
    request: BaseHTTPRequestHandler,
    status: int,
    answer: Answer,
    headers: Mapping[str, object] | None = None,
) -> None:
    body = json.dumps(answer).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json; charset=utf-8")
    request.send_header("Content-Length", str(len(body)))
    for name, value in (headers or {}).items():
        request.send_header(name, str(value))
    request.end_headers()
    request.wfile.write(body)


def _refusal(error: str, detail: str | None = None) -> Answer:
    answer: Answer = {"ok": False, "error": error}
    if detail is not None:
        answer["response_metadata"] = {"messages": [detail]}
    return answer


def _decoded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _shown(message: Message, with_metadata: bool) -> dict[str, Any]:
    shown = {"type": "message", "ts": message.ts, "text": message.text, "blocks": message.blocks}
    if with_metadata and message.metadata:
        shown["metadata"] = message.metadata
    return shown


def _wrong_content(arguments: Mapping[str, Any]) -> tuple[str, str] | None:
    """What Slack would refuse, as (error, detail)."""
    text = arguments.get("text")
    if not isinstance(text, str) or not text.strip():
        return "no_text", "a message needs a text fallback beside its blocks"
    if len(text) > 40_000:
        return "msg_too_long", f"text has {len(text)} characters"
    metadata = _decoded(arguments.get("metadata"))
    if metadata is not None and set(metadata) != {"event_type", "event_payload"}:
        return "invalid_metadata_format", f"metadata has {sorted(metadata)}"
    blocks = _decoded(arguments.get("blocks"))
    if blocks is None:
        return None
    if not isinstance(blocks, list) or len(blocks) > _MOST_BLOCKS:
        return "invalid_blocks", "blocks is a list of at most 50"
    for number, block in enumerate(blocks):
        detail = _wrong_block(block)
        if detail is not None:
            return "invalid_blocks", f"{detail} [json-pointer:/blocks/{number}]"
    return None


def _wrong_block(block: Any) -> str | None:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind not in _BLOCK_TYPES:
        return f"unsupported type: {kind}"
    if kind == "context":
        elements = block.get("elements") or []
        if not 1 <= len(elements) <= 10:
            return "a context has 1 to 10 elements"
        texts = elements
    elif kind == "section":
        texts = [block["text"]] if "text" in block else block.get("fields") or []
        if not texts:
            return "a section has text or fields"
    elif kind == "header":
        texts = [block.get("text") or {}]
        if texts[0].get("type") != "plain_text":
            return "a header is plain_text"
    else:
        return None
    for text in texts:
        if text.get("type") not in ("plain_text", "mrkdwn"):
            return f"unsupported text type: {text.get('type')}"
        length = len(text.get("text") or "")
        if not 1 <= length <= _TEXT_LIMITS[kind]:
            return f"the text of a {kind} has 1 to {_TEXT_LIMITS[kind]} characters, not {length}"
    return None


def main() -> None:
    """Serve until interrupted, printing each message."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--token", default=TOKEN)
    arguments = parser.parse_args()
    with slack_server(port=arguments.port, token=arguments.token) as server:
        server.on_message = lambda message: print(message.text, flush=True)  # noqa: T201 # its use
        print(f"SLACK_API_URL={server.base_url} SLACK_BOT_TOKEN={server.token}", flush=True)  # noqa: T201
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()

"""Which request a log line belongs to: `X-Request-Id`, and the trace of W3C `traceparent`.

Both are taken from who calls, or made here; the one is told back, the other passed on. Nothing is
computed for a request that neither logs nor calls anyone.
"""

import itertools
import os
import random
import re
from contextvars import ContextVar

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
# version, trace, parent, flags; a later version may say more behind these.
_TRACEPARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?"
)
# Told apart from those of other processes by chance, from each other by counting.
_PREFIX = os.urandom(8).hex().encode()
_numbers = itertools.count(1)


class Trace:
    """One request as logs and other services know it."""

    __slots__ = ("_received", "_said", "request_id")

    def __init__(self, request_id: bytes | None = None, traceparent: bytes | None = None) -> None:
        if request_id is None or _REQUEST_ID.fullmatch(request_id) is None:
            request_id = b"%s-%x" % (_PREFIX, next(_numbers))
        self.request_id = request_id
        self._received = traceparent
        self._said: tuple[str, str, str] | None = None

    def _parts(self) -> tuple[str, str, str]:
        """The trace, our own span in it, and its flags."""
        if self._said is None:
            found = _TRACEPARENT.fullmatch(self._received) if self._received else None
            # An identifier, not a secret.
            span_id = f"{random.getrandbits(64) or 1:016x}"
            if found is None:
                self._said = (f"{random.getrandbits(128) or 1:032x}", span_id, "00")
            else:
                self._said = (found[1].decode(), span_id, found[2].decode())
        return self._said

    @property
    def traceparent(self) -> str:
        """What whoever we call is told: the caller's trace, with us as the parent."""
        return "00-{}-{}-{}".format(*self._parts())

    def fields(self) -> dict[str, str]:
        """What a log line of this request has."""
        trace_id, span_id, _ = self._parts()
        return {
            "request_id": self.request_id.decode(),
            "trace_id": trace_id,
            "span_id": span_id,
        }


current_trace: ContextVar[Trace | None] = ContextVar("parstock_trace", default=None)


def outgoing_headers() -> dict[str, str]:
    """What a call to another service on behalf of the current request carries."""
    trace = current_trace.get()
    return {} if trace is None else {"traceparent": trace.traceparent}

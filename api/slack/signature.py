"""Whether a request is from Slack: https://api.slack.com/authentication/verifying-requests-from-slack."""

import hashlib
import hmac
import time

from api.problems import Unauthenticated

_WINDOW_S = 300
_NOT_SIGNED = "This is not signed by Slack, or too long ago."


def require_signature(
    secret: str,
    body: bytes,
    *,
    timestamp: str | None,
    signature: str | None,
    now: float | None = None,
) -> None:
    """Raise Unauthenticated unless `signature` is Slack's of this body, made in these minutes."""
    moment = time.time() if now is None else now
    if timestamp is None or signature is None or not timestamp.isdecimal() or len(timestamp) > 12:
        raise Unauthenticated(_NOT_SIGNED)
    expected = hmac.new(
        secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256
    ).hexdigest()
    is_theirs = hmac.compare_digest(f"v0={expected}".encode(), signature.encode())
    if not is_theirs or abs(moment - int(timestamp)) > _WINDOW_S:
        raise Unauthenticated(_NOT_SIGNED)

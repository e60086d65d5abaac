"""`ETag` and `If-Match`: the version of what people edit."""

import re
from typing import Annotated

from fastapi import Header

from api.problems import PreconditionRequired

_TAG = re.compile(r'\s*(W/)?"([^"]*)"\s*(?:,|$)')
_DIGITS = 18
IfMatch = Annotated[str | None, Header(description="the ETag that was read")]


class VersionRequired(PreconditionRequired):
    def __init__(self) -> None:
        super().__init__('Send If-Match with the ETag that you read, as in If-Match: "3".')


def versions_of(if_match: str | None) -> frozenset[int] | None:
    """The versions that If-Match names; None is any. A weak tag never matches (RFC 9110)."""
    if if_match is None:
        raise VersionRequired()
    if if_match.strip() == "*":
        return None
    tags = _TAG.findall(if_match)
    return frozenset(
        int(tag) for weak, tag in tags if not weak and tag.isdecimal() and len(tag) <= _DIGITS
    )

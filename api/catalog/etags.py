"""ETag and If-Match (RFC 9110): which version was read, and which one a change is meant for."""

import re
from typing import Annotated

from fastapi import Header, Response

from api.catalog.errors import VersionRequired

IfMatch = Annotated[str | None, Header(description="the ETag that was read")]

_TAG = re.compile(r'\s*(W/)?"([^"]*)"\s*(?:,|$)')
_DIGITS = 18


def tag(response: Response, version: int | str) -> None:
    response.headers["ETag"] = f'"{version}"'


def tags_of(if_match: str) -> frozenset[str] | None:
    """The tags that a header names; None is any. A weak tag never matches."""
    if if_match.strip() == "*":
        return None
    return frozenset(found for weak, found in _TAG.findall(if_match) if not weak)


def versions_of(if_match: str | None) -> frozenset[int] | None:
    """The versions that If-Match names; None is any."""
    if if_match is None:
        raise VersionRequired()
    tags = tags_of(if_match)
    if tags is None:
        return None
    return frozenset(int(found) for found in tags if found.isdecimal() and len(found) <= _DIGITS)

"""Keyset pages: `limit`, an opaque `cursor`, and `next_cursor` in the answer."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from api.problems import invalid_field

DEFAULT_LIMIT = 100
MAXIMUM_LIMIT = 1000

Item = TypeVar("Item")
Row = TypeVar("Row")
Part = TypeVar("Part")


class Page(BaseModel, Generic[Item]):
    """One page of a list; `next_cursor` is null on the last."""

    items: list[Item]
    next_cursor: str | None = None


Limit = Annotated[int, Query(ge=1, le=MAXIMUM_LIMIT, description="items a page")]


@dataclass(frozen=True, slots=True)
class Paging:
    """How many rows, and after which key; None is from the beginning."""

    limit: int
    cursor: str | None

    def after(self, *types: type) -> tuple[Any, ...] | None:
        """The key that the cursor holds, whose parts must be of these types."""
        if self.cursor is None:
            return None
        key = decode_cursor(self.cursor)
        if len(key) != len(types) or not all(
            type(part) is expected for part, expected in zip(key, types, strict=True)
        ):
            raise invalid_field("cursor", "This cursor is not one that this list gave out")
        return key


async def _paging(
    limit: Limit = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the last page")] = None,
) -> Paging:
    return Paging(limit, cursor)


PagingQuery = Annotated[Paging, Depends(_paging)]


def encode_cursor(*key: Any) -> str:
    """An opaque cursor that holds a key of text and whole numbers."""
    text = json.dumps(key, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *, name: str = "cursor") -> tuple[Any, ...]:
    """The key in a cursor; a problem that names the parameter where it is none of ours."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeError, binascii.Error, ValueError, RecursionError) as error:
        raise invalid_field(name, "This cursor is not one that was given out") from error
    if not isinstance(key, list) or not all(
        (isinstance(part, str) and "\x00" not in part and part.isprintable())
        or (type(part) is int and -(2**63) <= part < 2**63)
        for part in key
    ):
        raise invalid_field(name, "This cursor is not one that was given out")
    return tuple(key)


def parse_part(parse: Callable[[str], Part], text: str) -> Part:
    """A part of a key that the cursor holds as text: a day, a moment, an id."""
    try:
        return parse(text)
    except ValueError as error:
        raise invalid_field("cursor", "This cursor is not one that this list gave out") from error


def page_of(
    rows: Sequence[Row], limit: int, key: Callable[[Row], tuple[Any, ...]]
) -> tuple[list[Row], str | None]:
    """The rows of a page and its next cursor, from a query that asked for `limit + 1` rows."""
    shown = list(rows[:limit])
    return shown, encode_cursor(*key(shown[-1])) if len(rows) > limit else None

"""From the bytes of a request to events, each refusal naming the field."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from uuid import UUID

from pydantic import ValidationError

from api.ledger.events import AnyEvent, inventory_event
from api.problems import Problem, UnprocessableContent, field_error, invalid_field, invalid_fields

MAXIMUM_ROWS = 10_000
# More are beyond the greatest float, and so beyond any quantity.
_MOST_DIGITS = 310


def event_of_body(body: bytes) -> AnyEvent:
    """The event in a body."""
    try:
        return inventory_event.validate_json(body)
    except ValidationError:
        # The other reader takes text that this one refuses whole, so that the field can be named.
        return event_of(json_of(body))


def event_of(row: Any) -> AnyEvent:
    """The event in a JSON value."""
    try:
        return inventory_event.validate_python(row)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise invalid_fields(_without_tag(problem) for problem in found) from None


def _without_tag(error: Mapping[str, Any]) -> dict[str, Any]:
    """pydantic begins a location in a union with the event_type that it chose."""
    return {**error, "loc": error["loc"][1:]}


def rows_of_body(body: bytes) -> list[Any]:
    """The rows in the envelope of a batch, whatever each of them is.

    A number that no event can have (NaN, 1e999, thousands of digits) is the fault of its row alone:
    it is read as one that is not finite, which no field takes.
    """
    match json_of(body, parse_constant=float, parse_int=_whole_number):
        case {"events": list(rows), **others} if not others:
            if len(rows) > MAXIMUM_ROWS:
                raise invalid_field(
                    "#/events", f"Expected at most {MAXIMUM_ROWS:,} events, these are {len(rows):,}"
                )
            return rows
        case {"events": list(), **others}:
            raise UnprocessableContent(
                "The envelope has `events` alone.",
                errors=[field_error(f"#/{name}", "There is no such field") for name in others],
            )
        case {"events": _}:
            raise invalid_field("#/events", "Expected a list of events")
        case _:
            raise invalid_field("#/events", 'Expected {"events": [...]}')


def row_json(row: Any) -> str:
    """A row of a batch as JSON; where a number of it is not finite, its name stands there."""
    try:
        return json.dumps(row, allow_nan=False)
    except ValueError:
        return json.dumps(json.loads(json.dumps(row), parse_constant=str))


def _whole_number(text: str) -> int | float:
    return int(text) if len(text) <= _MOST_DIGITS else float(text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def json_of(
    body: bytes,
    *,
    parse_constant: Callable[[str], Any] = _no_constant,
    parse_int: Callable[[str], Any] | None = None,
) -> Any:
    """The JSON value of a body."""
    try:
        return json.loads(body, parse_constant=parse_constant, parse_int=parse_int)
    except RecursionError:
        raise invalid_field("#", "Expected JSON that is less deep") from None
    except ValueError as error:
        raise invalid_field("#", f"Expected JSON ({error})") from None


def event_id_of(row: Any) -> UUID | None:
    """The event_id of a row that is otherwise wrong, where it has one."""
    match row:
        case {"event_id": str(text)}:
            try:
                return UUID(text)
            except ValueError:
                return None
        case _:
            return None


def read_row(row: Any) -> AnyEvent | Problem:
    """The event of a row, or what is wrong with it."""
    try:
        return event_of(row)
    except Problem as problem:
        return problem

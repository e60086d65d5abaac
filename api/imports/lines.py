"""From the text of a file's columns to typed lines: table `lines`, one row a line of the file."""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from api.imports.columns import Column
from api.imports.duck import lines as queries
from api.imports.duck import run
from api.imports.errors import OptionUnusable
from api.imports.reading import Table, fitting_date_formats
from api.imports.schemas import EventKind

MAXIMUM_QUANTITY = 10_000_000
TOO_MANY_FIELDS = "the line has more fields than the header"
BROKEN_LINE = "the line cannot be cut into fields"
IN_THE_FUTURE = "the date lies in the future"
STOCK_IS_KNOWN = "the stock of this product here is known already"
OTHER_CONTENT = "this event is recorded already, with other content"
UNUSABLE_CODES = {
    "sku": "the product code is too long or unprintable",
    "location": "the location code is too long or unprintable",
    "lot": "the lot is too long or unprintable",
}
_UNUSABLE = {
    "sku": queries.reject_skus,
    "location": queries.reject_locations,
    "lot": queries.reject_lots,
}
_ISO_EXPECTED = "a date as in 2026-01-31 or 2026-01-31 14:05"
_MOMENTS = ("TIMESTAMP", "DATE")
_YES = "'yes', 'y', 'true', '1'"
_LONGEST_CODE = 100
_LONGEST_REFERENCE = 200
_LONGEST_NAME = 300
# A time of day, then Z or an offset: such a text names an instant in whatever zone.
_OFFSET = r"[0-9]:[0-9]{2}.*(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)$"


@dataclass(frozen=True)
class LineForm:
    """How the columns of this file are to be read."""

    kind: EventKind
    columns: Mapping[str, Column]
    time_zone: str
    date_format: str | None
    decimal_comma: bool = False


def choose_date_format(table: Table, columns: Mapping[str, Column], said: str | None) -> str | None:
    """The form of a text column of dates, None for ISO 8601; raises where it stays unclear."""
    column = columns.get("date")
    if column is None or column.type.startswith(_MOMENTS) or said is not None:
        return said
    text = _text(column)
    iso = (
        table.connection.table("raw")
        .aggregate(f"count(try_cast({text} as timestamptz)) / greatest(count({text}), 1)")
        .fetchone()
    )
    if iso is not None and iso[0] >= 0.5:
        return None
    formats = fitting_date_formats(table.connection, column)
    if len({format_.replace("%y", "%Y") for format_ in formats}) > 1:
        choices = " or ".join(f'--date-format "{format_}"' for format_ in formats)
        raise OptionUnusable(
            f"The dates in {column.name} can be read in more than one way; say {choices}."
        )
    return formats[0] if formats else None


def make_lines(table: Table, form: LineForm) -> None:
    """Fill `lines`: typed fields, the copy's number, and why a line cannot be read."""
    connection, columns = table.connection, form.columns
    connection.execute("set variable time_zone = $1", [form.time_zone])
    connection.execute("set variable date_format = $1", [form.date_format or ""])
    every = ", ".join([column_key(column) for column in table.columns])
    comma = form.decimal_comma
    code = _exact if table.is_exact else _code
    projection = {
        "row": "row",
        "copy": f"row_number() over (partition by {every} order by row)",
        "sku_written": code(columns.get("sku")),
        "location": code(columns.get("location")),
        "reference": code(columns.get("reference")),
        "lot": _text(columns.get("lot")),
        "expiry_written": _text(columns.get("expires_on")),
        "expires_on": _day(columns.get("expires_on"), form.date_format),
        "description": _code(columns.get("description")),
        "quantity_written": _text(columns.get("quantity")),
        "price": _price(columns.get("price"), decimal_comma=comma),
        "day_written": _text(columns.get("date")),
        "instant": _instant(columns.get("date")),
        "wall_time": _wall_time(columns.get("date"), form.date_format),
        "has_customer": f"{_text(columns.get('customer'))} is not null",
        "event_id_written": _text(columns.get("event_id")),
        "cancels": f"coalesce(lower({_text(columns.get('cancellation'))}) in ({_YES}), false)",
        "surplus": f"coalesce({', '.join(['null', *table.surplus])}) is not null"
        if table.surplus
        else "false",
    }
    typed = connection.table("raw").project(_listed(projection))
    typed.project(
        _listed(
            {
                "*": "*",
                "sku": "sku_written" if table.is_exact else "upper(sku_written)",
                "is_cancellation": "coalesce(regexp_matches(reference, '^[Cc][0-9]'), false)",
                "quantity_read": f"try_cast({_decimal('quantity_written', comma)} "
                "as decimal(28, 6))",
                "local_time": "coalesce(timezone(getvariable('time_zone'), instant), wall_time)",
                "moment": "coalesce(strftime(timezone('UTC', instant), '%Y-%m-%dT%H:%M:%S.%fZ'), "
                "strftime(wall_time, '%Y-%m-%dT%H:%M:%S.%f'))",
            }
        )
    ).create_view("typed_lines")
    rejections = _rejections(form)
    reasons = [f"when {condition} then '{reason}'" for condition, reason, _, _ in rejections]
    values = [f"when {condition} then {value}" for condition, _, _, value in rejections]
    connection.table("typed_lines").project(
        _listed(
            {
                "*": "*",
                "quantity": f"case when abs(quantity_read) <= {MAXIMUM_QUANTITY} "
                "then cast(quantity_read as bigint) end",
                "rejection": f"case {' '.join(reasons)} end",
                "rejected_value": f"case {' '.join(values)} end",
            }
        )
    ).create("lines")
    connection.execute("drop view typed_lines")
    _reject_unusable_codes(connection)


def column_key(column: Column) -> str:
    """What a column of the file is called in `raw`."""
    return f"c{column.number}"


def rejection_reasons(form: LineForm) -> dict[str, tuple[str, str]]:
    """The field that each reason is about, and what was expected there."""
    named = {field: column.name for field, column in form.columns.items()}
    dated = f"a date in the form {form.date_format}" if form.date_format else _ISO_EXPECTED
    whole = f"a whole number up to {MAXIMUM_QUANTITY:,}"
    quantities = {"counts": f"{whole}, 0 included", "opening-stock": f"{whole}, above 0"}
    expected = {
        "sku": f"a code of 1 to {_LONGEST_CODE} printable characters",
        "location": f"a code of up to {_LONGEST_CODE} printable characters",
        "quantity": quantities.get(form.kind, f"{whole} other than 0"),
        "date": f"{dated}, from 1970 until now",
        "event_id": "a UUID",
        "lot": f"a code of up to {_LONGEST_CODE} printable characters",
        "expires_on": "a date as in 2026-01-31, beside a lot",
    }
    found = {
        reason: (named.get(field, field), expected[field])
        for _, reason, field, _ in _rejections(form)
        if field in expected
    }
    for field, reason in UNUSABLE_CODES.items():
        found[reason] = (named.get(field, field), expected[field])
    found[IN_THE_FUTURE] = (named.get("date", "date"), expected["date"])
    found[STOCK_IS_KNOWN] = (named.get("quantity", "quantity"), "a count, to correct it")
    found[OTHER_CONTENT] = (named.get("event_id", "event_id"), "an event that is new or the same")
    return found


def _rejections(form: LineForm) -> list[tuple[str, str, str, str]]:
    """(condition, reason, field, value at fault); the first that holds is said."""
    condition, reason = {
        "counts": ("quantity_read < 0", "the quantity is below 0"),
        "opening-stock": ("quantity_read <= 0", "the quantity is not above 0"),
        "sales": ("quantity_read = 0", "the quantity is 0"),
    }[form.kind]
    least = (condition, reason, "quantity", "quantity_written")
    reasons = [
        ("surplus", TOO_MANY_FIELDS, "line", "null"),
        ("sku_written is null", "there is no product code", "sku", "null"),
        ("quantity_written is null", "there is no quantity", "quantity", "null"),
        (
            "quantity_read is null or quantity_read <> floor(quantity_read)",
            "the quantity is not a whole number",
            "quantity",
            "quantity_written",
        ),
        least,
        (
            f"abs(quantity_read) > {MAXIMUM_QUANTITY}",
            "the quantity is too large",
            "quantity",
            "quantity_written",
        ),
    ]
    if "event_id" in form.columns:
        no_uuid = "event_id_written is not null and try_cast(event_id_written as uuid) is null"
        reasons.append((no_uuid, "the event id is not a UUID", "event_id", "event_id_written"))
    if form.kind != "sales" and "expires_on" in form.columns:
        unread = "expiry_written is not null and expires_on is null"
        reasons += [
            (unread, "the expiry date cannot be read", "expires_on", "expiry_written"),
            (
                "expires_on is not null and lot is null",
                "what expires has a lot",
                "expires_on",
                "expiry_written",
            ),
        ]
    if "date" in form.columns:
        ahead, before = "local_time > timestamp '9000-01-01'", "local_time < timestamp '1970-01-02'"
        unread = "day_written is not null and local_time is null"
        if form.kind == "sales":
            # A count without a date is one of now.
            reasons.append(("day_written is null", "there is no date", "date", "null"))
        reasons += [
            (unread, "the date cannot be read", "date", "day_written"),
            (before, "the date lies before 1970", "date", "day_written"),
            (ahead, IN_THE_FUTURE, "date", "day_written"),
        ]
    return reasons


def _reject_unusable_codes(connection: duckdb.DuckDBPyConnection) -> None:
    """A code that the catalog would not take makes its line unreadable."""
    for field, reason in UNUSABLE_CODES.items():
        codes = connection.table("lines").project(field).distinct().fetchall()
        unusable = [
            code
            for (code,) in codes
            if code is not None and (len(code) > _LONGEST_CODE or not code.isprintable())
        ]
        if unusable:
            run(connection, _UNUSABLE[field], reason=reason, codes=unusable)


def _listed(projection: Mapping[str, str]) -> str:
    return ", ".join(
        expression if expression == name else f"{expression} as {name}"
        for name, expression in projection.items()
    )


def cell_text(column: Column) -> str:
    """The column as the text that stands in it."""
    key = column_key(column)
    if column.type.startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        # A spreadsheet or pandas makes 85123.0 of the code 85123.
        return (
            f"case when {key} = floor({key}) then cast(cast({key} as hugeint) as varchar) "
            f"else cast({key} as varchar) end"
        )
    return f"cast({key} as varchar)"


def _text(column: Column | None) -> str:
    """The column as trimmed text, null where it says nothing."""
    return "cast(null as varchar)" if column is None else f"nullif(trim({cell_text(column)}), '')"


def _exact(column: Column | None) -> str:
    """The text as it stands: an export of ours means it to the letter."""
    return "cast(null as varchar)" if column is None else f"nullif({cell_text(column)}, '')"


def _code(column: Column | None) -> str:
    """Text in which every run of white space is one space."""
    if column is None:
        return "cast(null as varchar)"
    limit = {"reference": _LONGEST_REFERENCE}.get(column.key, _LONGEST_NAME)
    return (
        rf"left(nullif(trim(regexp_replace({_text(column)}, '[\s\x00\x{{a0}}]+', ' ', 'g')), ''), "
        f"{limit})"
    )


def _price(column: Column | None, *, decimal_comma: bool) -> str:
    if column is None:
        return "cast(null as decimal(18, 4))"
    text = _decimal(_text(column), decimal_comma)
    bare = rf"regexp_replace({text}, '^[^0-9.+-]+|[^0-9.]+$', '', 'g')"
    return f"try_cast({bare} as decimal(18, 4))"


def _decimal(text: str, decimal_comma: bool) -> str:
    """The text of a number with a decimal point: 1.234,5 is 1234.5 where a comma is said."""
    return f"replace(replace({text}, '.', ''), ',', '.')" if decimal_comma else text


def _instant(column: Column | None) -> str:
    if column is not None and column.type == "TIMESTAMP WITH TIME ZONE":
        return column_key(column)
    if column is None or column.type != "VARCHAR":
        return "cast(null as timestamptz)"
    text = _text(column)
    return f"case when regexp_matches({text}, '{_OFFSET}') then try_cast({text} as timestamptz) end"


def _day(column: Column | None, date_format: str | None) -> str:
    """A day, also where a time of day is written behind it or the date's form has one."""
    if column is None:
        return "cast(null as date)"
    text = _text(column)
    if date_format is None:
        return f"cast(try_cast({text} as timestamp) as date)"
    day = "split_part(getvariable('date_format'), ' ', 1)"
    return (
        f"cast(coalesce(try_cast({text} as timestamp), "
        f"try_strptime(split_part({text}, ' ', 1), {day})) as date)"
    )


def _wall_time(column: Column | None, date_format: str | None) -> str:
    """The time on the site's own clock where the file names no zone."""
    if column is None or column.type == "TIMESTAMP WITH TIME ZONE":
        return "cast(null as timestamp)"
    text = _text(column)
    if column.type.startswith(_MOMENTS):
        return f"try_cast({column_key(column)} as timestamp)"
    if date_format is None:
        return f"try_cast({text} as timestamp)"
    return f"cast(try_strptime({text}, getvariable('date_format')) as timestamp)"

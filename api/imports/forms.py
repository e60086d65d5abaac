"""The files that Parstock itself writes: their columns, and how they keep text from being run.

A spreadsheet takes a cell of a CSV file that begins with = + - @ (or a tab or a line break) for a
formula. Such text gets an apostrophe before it, as a person would type it; so does text in which
apostrophes stand before one of those, so that taking one apostrophe away again gives every text
back as it was. Numbers are left alone.
"""

import re
from collections.abc import Iterable, Mapping

from api.imports.schemas import Kind

REJECTED_COLUMNS = ("rejected_row", "rejected_field", "rejected_reason")
COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    "products": (
        "sku",
        "name",
        "category",
        "unit_cost",
        "unit_price",
        "currency",
        "supplier",
        "pack_size",
        "minimum_order_quantity",
        "base_unit",
        "status",
        "successor",
        "successor_from",
        "variant_of",
        "options",
        "price_breaks",
    ),
    "suppliers": (
        "code",
        "name",
        "lead_time_days",
        "minimum_order_value",
        "currency",
        "order_days",
    ),
    "locations": (
        "code",
        "site",
        "kind",
        "name",
        "capacity",
        "metering",
        "selling",
        "refilled_from",
        "parent",
        "gln",
    ),
    "sites": ("code", "name", "time_zone", "country"),
    "packs": ("sku", "pack", "units"),
    "barcodes": ("code", "sku", "pack"),
    "par-levels": ("location", "sku", "par", "minimum"),
    "recipes": ("sku", "version", "component", "quantity"),
    "opening-stock": ("sku", "location", "opening_quantity", "opened_at", "lot", "expires_on"),
    "counts": ("sku", "location", "counted_quantity", "counted_at", "lot", "expires_on"),
    "sales": (
        "event_id",
        "sku",
        "location",
        "quantity",
        "occurred_at",
        "reference",
        "cancellation",
    ),
}
# Exports of releases that had fewer columns come back as well.
_BEFORE: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("products", COLUMNS["products"][:11]),
    ("products", COLUMNS["products"][:15]),
    ("suppliers", COLUMNS["suppliers"][:3]),
    ("locations", COLUMNS["locations"][:9]),
    ("sites", COLUMNS["sites"][:3]),
    ("opening-stock", COLUMNS["opening-stock"][:4]),
    ("counts", COLUMNS["counts"][:4]),
)
# The first group is the text without the apostrophe.
ESCAPED_TEXT = r"^'('*[=+\-@\t\r\n][\s\S]*)$"
_RUN_BY_SPREADSHEETS = re.compile(r"'*[=+\-@\t\r\n]")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*", re.ASCII)


def is_our_form(names: Iterable[str]) -> bool:
    """Whether a file with these columns was written by Parstock: an export or rejected lines."""
    found = tuple(names)
    return found[: len(REJECTED_COLUMNS)] == REJECTED_COLUMNS or exported_kind(found) is not None


def exported_kind(names: Iterable[str]) -> Kind | None:
    """The kind of an export with these columns, behind those of rejected lines or not."""
    found = tuple(names)
    if found[: len(REJECTED_COLUMNS)] == REJECTED_COLUMNS:
        found = found[len(REJECTED_COLUMNS) :]
    kinds = (kind for kind, columns in (*COLUMNS.items(), *_BEFORE) if columns == found)
    return next(kinds, None)


def escaped(text: str) -> str:
    """The text as a cell of a CSV file that no spreadsheet runs."""
    return f"'{text}" if _RUN_BY_SPREADSHEETS.match(text) else text


def escaped_unless_number(text: str | None) -> str | None:
    """A cell of somebody else's file: -3 is what it says."""
    return text if text is None or _PLAIN_NUMBER.fullmatch(text) else escaped(text)

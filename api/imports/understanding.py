"""What kind of file it is and how its lines are read: said, or guessed from its columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from api.imports.columns import (
    Column,
    guess_columns,
    guess_kind,
    guess_profile,
    require_columns,
)
from api.imports.errors import OptionUnusable
from api.imports.lines import choose_date_format, column_key
from api.imports.reading import Table
from api.imports.schemas import EventKind, ImportOptions, Profile

# The rule of invoice lines where nothing is said: a product's code begins with five digits.
_PRODUCT_CODE = "^[0-9]{5}"
_ANY_CODE = "."
_SHARE_THAT_MAKES_A_RULE = 0.9


@dataclass(frozen=True)
class Understanding:
    """How one file is read."""

    kind: EventKind
    profile: Profile
    columns: Mapping[str, Column]
    date_format: str | None
    product_code: str
    notes: tuple[str, ...]


def understand(table: Table, said: EventKind | None, options: ImportOptions) -> Understanding:
    """Guess what was not said; raises where a needed column is missing or a form is unclear."""
    found = guess_columns(table.columns, options.columns)
    kind = said or guess_kind(found, Path(options.called).stem)
    require_columns(found, table.columns, kind, options.called)
    profile = options.profile or guess_profile(
        found, kind, share_of_numeric_references=_share(table, found.get("reference"), "^[0-9]+$")
    )
    if profile == "invoice-lines" and (kind != "sales" or "reference" not in found):
        raise OptionUnusable(
            "--profile invoice-lines: this file has no invoice numbers; "
            "name their column with --column reference=COLUMN."
        )
    product_code, notes = _product_code(table, found, profile, options)
    if kind != "sales" and "date" not in found and options.counted_at is None:
        notes.append("The file has no date, so the stock is recorded as of now (--counted-at).")
    return Understanding(
        kind=kind,
        profile=profile,
        columns=found,
        date_format=choose_date_format(table, found, options.date_format),
        product_code=product_code,
        notes=tuple(notes),
    )


def _product_code(
    table: Table, found: Mapping[str, Column], profile: Profile, options: ImportOptions
) -> tuple[str, list[str]]:
    if options.product_code is not None:
        if profile != "invoice-lines":
            raise OptionUnusable("--product-code is a rule of the profile invoice-lines.")
        try:
            table.connection.execute("select regexp_matches('', $1)", [options.product_code])
        except duckdb.Error as error:
            raise OptionUnusable(
                f"--product-code {options.product_code}: this is no regular expression."
            ) from error
        return options.product_code, []
    share = _share(table, found["sku"], _PRODUCT_CODE)
    if profile != "invoice-lines" or share < _SHARE_THAT_MAKES_A_RULE:
        return _ANY_CODE, []
    return _PRODUCT_CODE, [
        f"A code that does not begin with five digits is taken for no product: {share:.1%} of the "
        "lines have one that does (--product-code changes the rule)."
    ]


def _share(table: Table, column: Column | None, pattern: str) -> float:
    """The share of the lines, of those that say something, whose text matches."""
    if column is None:
        return 0.0
    text = f"nullif(trim(cast({column_key(column)} as varchar)), '')"
    found = (
        table.connection.table("raw")
        .aggregate(
            f"count(*) filter (where regexp_matches({text}, '{pattern}')) "
            f"/ greatest(count({text}), 1)"
        )
        .fetchone()
    )
    return float(found[0]) if found else 0.0

"""What was found in a file: its counts, what overlaps, and what could not be read."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from api.imports.duck import lines, rows, run
from api.imports.errors import NothingReadable
from api.imports.forms import REJECTED_COLUMNS, escaped_unless_number
from api.imports.lines import BROKEN_LINE, LineForm, column_key, rejection_reasons
from api.imports.reading import Table, broken_lines
from api.imports.schemas import Outcome, Overlap, Rejection, RowError, outcomes_of
from api.imports.understanding import Understanding

_SHOWN_ROWS = 5
_SHOWN_ERRORS = 100
# What each overlapping count needs a column for.
_OVERLAPS = (
    ("cancellation_lines", "cancellation lines (invoice begins with C)", "reference"),
    ("negative_quantities", "negative quantities", "quantity"),
    ("bad_debt", "bad-debt lines (invoice begins with A)", "reference"),
    ("prices_of_zero_or_less", "prices of zero or less", "price"),
    ("without_description", "lines without a description", "description"),
    ("without_customer", "lines without a customer", "customer"),
    ("exact_duplicates", "exact duplicates of an earlier line", "sku"),
    ("codes_differing_in_case", "codes that differ from another only in case", "sku"),
)
_ONLY_OF_INVOICES = {"cancellation_lines", "bad_debt"}


@dataclass(frozen=True)
class Findings:
    """The counts of a file; those of `outcomes` add up to `lines`."""

    lines: int
    outcomes: Mapping[Outcome, int]
    products_sold: int
    overlaps: tuple[Overlap, ...]
    rejections: tuple[Rejection, ...]
    codes_without_product: tuple[str, ...]


def find_findings(
    table: Table, understanding: Understanding, form: LineForm, file_name: str
) -> Findings:
    """Count what the lines of `classified` came to; raises NothingReadable where none is."""
    workspace = table.connection
    broken = broken_lines(workspace)
    counted = {row["outcome"]: int(row["lines"]) for row in rows(workspace, lines.count_outcomes)}
    outcomes = {
        outcome: counted.get(outcome.value, 0)
        for outcome in outcomes_of(understanding.kind, understanding.profile)
    }
    outcomes[Outcome.REJECTED] += len(broken)
    total = table.lines + len(broken)
    rejections = _rejections(workspace, form, broken)
    if outcomes[Outcome.REJECTED] == total:
        worst = rejections[0]
        said = f" {worst.example!r}" if worst.example else ""
        raise NothingReadable(
            f"No line of {file_name} can be imported: in row {worst.first_rows[0]}, {worst.field}"
            f"{said}, {worst.reason}; expected {worst.expected}."
        )
    [products] = rows(workspace, lines.count_products_sold)
    no_products = rows(workspace, lines.find_codes_without_product)
    return Findings(
        lines=total,
        outcomes=outcomes,
        products_sold=int(products["products"]),
        overlaps=_overlaps(workspace, understanding),
        rejections=rejections,
        codes_without_product=tuple(str(row["sku_written"]) for row in no_products),
    )


def note_rejections(table: Table, rejections: Sequence[Rejection]) -> None:
    """Fill `rejections`: row, field and reason of each rejected line of `classified`."""
    run(table.connection, lines.begin_rejections)
    for found in rejections:
        if found.reason != BROKEN_LINE:
            run(table.connection, lines.note_rejections, field=found.field, reason=found.reason)


def first_errors(table: Table) -> tuple[RowError, ...]:
    """The first of the rejected lines, in order of row."""
    broken = [RowError(line, "line", BROKEN_LINE) for line, _ in broken_lines(table.connection)]
    found = run(table.connection, lines.list_first_errors, limit=_SHOWN_ERRORS).fetchall()
    every = [*broken[:_SHOWN_ERRORS], *(RowError(*error) for error in found)]
    return tuple(sorted(every, key=lambda error: error.row)[:_SHOWN_ERRORS])


def write_rejected(table: Table, path: Path) -> None:
    """Every rejected line as the file has it, behind its row number, field and reason.

    The file can be mended in a spreadsheet and imported again as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [column for column in table.file_columns if column.name not in REJECTED_COLUMNS]
    made = path.with_suffix(".new")
    with made.open("w", encoding="utf-8", newline="") as file:
        # It holds whatever the file held, names of customers too.
        made.chmod(0o600)
        writer = csv.writer(file)
        writer.writerow([*REJECTED_COLUMNS, *(column.name for column in columns)])
        for line, text in broken_lines(table.connection):
            writer.writerow([line, "line", BROKEN_LINE, escaped_unless_number(text)])
        cells = [f"cast({column_key(column)} as varchar)" for column in columns]
        rejections = table.connection.table("rejections")
        answer = (
            rejections.join(table.connection.table("raw"), "row")
            .order("row")
            .project(", ".join(["row", "field", "reason", *cells]))
        )
        while found := answer.fetchmany(10_000):
            writer.writerows(
                (*row[:3], *(escaped_unless_number(cell) for cell in row[3:])) for row in found
            )
    made.replace(path)


def _overlaps(
    workspace: duckdb.DuckDBPyConnection, understanding: Understanding
) -> tuple[Overlap, ...]:
    [counts] = rows(workspace, lines.count_overlaps)
    invoiced = understanding.profile == "invoice-lines"
    return tuple(
        Overlap(name, int(counts[key]))
        for key, name, field in _OVERLAPS
        if field in understanding.columns and (invoiced or key not in _ONLY_OF_INVOICES)
    )


def _rejections(
    workspace: duckdb.DuckDBPyConnection, form: LineForm, broken: list[tuple[int, str]]
) -> tuple[Rejection, ...]:
    about = rejection_reasons(form)
    found = [
        Rejection(
            reason=row["rejection"],
            field=about.get(row["rejection"], ("line", ""))[0],
            expected=about.get(row["rejection"], ("", "as many fields as the header has"))[1],
            lines=int(row["lines"]),
            first_rows=tuple(row["first_rows"]),
            example=row["example"],
        )
        for row in rows(workspace, lines.count_rejections)
    ]
    if broken:
        rows_of_broken = tuple(line for line, _ in broken[:_SHOWN_ROWS])
        found.append(
            Rejection(
                BROKEN_LINE,
                "line",
                "as many fields as the header has, quotes closed",
                len(broken),
                rows_of_broken,
                broken[0][1][:80],
            )
        )
    return tuple(found)

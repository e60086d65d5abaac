"""Import a file as the tests need it, and look at what the ledger then holds."""

import asyncio
from pathlib import Path
from typing import Any

import psycopg

from api.imports.schemas import ImportOptions, ImportReport, Outcome, Progress
from api.imports.service import import_file


def say_nothing(_: Progress) -> None:
    """The progress that nobody watches."""


def import_from(path: Path, database_url: str, **options: Any) -> ImportReport:
    """Import into the database; rejected lines go beside the file."""
    return asyncio.run(
        import_file(
            ImportOptions(path=path, **options),
            database_url=database_url,
            rejected=path.parent / "rejected" / f"{path.name}.rejected.csv",
            tell=say_nothing,
        )
    )


def read(path: Path, **options: Any) -> ImportReport:
    """Read without a database: a dry run."""
    return asyncio.run(
        import_file(
            ImportOptions(path=path, dry_run=True, **options),
            database_url=None,
            rejected=path.parent / "rejected" / f"{path.name}.rejected.csv",
            tell=say_nothing,
        )
    )


def write_csv(path: Path, *lines: str) -> Path:
    """A file of these lines."""
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def outcomes(report: ImportReport) -> dict[str, int]:
    """The outcomes that at least one line has."""
    assert sum(report.outcomes.values()) == report.lines
    return {str(Outcome(name)): lines for name, lines in report.outcomes.items() if lines}


def levels(database_url: str) -> dict[tuple[str, str], int]:
    """On hand by sku and location, after checking that it is the sum of the movements."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select sku, code, sum(on_hand), (select sum(on_hand_change) from ledger.movements as m"
            "  where m.product_id = l.product_id and m.location_id = l.location_id)"
            " from ledger.stock_levels as l join catalog.products using (product_id)"
            " join catalog.locations using (location_id)"
            " group by sku, code, l.product_id, l.location_id"
        ).fetchall()
    assert all(on_hand == moved for _, _, on_hand, moved in rows)
    return {(sku, location): int(on_hand) for sku, location, on_hand, _ in rows}


def events(database_url: str) -> list[tuple[Any, ...]]:
    """(type, reason, sku, quantity or change, occurred_at, reference) in order of position."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(
            "select event_type::text, reason::text, sku, coalesce(quantity, quantity_change),"
            " to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'), reference"
            " from ledger.inventory_events join catalog.products using (product_id)"
            " order by position"
        ).fetchall()


def lowest_level(database_url: str) -> int:
    """The least that was ever on hand anywhere."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute("select min(on_hand_after) from ledger.movements").fetchone()
    assert found is not None
    return int(found[0])

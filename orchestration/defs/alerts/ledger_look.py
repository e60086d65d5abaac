"""What the rules of the ledger look at: the positions since the last look, and the rows of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row

from db.sql import Queries
from orchestration.planning.ledger_alerting import LedgerAlertKind, Rule

QUERIES = Queries(Path(__file__).with_name("from_ledger.sql"))

Connection = psycopg.Connection[tuple[Any, ...]]
Row = TypeVar("Row")


@dataclass(frozen=True)
class Look:
    """What is looked at: the positions since the last look, and by the clock or not."""

    rules: Sequence[Rule]
    from_position: int
    to_position: int
    baseline_position: int
    first: frozenset[str]
    by_the_clock: bool

    def window(self, kind: LedgerAlertKind) -> dict[str, int]:
        """The positions that a rule has yet to see."""
        first = kind in self.first
        return {
            "from_position": self.baseline_position if first else self.from_position,
            "to_position": self.to_position,
        }


def rows_of(
    connection: Connection, query: str, row: type[Row], values: Mapping[str, Any]
) -> list[Row]:
    """The answer of a named query, a dataclass a row."""
    with connection.cursor(row_factory=class_row(row)) as cursor:
        return cursor.execute(getattr(QUERIES, query).text, values).fetchall()

"""The named queries of lines.sql, run by DuckDB."""

from pathlib import Path
from typing import Any

import duckdb

from db.sql import Queries, Query

lines = Queries(Path(__file__).with_name("lines.sql"))


def run(
    workspace: duckdb.DuckDBPyConnection, query: Query, **values: Any
) -> duckdb.DuckDBPyConnection:
    """Run it; the answer is fetched from what is returned."""
    return workspace.execute(query.positional, list(query.arguments(values)))


def rows(workspace: duckdb.DuckDBPyConnection, query: Query, **values: Any) -> list[dict[str, Any]]:
    """Its rows by column name."""
    answer = run(workspace, query, **values)
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

"""What an import leaves besides what it imports: its own row, and the file of rejected lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from api.database import DatabaseConnection
from api.imports.place import fetch, queries
from api.imports.reading import Table
from api.imports.report import write_rejected
from api.imports.schemas import ImportOptions, Rejection

ACTOR = "import"


async def begin(connection: DatabaseConnection, options: ImportOptions, **told: Any) -> int:
    """The import's own row; one that was uploaded has it already."""
    if options.import_id is None:
        [row] = await fetch(connection, queries.begin_import, file_name=options.called, **told)
    else:
        [row] = await fetch(
            connection, queries.begin_uploaded_import, import_id=options.import_id, **told
        )
    return int(row["import_id"])


def keep_rejected(table: Table, path: Path | None, rejections: Sequence[Rejection]) -> Path | None:
    """Write the rejected lines, where there are any and a file was named."""
    if path is None or not rejections:
        return None
    write_rejected(table, path)
    return path

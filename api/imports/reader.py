"""`python -m api.imports.reader FOLDER`: read the uploads that wait there until none is left."""

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
from pydantic import TypeAdapter

from api.database import DatabaseConnection, open_connection
from api.imports.errors import ImportRefused
from api.imports.place import fetch, queries
from api.imports.schemas import ImportOptions, ImportReport, Progress, Tell
from api.imports.service import import_file
from api.imports.uploads import delete_old_files, kept_uploads, rejected_path, uploads_folder
from api.log import EventLog, configure_logging
from api.problems import Problem
from api.settings import get_settings
from db.connect import API_ROLE, connect

log = EventLog(__name__)
_TELL_EVERY_S = 1.0
_CONNECT_TIMEOUT_S = 10.0
# As at the command line: events come and go by the ten thousand and hold no cycles.
_COLLECT_AFTER_OBJECTS = 500_000
_options: TypeAdapter[ImportOptions] = TypeAdapter(ImportOptions)
_report: TypeAdapter[ImportReport] = TypeAdapter(ImportReport)


async def read_uploads(folder: Path, database_url: str, *, keep_days: float) -> None:
    """Read one upload after another; one that is refused harms no other."""
    connection = await open_connection(
        database_url, settings={}, connect_timeout_s=_CONNECT_TIMEOUT_S
    )
    try:
        # The claim takes the lock that says that somebody reads it; it ends with the connection.
        while claimed := await fetch(
            connection, queries.claim_import, uploads=kept_uploads(folder)
        ):
            await _read_one(connection, claimed[0], folder, database_url)
    finally:
        await connection.close()
    delete_old_files(folder, days=keep_days)


async def _read_one(
    connection: DatabaseConnection, claimed: dict[str, Any], folder: Path, database_url: str
) -> None:
    import_id = int(claimed["import_id"])
    path = uploads_folder(folder) / str(claimed["upload"])
    told: dict[str, Any] = {"status": "finished", "report": None, "problem": None}
    try:
        options = _options.validate_python(
            {
                **claimed["options"],
                "path": path,
                "file_name": claimed["file_name"],
                "import_id": import_id,
                "actor_id": claimed["imported_by"],
            }
        )
        with _progress(import_id, database_url) as tell:
            report = await import_file(
                options,
                database_url=database_url,
                rejected=rejected_path(folder, import_id),
                tell=tell,
            )
        told["report"] = _report.dump_python(report, mode="json", exclude={"rejected_file"})
        told["source"], told["kind"] = report.source, report.kind
    except ImportRefused as refusal:
        told |= {"status": "refused", "problem": str(refusal)}
    except Problem as problem:
        told |= {"status": "interrupted", "problem": problem.detail}
    except asyncpg.PostgresError as error:
        log.error("import_failed", error=error, import_id=import_id)
        told |= {"status": "interrupted", "problem": f"The database refused it: {error}."}
    await fetch(
        connection,
        queries.settle_import,
        **{"source": None, "kind": None, **told, "import_id": import_id},
    )
    path.unlink(missing_ok=True)


@contextmanager
def _progress(import_id: int, database_url: str) -> Iterator[Tell]:
    """Write how far it has come, once a second, from a thread: reading keeps the loop busy."""
    latest: list[Progress] = []
    stop = threading.Event()

    def write() -> None:
        written: Progress | None = None
        with connect(database_url, role=API_ROLE, autocommit=True) as connection:
            while not stop.wait(_TELL_EVERY_S):
                if latest and latest[-1] != written:
                    written = latest[-1]
                    del latest[:-1]
                    connection.execute(
                        queries.tell_progress.text.encode(),
                        {
                            "import_id": import_id,
                            "step": written.step,
                            "done": written.done,
                            "total": written.total,
                        },
                    )

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield latest.append
    finally:
        stop.set()
        thread.join()


def main() -> None:
    settings = get_settings()
    configure_logging(settings.log_level)
    gc.set_threshold(_COLLECT_AFTER_OBJECTS)
    reading = read_uploads(
        Path(sys.argv[1]), settings.database_url, keep_days=settings.imports.files_days
    )
    try:
        asyncio.run(reading)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, psycopg.Error, OSError) as error:
        log.warning("imports_cut_off", reason=repr(error))
        sys.exit(1)


if __name__ == "__main__":
    main()

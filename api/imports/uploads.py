"""Files that come over HTTP: kept on disk, read by a process of their own, one after another.

Reading takes memory and a whole core for a while, so it is no work for the process that answers
requests. What waits is a row of catalog.imports; the reading process holds a lock on the row that
it reads, so whoever finds a row begun and no lock knows that its reader is gone.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from api.database import DatabaseConnection, DatabasePool
from api.imports.errors import EmptyUpload, ImportsBusy, NothingRejected, UnknownImport
from api.imports.place import fetch, queries
from api.imports.schemas import Import, ImportSummary
from api.log import EventLog
from api.settings import ImportSettings

log = EventLog(__name__)
_WRITE_BYTES = 1_000_000
_DAY_S = 86_400
_PART = ".part"


class Uploads:
    """The uploads of one process, and the reader that it starts when something waits."""

    def __init__(
        self, pool: DatabasePool, database_url: str, folder: Path, settings: ImportSettings
    ) -> None:
        self._pool = pool
        self._database_url = database_url
        self._folder = folder
        self._settings = settings
        self._something_waits = asyncio.Event()
        self._reader: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read what waits; what was being read when its reader died is interrupted."""
        self._something_waits.set()
        self._watch = asyncio.create_task(self._read_what_waits())

    async def stop(self) -> None:
        """End the reader; what it was reading is interrupted, and can be sent again."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._reader is not None and self._reader.poll() is None:
            self._reader.kill()
            await asyncio.to_thread(self._reader.wait)

    async def receive(
        self,
        chunks: AsyncIterator[bytes],
        *,
        file_name: str,
        options: dict[str, Any],
        actor_id: int,
    ) -> ImportSummary:
        """Keep a file whole, then let it wait for its turn."""
        await self._require_room()
        upload = uuid4()
        path = uploads_folder(self._folder) / str(upload)
        await _write(chunks, path.with_suffix(_PART))
        path.with_suffix(_PART).rename(path)
        try:
            async with self._pool.acquire() as connection:
                [row] = await fetch(
                    connection,
                    queries.queue_import,
                    file_name=file_name,
                    upload=upload,
                    options=options,
                    imported_by=actor_id,
                )
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._something_waits.set()
        return ImportSummary(**row)

    async def _require_room(self) -> None:
        async with self._pool.acquire() as connection:
            [waiting] = await fetch(connection, queries.count_waiting)
        if waiting["waiting"] >= self._settings.waiting:
            raise ImportsBusy(waiting["waiting"])

    async def _read_what_waits(self) -> None:
        while True:
            await self._something_waits.wait()
            self._something_waits.clear()
            try:
                async with self._pool.acquire() as connection:
                    await fetch(connection, queries.mark_interrupted)
                    [waiting] = await fetch(
                        connection, queries.count_waiting_here, uploads=kept_uploads(self._folder)
                    )
                if waiting["waiting"]:
                    await self._read()
                    self._something_waits.set()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("imports_wait_for_the_database", reason=repr(error))
                await asyncio.sleep(self._settings.retry_s)
                self._something_waits.set()

    async def _read(self) -> None:
        """Run the reader until nothing waits any more."""
        began = time.monotonic()
        self._reader = subprocess.Popen(
            [sys.executable, "-m", "api.imports.reader", str(self._folder)],
            env={**os.environ, "DATABASE_URL": self._database_url},
            stdin=subprocess.DEVNULL,
        )
        code = await asyncio.to_thread(self._reader.wait)
        log.info("imports_read", exit_code=code, seconds=round(time.monotonic() - began, 1))
        if code != 0:
            await asyncio.sleep(self._settings.retry_s)


async def list_imports(
    connection: DatabaseConnection, *, before: int | None, limit: int
) -> list[ImportSummary]:
    """Imports, the newest first."""
    rows = await fetch(connection, queries.list_imports, before=before, limit=limit)
    return [ImportSummary(**row) for row in rows]


async def get_import(connection: DatabaseConnection, import_id: int) -> Import:
    """One import with its whole report."""
    rows = await fetch(connection, queries.get_import, import_id=import_id)
    if not rows:
        raise UnknownImport(import_id)
    return Import(**rows[0])


def rejected_path(folder: Path, import_id: int) -> Path:
    """Where the rejected lines of an upload are kept."""
    return folder / f"{import_id}.rejected.csv"


def find_rejected(folder: Path, import_id: int) -> Path:
    """The file of rejected lines, which an import without any has not."""
    path = rejected_path(folder, import_id)
    if not path.is_file():
        raise NothingRejected(import_id)
    return path


def uploads_folder(folder: Path) -> Path:
    """Where files wait."""
    return folder / "uploads"


def kept_uploads(folder: Path) -> list[UUID]:
    """The files that wait on this machine."""
    waiting = uploads_folder(folder)
    if not waiting.is_dir():
        return []
    return [UUID(path.name) for path in waiting.iterdir() if path.suffix != _PART]


def delete_old_files(folder: Path, *, days: float) -> None:
    """Rejected lines may name customers, so they are not kept for ever; nor is half an upload."""
    uploads = uploads_folder(folder)
    kept_days = {path: days for path in folder.glob("*.rejected.csv") if path.name[0].isdecimal()}
    kept_days |= {path: 1.0 if path.suffix == _PART else days for path in uploads.iterdir()}
    for path, kept in kept_days.items():
        if time.time() - path.stat().st_mtime > kept * _DAY_S:
            path.unlink(missing_ok=True)


async def _write(chunks: AsyncIterator[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    try:
        with path.open("wb") as file:
            path.chmod(0o600)
            held = bytearray()
            async for chunk in chunks:
                held += chunk
                written += len(chunk)
                if len(held) >= _WRITE_BYTES:
                    await asyncio.to_thread(file.write, bytes(held))
                    held.clear()
            await asyncio.to_thread(file.write, bytes(held))
        if not written:
            raise EmptyUpload()
    except BaseException:
        path.unlink(missing_ok=True)
        raise

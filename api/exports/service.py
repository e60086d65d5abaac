"""Exports over HTTP: each is written to a file by a process of its own, then sent.

The file is whole before its first byte leaves: what fails is a problem and never half a file, and
a client that reads slowly holds no transaction open. The libraries that write it, and the core
that they keep busy, are not those of the process that answers requests.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from api.exports.errors import ExportFailed, ExportsBusy, TooManyLines
from api.exports.schemas import Format
from api.imports.schemas import Kind
from api.settings import ImportSettings

TOO_MANY_LINES = 3


class Exports:
    """The exports of one process: few at once, since each sorts all that there is."""

    def __init__(self, database_url: str, settings: ImportSettings) -> None:
        self._database_url = database_url
        self._free = settings.exports_at_once

    async def write(self, kind: Kind, format_: Format, path: Path) -> None:
        """Write everything of a kind; a request that is cancelled ends it."""
        if self._free == 0:
            raise ExportsBusy()
        self._free -= 1
        writer = subprocess.Popen(
            [sys.executable, "-m", "api.exports.writer", kind, format_, str(path)],
            # What it puts aside goes with the folder of the file.
            env={
                **os.environ,
                "DATABASE_URL": self._database_url,
                "TMPDIR": str(path.parent),
            },
            stdin=subprocess.DEVNULL,
        )
        try:
            code = await asyncio.to_thread(writer.wait)
        finally:
            writer.kill()
            self._free += 1
        if code == TOO_MANY_LINES:
            raise TooManyLines()
        if code != 0:
            raise ExportFailed()

"""The nightly backup of the embedded database: when it is due, and the process that makes it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from cli.archive import backups
from cli.home import Home
from cli.parts import ROOT

PART = "backup"
_LOOK_EVERY_S = 30.0
# Where a night was missed the backup is made up for, but not in the middle of a start.
_NOT_BEFORE_S = 600.0
_AGAIN_AFTER_S = 3600.0


def is_due(now: datetime, newest: datetime | None, *, hour: int) -> bool:
    """Whether no backup was made since the clock last struck `hour`."""
    struck = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    if struck > now:
        struck -= timedelta(days=1)
    return newest is None or newest < struck


class NightlyBackup:
    """Starts `parstock backup` when one is due; `tend` is called a few times a second."""

    def __init__(self, home: Home, *, hour: int, tell: Callable[[str], None]) -> None:
        self._home = home
        self._hour = hour
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._look_at = time.monotonic() + _NOT_BEFORE_S

    def tend(self) -> None:
        if self._process is not None:
            code = self._process.poll()
            if code is not None:
                self._ended(code)
            return
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _LOOK_EVERY_S
        newest = next(iter(backups(self._home.backups)), None)
        made_at = None if newest is None else datetime.fromtimestamp(newest.stat().st_mtime, UTC)
        if is_due(datetime.now(UTC), made_at, hour=self._hour):
            self._start()

    def stop(self) -> None:
        """End one that is under way; the next start makes it."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)  # pg_dump too
            self._process.wait()
            self._process = None
            self._home.forget_part(PART)

    def _start(self) -> None:
        log = self._home.logs / f"{PART}.log"
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "backup"],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={**os.environ, "PARSTOCK_HOME": str(self._home.path)},
                cwd=ROOT,
                start_new_session=True,
            )
        self._home.write_part(PART, self._process.pid)

    def _ended(self, code: int) -> None:
        self._process = None
        self._home.forget_part(PART)
        if code == 0:
            self._tell(f"a backup was made in {self._home.backups}")
            return
        self._look_at = time.monotonic() + _AGAIN_AFTER_S
        log = self._home.logs / f"{PART}.log"
        self._tell(f"the nightly backup failed; it is tried again in an hour. Its log: {log}")

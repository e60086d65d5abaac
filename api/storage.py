"""Whether the database has room to write; while it has none, what is recorded is refused.

Two signs: the free space where the embedded database lies, watched before it runs out, since
PostgreSQL that finds no room for its log crashes; and the word of any server that a write found
no room. Neither needs a hand afterwards: space is looked at again, and a write is tried again.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.log import EventLog
from api.problems import Unavailable, problem_response

log = EventLog(__name__)
_LOOK_EVERY_S: Final = 1.0


class DiskFull(Unavailable):
    """Nothing was recorded; the same request may be sent again when there is room."""

    slug = "disk-full"
    title = "The disk is full"

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(
            "The disk of the database is full, so nothing can be recorded until there is room; "
            "reading goes on. Free some space there (old backups, logs): recording then goes on "
            "by itself. What was just sent was not recorded; send it again.",
            retry_after_s=max(1, round(retry_after_s)),
        )


class Storage:
    """Knows whether writes can be kept; asking costs nothing but once a second."""

    def __init__(
        self,
        folder: Path | None,
        *,
        reserve_bytes: int,
        retry_s: float,
        clock: Callable[[], float] = time.monotonic,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._folder = folder
        self._reserve_bytes = reserve_bytes
        self._retry_s = retry_s
        self._clock = clock
        self._free_bytes = free_bytes
        self._look_at = 0.0
        self._low = False
        self._refused_until = 0.0

    @property
    def is_full(self) -> bool:
        """Whether a write would be refused now."""
        now = self._clock()
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY_S
            self._look()
        return self._low or now < self._refused_until

    def refuse_when_full(self) -> None:
        if self.is_full:
            raise DiskFull(self._retry_s)

    def write_was_refused(self) -> DiskFull:
        """The server said that it found no room; the next write after a while is a try."""
        log.error("disk_full", said_by="database")
        self._refused_until = self._clock() + self._retry_s
        return DiskFull(self._retry_s)

    def _look(self) -> None:
        if self._folder is None:
            return
        try:
            free = self._free_bytes(self._folder)
        except OSError as error:
            log.warning("disk_not_seen", folder=str(self._folder), reason=str(error))
            return
        was_low, self._low = self._low, free < self._reserve_bytes
        if self._low != was_low:
            tell = log.error if self._low else log.info
            tell("disk_full" if self._low else "disk_has_room", free_bytes=free)


async def on_disk_full(request: Request, error: Exception) -> Response:
    """What else was to be written, a product or a session, found no room either."""
    storage: Storage = request.app.state.ledger.writer.storage
    return problem_response(storage.write_was_refused(), request.url.path)

"""Child processes: started in sessions of their own, restarted when they end, stopped by id."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cli.home import Home, ProcessRecord
from cli.parts import ROOT, Part

_ORPHANS_STOP_WITHIN_S = 8.0
_STEADY_AFTER_S = 60.0
_LONGEST_DELAY_S = 30.0
_LOG_BYTES = 10_000_000
_LOG_CHECK_S = 5.0

Tell = Callable[[str], None]


@dataclass
class Child:
    """A part and the process that runs it now, if one does."""

    part: Part
    process: "subprocess.Popen[bytes] | None" = None
    began_at: float = 0.0
    failures: int = 0
    start_at: float = 0.0


class Children:
    """The parts of one supervisor. `tend` is called a few times a second."""

    def __init__(self, home: Home, environment: dict[str, str], tell: Tell) -> None:
        self._home = home
        self._environment = environment
        self._tell = tell
        self._children: list[Child] = []
        self._logs_checked_at = 0.0

    def start(self, part: Part) -> Child:
        child = Child(part)
        self._children.append(child)
        self._start(child)
        return child

    def tend(self) -> None:
        """Restart what ended, later each time; keep the logs short."""
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.start_at:
                    self._start(child)
            elif (code := child.process.poll()) is not None:
                self._ended(child, code, now)
        if now - self._logs_checked_at > _LOG_CHECK_S:
            self._logs_checked_at = now
            for log in self._home.logs.glob("*.log"):
                rotate(log)

    def stop(self) -> None:
        """SIGTERM to each, by id; who does not end in time is killed with what it started."""
        began_at = time.monotonic()
        running = {
            child.process: child.part.stop_within_s
            for child in self._children
            if child.process is not None
        }
        for process in running:
            with suppress(ProcessLookupError):
                process.terminate()
        while running:
            waited = time.monotonic() - began_at
            for process, within_s in list(running.items()):
                if process.poll() is not None or waited > within_s:
                    _end_session(process.pid)
                    process.wait()
                    del running[process]
            time.sleep(0.02)
        for child in self._children:
            self._home.forget_part(child.part.name)
        self._children.clear()

    def log_of(self, child: Child) -> Path:
        return self._home.logs / f"{child.part.name}.log"

    def _start(self, child: Child) -> None:
        with self.log_of(child).open("ab") as log:
            child.process = subprocess.Popen(
                child.part.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=ROOT,
                start_new_session=True,
            )
        child.began_at = time.monotonic()
        self._home.write_part(child.part.name, child.process.pid)

    def _ended(self, child: Child, code: int, now: float) -> None:
        if child.process is not None:
            _end_session(child.process.pid)
        child.process = None
        child.failures = 1 if now - child.began_at > _STEADY_AFTER_S else child.failures + 1
        delay = min(_LONGEST_DELAY_S, 2.0 ** (child.failures - 1))
        child.start_at = now + delay
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        self._tell(
            f"{child.part.name} ended ({how}); it starts again in {delay:.0f} s. "
            f"Its log: {self.log_of(child)}"
        )


def rotate(log: Path) -> None:
    """Keep one older file. The writers append, so they go on at the new end."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_BYTES:
            older = log.with_name(log.name + ".1")
            older.write_bytes(log.read_bytes())
            os.truncate(log, 0)


def stop_orphans(home: Home, tell: Tell) -> None:
    """Stop the parts that a supervisor left when it was killed."""
    orphans = {name: record for name, record in home.parts().items() if record.alive}
    if orphans:
        tell(f"stopping what a killed supervisor left: {', '.join(orphans)}")
    _terminate(orphans.values())
    for name in home.parts():
        home.forget_part(name)


def _terminate(records: Iterable[ProcessRecord]) -> None:
    records = list(records)
    for record in records:
        with suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + _ORPHANS_STOP_WITHIN_S
    while any(record.alive for record in records) and time.monotonic() < deadline:
        time.sleep(0.05)
    for record in records:
        _end_session(record.pid)


def _end_session(leader: int) -> None:
    """Kill what is left of the session that a part leads: itself, and what it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)

"""PARSTOCK_HOME: where each thing lies in it, and which of its processes are alive."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from cli.settings import SettingsError, StartError

# A process id is used again sooner or later; a start time and a command are not.
_SAME_START_WITHIN_S = 5.0
_COMMAND_WITHIN_S = 1.0
_ROOM_TO_START_BYTES = 64_000_000


class HomeTakenError(StartError):
    """Another process of Parstock works in this home, or on this database."""


@dataclass(frozen=True)
class ProcessRecord:
    """A process that we started, told apart from a later one with the same id."""

    pid: int
    began_at: float
    command: list[str]

    @classmethod
    def of(cls, pid: int) -> "ProcessRecord | None":
        """The record of a process that lives; a new one has no command for a moment."""
        deadline = time.monotonic() + _COMMAND_WITHIN_S
        try:
            process = psutil.Process(pid)
            while not (command := process.cmdline()) and time.monotonic() < deadline:
                time.sleep(0.001)
            return cls(pid, process.create_time(), command)
        except psutil.Error:
            return None

    @property
    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            return bool(
                process.status() != psutil.STATUS_ZOMBIE
                and abs(process.create_time() - self.began_at) < _SAME_START_WITHIN_S
                and process.cmdline() == self.command
            )
        except psutil.Error:
            return False


@dataclass(frozen=True)
class SupervisorRecord:
    """What `status`, `stop` and `start` know of the supervisor."""

    process: ProcessRecord
    state: str
    addresses: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Home:
    """The folder that holds all that Parstock keeps on this machine."""

    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def dagster(self) -> Path:
        return self.path / "dagster"

    @property
    def backups(self) -> Path:
        return self.path / "backups"

    @property
    def images(self) -> Path:
        """The pictures of products, which the API keeps here."""
        return self.path / "images"

    def make(self) -> None:
        """Make the folders; a SettingsError says why that cannot be done."""
        try:
            for folder in (self.path, self.logs, self.run, self.dagster):
                folder.mkdir(parents=True, exist_ok=True)
            (self.run / "supervisor.lock").touch()
        except OSError as error:
            raise SettingsError(
                f"PARSTOCK_HOME ({self.path}) cannot be used: {error.strerror or error}."
            ) from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold this home; HomeTakenError names whoever holds it. The lock ends with the process."""
        self.make()
        with (self.run / "supervisor.lock").open("r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = file.read().strip() or "of unknown id"
                raise HomeTakenError(
                    f"Parstock already runs in {self.path} (process {pid}): "
                    "`make stop` (or `parstock stop`) ends it."
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            try:
                yield
            finally:
                file.seek(0)
                file.truncate(0)

    def write_part(self, name: str, pid: int) -> None:
        record = ProcessRecord.of(pid)
        if record is not None:
            _write(self.run / f"{name}.json", asdict(record))

    def forget_part(self, name: str) -> None:
        (self.run / f"{name}.json").unlink(missing_ok=True)

    def parts(self) -> dict[str, ProcessRecord]:
        """The parts that were started and not forgotten, alive or not."""
        records = {}
        for path in sorted(self.run.glob("*.json")):
            stored = _read(path)
            if path.stem != "supervisor" and stored is not None:
                records[path.stem] = ProcessRecord(**stored)
        return records

    def write_supervisor(self, state: str, addresses: dict[str, str]) -> None:
        record = ProcessRecord.of(os.getpid())
        if record is not None:
            _write(
                self.run / "supervisor.json",
                asdict(SupervisorRecord(record, state, addresses)),
            )

    def supervisor(self) -> SupervisorRecord | None:
        """The supervisor of this home, if it lives."""
        stored = _read(self.run / "supervisor.json")
        if stored is None:
            return None
        record = SupervisorRecord(
            ProcessRecord(**stored["process"]), stored["state"], stored["addresses"]
        )
        return record if record.process.alive else None

    def forget_supervisor(self) -> None:
        (self.run / "supervisor.json").unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete what Parstock keeps here, and the folder itself where nothing else is in it."""
        for folder in (self.logs, self.run, self.dagster):
            shutil.rmtree(folder, ignore_errors=True)
        if self.path.exists() and not any(self.path.iterdir()):
            self.path.rmdir()


def is_full(folder: Path) -> bool:
    """Whether PostgreSQL would find too little room there to start: it writes logs of 16 MB."""
    return shutil.disk_usage(folder).free < _ROOM_TO_START_BYTES


def _write(path: Path, stored: dict[str, Any]) -> None:
    made = path.with_suffix(".new")
    made.write_text(json.dumps(stored), "utf-8")
    made.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        stored = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return stored if isinstance(stored, dict) else None

"""The API as processes of its own, as it runs in earnest: what ends one ends nothing else."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from bench.program import ROOT, free_port

_READY_WITHIN_S = 90.0


@dataclass
class ApiProcess:
    """One uvicorn process on a port that it keeps over restarts."""

    database_url: str
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and come back at once; `until_ready` waits."""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app"),
                *("--port", str(self.port), "--no-access-log", "--log-level", "critical"),
                *("--loop", "uvloop", "--http", "httptools"),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": self.database_url,
                "PARSTOCK_LOG_LEVEL": "ERROR",
                **self.settings,
            },
            stdout=subprocess.DEVNULL,
        )

    def until_ready(self) -> None:
        """Wait until it says that it can be used."""
        deadline = time.monotonic() + _READY_WITHIN_S
        while not self._is_ready():
            assert self.process.poll() is None, "the API ended"
            assert time.monotonic() < deadline, "the API did not become ready"
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has let go of it."""
        self.process.kill()
        self.process.wait()

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "the API was not started"
        return self._process

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def api_processes(
    database_url: str, count: int = 1, **settings: str
) -> Iterator[tuple[ApiProcess, ...]]:
    """API processes that share a database."""
    processes = tuple(ApiProcess(database_url, settings) for _ in range(count))
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.until_ready()
        yield processes
    finally:
        for process in processes:
            if process._process is not None:
                process.kill()

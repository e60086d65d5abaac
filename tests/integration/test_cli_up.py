"""Starting, being killed, starting again and stopping: nothing is lost and nothing is left."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from bench.program import free_port
from cli.parts import ROOT
from db.embedded import embedded_postgres

pytestmark = pytest.mark.timeout(600)

_PARTS = {"api", "code", "worker", "dagster", "daemon"}
_RESTARTED_WITHIN_S = 90.0


class Installation:
    """A home of its own, worked from a terminal."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.api = f"http://127.0.0.1:{(api_port := free_port())}"
        self.dagster = f"http://127.0.0.1:{(dagster_port := free_port())}"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PARSTOCK_", "SLACK_", "DATABASE_URL"))
        } | {
            "PARSTOCK_HOME": str(home),
            "PARSTOCK_DEMO": "0",
            "PARSTOCK_API_PORT": str(api_port),
            "PARSTOCK_DAGSTER_PORT": str(dagster_port),
        }

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=ROOT,
            timeout=300,
            check=False,
        )

    def processes(self) -> dict[str, int]:
        """Every process that this installation recorded, by name."""
        found = {
            path.stem: int(json.loads(path.read_text("utf-8"))["pid"])
            for path in (self.home / "run").glob("*.json")
            if path.stem != "supervisor"
        }
        postgres = embedded_postgres(self.home).pid()
        return found if postgres is None else found | {"postgres": postgres}

    def supervisor(self) -> int:
        stored = json.loads((self.home / "run" / "supervisor.json").read_text("utf-8"))
        return int(stored["process"]["pid"])

    def answers(self) -> bool:
        return _answers(self.api + "/readyz")


@pytest.fixture
def installation() -> Iterator[Installation]:
    folder = Path(tempfile.mkdtemp(prefix="parstock-up-"))
    folder.chmod(0o755)
    installation = Installation(folder / "home")
    yield installation
    stopped = installation.run("stop")
    shutil.rmtree(folder, ignore_errors=True)
    assert stopped.returncode == 0


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_in_the_background_it_survives_every_kill_and_stops_without_a_trace(
    installation: Installation,
) -> None:
    started = installation.run("start")
    assert started.returncode == 0, started.stdout + started.stderr
    assert installation.api in started.stdout
    assert installation.dagster in started.stdout
    password = re.search(r"password (\S+) \(shown only now\)", started.stdout)
    assert password is not None
    kept = [path for path in installation.home.rglob("*.log") if password[1] in path.read_text()]
    assert kept == []
    assert installation.answers()
    assert _answers(installation.dagster + "/server_info")
    assert installation.run("status").returncode == 0
    first = installation.processes()
    assert set(first) >= _PARTS | {"postgres"}

    # A second one names the first.
    assert str(installation.supervisor()) in installation.run("start").stdout
    second = installation.run("up")
    assert second.returncode == 1
    assert f"process {installation.supervisor()}" in second.stderr

    # What ends is started again; the database on its old port, where everyone looks for it.
    os.kill(first["postgres"], signal.SIGKILL)
    os.kill(first["api"], signal.SIGKILL)
    assert _within(_RESTARTED_WITHIN_S, lambda: installation.processes()["api"] != first["api"])
    assert _within(_RESTARTED_WITHIN_S, installation.answers)

    # The supervisor is killed: its parts go on, the next start ends them and uses the database.
    os.kill(installation.supervisor(), signal.SIGKILL)
    left = installation.processes()
    assert _within(_RESTARTED_WITHIN_S, lambda: installation.run("status").returncode == 3)
    assert "daemon" in installation.run("status").stdout
    again = installation.run("start")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "stopping what a killed supervisor left" in again.stdout
    assert "password of the first start" in again.stdout
    now = installation.processes()
    assert now["postgres"] == left["postgres"]
    assert not any(_lives(left[part]) for part in _PARTS)

    stopped = installation.run("stop")
    assert stopped.returncode == 0
    assert not any(_lives(pid) for pid in now.values())
    assert installation.processes() == {}
    assert installation.run("status").returncode == 3

    assert installation.run("reset", "--yes").returncode == 0
    assert not installation.home.exists()

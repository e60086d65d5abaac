"""Parts are restarted when they end, and stopping ends them and nothing else."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cli.home import Home, HomeTakenError, ProcessRecord
from cli.parts import Part
from cli.processes import Children, rotate, stop_orphans

_SLEEPS = (sys.executable, "-c", "import time; time.sleep(600)")
_ENDS = (sys.executable, "-c", "raise SystemExit(7)")
_IGNORES_SIGTERM_AND_HAS_A_CHILD = (
    sys.executable,
    "-c",
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(600)\n",
)


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make()
    return home


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def children(home: Home, said: list[str]) -> Iterator[Children]:
    children = Children(home, dict(os.environ), said.append)
    yield children
    children.stop()


def _tended(children: Children, holds: Callable[[], bool]) -> Callable[[], bool]:
    def look() -> bool:
        children.tend()
        return holds()

    return look


def test_a_part_that_is_killed_starts_again_and_that_is_said(
    children: Children, said: list[str]
) -> None:
    child = children.start(Part("sleeper", _SLEEPS))
    assert child.process is not None
    first = child.process.pid
    child.process.kill()
    assert _within(
        10,
        _tended(children, lambda: child.process is not None and child.process.pid != first),
    )
    assert "sleeper ended (SIGKILL)" in said[0]


def test_a_part_that_keeps_ending_is_started_ever_more_slowly(
    children: Children, said: list[str]
) -> None:
    child = children.start(Part("failing", _ENDS))
    assert _within(15, _tended(children, lambda: child.failures == 3))
    assert [line.split("again in ")[1].split(" s.")[0] for line in said] == ["1", "2", "4"]
    assert "exit code 7" in said[0]


def test_stopping_ends_what_ignores_sigterm_with_what_it_started(
    home: Home, children: Children
) -> None:
    child = children.start(Part("stubborn", _IGNORES_SIGTERM_AND_HAS_A_CHILD, stop_within_s=1.0))
    log = children.log_of(child)
    assert _within(10, lambda: log.read_text("utf-8").endswith("\n"))
    grandchild = int(log.read_text("utf-8"))
    children.stop()
    assert _within(5, lambda: not _runs(grandchild))
    assert home.parts() == {}


def test_what_a_killed_supervisor_left_is_stopped(home: Home, said: list[str]) -> None:
    left = subprocess.Popen(_SLEEPS, start_new_session=True)
    home.write_part("left", left.pid)
    stop_orphans(home, said.append)
    assert left.wait(5) == -15
    assert "left" in said[0]
    assert home.parts() == {}


def test_a_later_process_with_the_same_id_is_not_ours(home: Home, said: list[str]) -> None:
    stranger = subprocess.Popen(_SLEEPS, start_new_session=True)
    try:
        record = ProcessRecord.of(stranger.pid)
        assert record is not None
        assert record.alive
        assert not ProcessRecord(record.pid, record.began_at - 60, record.command).alive
        assert not ProcessRecord(record.pid, record.began_at, ["something", "else"]).alive
        home.write_part("gone", stranger.pid)
        path = home.run / "gone.json"
        path.write_text(path.read_text("utf-8").replace("sleep(600)", "sleep(601)"), "utf-8")
        stop_orphans(home, said.append)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_home_has_one_holder_at_a_time_who_is_named(home: Home) -> None:
    other = Home(home.path)
    with home.held(), pytest.raises(HomeTakenError, match=f"process {os.getpid()}"), other.held():
        pass
    with other.held():
        assert (home.run / "supervisor.lock").read_text("utf-8") == str(os.getpid())


def test_a_long_log_keeps_one_older_file_and_its_writer_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.processes._LOG_BYTES", 10)
    log = home.logs / "api.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"the first lines\n")
        rotate(log)
        writer.write(b"new\n")
        rotate(log)
    assert log.read_bytes() == b"new\n"
    assert (home.logs / "api.log.1").read_bytes() == b"the first lines\n"


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

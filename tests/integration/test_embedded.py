"""The embedded PostgreSQL keeps what was committed, whatever ends it, and finds a place to live."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bench.program import free_port
from db.embedded import EmbeddedPostgres, embedded_postgres

only_as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a second account")


@pytest.fixture
def home() -> Iterator[Path]:
    """An enterable folder: pytest's own is closed to the account that Postgres runs as."""
    import tempfile

    path = Path(tempfile.mkdtemp(prefix="parstock-embedded-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def cluster(home: Path) -> Iterator[EmbeddedPostgres]:
    cluster = embedded_postgres(home)
    cluster.start()
    yield cluster
    cluster.stop()


def _keep_one_row(cluster: EmbeddedPostgres) -> None:
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute("create table kept (n integer)")
        connection.execute("insert into kept values (1)")


def _kept_rows(cluster: EmbeddedPostgres) -> list[tuple[int]]:
    with psycopg.connect(cluster.url("postgres")) as connection:
        return connection.execute("select n from kept").fetchall()


def test_a_killed_server_comes_back_with_every_committed_row(cluster: EmbeddedPostgres) -> None:
    _keep_one_row(cluster)
    pid = cluster.pid()
    assert pid is not None
    cluster.stop(how=signal.SIGKILL)
    assert cluster.pid() is None
    assert cluster.start()
    assert _kept_rows(cluster) == [(1,)]


def test_a_server_that_runs_is_used_again(cluster: EmbeddedPostgres) -> None:
    pid = cluster.pid()
    assert not cluster.start()
    assert cluster.pid() == pid


def test_a_restart_can_keep_the_port(cluster: EmbeddedPostgres) -> None:
    port = cluster.port()
    cluster.stop()
    cluster.start(port=port)
    assert cluster.port() == port


def test_an_old_pid_file_of_another_process_is_not_a_running_server(
    cluster: EmbeddedPostgres,
) -> None:
    cluster.stop()
    (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n\n\n5432\n", "utf-8")
    assert cluster.pid() is None


def test_half_a_cluster_is_not_taken_for_one(home: Path) -> None:
    cluster = embedded_postgres(home)
    half = cluster.data.with_name(f".{cluster.data.name}.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n", "utf-8")
    cluster.start()
    try:
        assert cluster.pid() is not None
        assert not half.exists()
    finally:
        cluster.stop()


def test_the_password_is_readable_by_its_owner_only(cluster: EmbeddedPostgres) -> None:
    assert stat.S_IMODE(cluster.password_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(cluster.data.stat().st_mode) == 0o700
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://parstock:wrong@127.0.0.1:{cluster.port()}/postgres")


@only_as_root
def test_a_closed_home_of_ours_is_made_enterable_and_that_is_said(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    said: list[str] = []
    cluster = embedded_postgres(closed, tell=said.append)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o711
    assert cluster.data.parent == closed
    assert len(said) == 1
    assert str(closed) in said[0]


@only_as_root
def test_a_home_below_a_closed_folder_keeps_its_data_in_a_system_folder(home: Path) -> None:
    home.chmod(0o700)
    said: list[str] = []
    cluster = embedded_postgres(home / "deep" / "parstock", tell=said.append)
    try:
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert cluster.data.is_relative_to("/var/lib/parstock")
        assert str(cluster.data.parent) in said[0]
        again = embedded_postgres(home / "deep" / "parstock")
        other = embedded_postgres(home / "deep" / "another")
        assert again.data == cluster.data
        assert other.data != cluster.data
        other.data.parent.rmdir()
        cluster.start()
        assert cluster.pid() is not None
    finally:
        cluster.stop()
        shutil.rmtree(cluster.data.parent)


def test_a_start_waits_for_a_killed_predecessor_that_is_still_ending(
    cluster: EmbeddedPostgres,
) -> None:
    cluster.stop()
    # What the new server sees of one whose process the kernel has not let go of yet.
    account = cluster.account
    ending = subprocess.Popen(
        ["sleep", "1"],
        cwd="/",
        user=account.uid if account is not None else None,
    )
    waiting = threading.Thread(target=ending.wait)
    waiting.start()
    (cluster.data / "postmaster.pid").write_text(f"{ending.pid}\n\n\n5432\n", "utf-8")
    try:
        assert cluster.start()
    finally:
        waiting.join()


def test_a_port_that_was_lost_between_being_found_and_used_is_given_up_for_another(
    cluster: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.stop()
    with socket.create_server(("127.0.0.1", 0)) as somebody_else:
        lost = somebody_else.getsockname()[1]
        found = iter([lost, free_port()])
        monkeypatch.setattr("db.embedded._free_port", lambda: next(found))
        assert cluster.start()
        assert cluster.port() != lost

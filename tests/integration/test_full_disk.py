"""A disk without room: nothing is recorded, everything is read, and no hand is needed after."""

import errno
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from db.embedded import EmbeddedPostgres, embedded_postgres
from db.migrate import migrate
from tests.integration.ledger_shop import assert_balanced, event_ids, execute, furnish, row
from tests.serving import browser, let_in, serving

_DISK_MB = 240


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own, as small as a database can live on."""
    if os.geteuid() != 0:
        pytest.skip("left out: only root may mount a small disk")
    folder = Path(tempfile.mkdtemp(prefix="parstock-disk-"))
    options = ["-t", "tmpfs", "-o", f"size={_DISK_MB}m,mode=755", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip(f"left out: mounting is not allowed here ({mounted.stderr.strip()})")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cluster(small_disk: Path) -> Iterator[EmbeddedPostgres]:
    cluster = embedded_postgres(small_disk / "home")
    # A file of the log is whole from its beginning, so that it is a table which finds no room.
    cluster.start(settings={"fsync": "off", "wal_recycle": "on", "wal_init_zero": "on"})
    try:
        cluster.create_database()
        migrate(cluster.url())
        yield cluster
    finally:
        cluster.stop()


def _fill(ballast: Path) -> None:
    """Leave not one byte."""
    with ballast.open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                while True:
                    os.write(file.fileno(), bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 16


def test_a_full_disk_refuses_facts_shows_a_banner_and_goes_on_by_itself(
    cluster: EmbeddedPostgres, small_disk: Path
) -> None:
    url, ballast = cluster.url(), small_disk / "ballast"
    key = furnish(url)
    let_in(url)
    settings = {"disk_full_retry_s": 0.2, "data_folder": str(small_disk), "disk_reserve_bytes": 0}
    with (
        serving(url, ledger=settings) as address,
        httpx.Client(base_url=address, timeout=30) as till,
    ):
        till.headers["Authorization"] = f"Bearer {key}"
        staff = browser(address)
        staff.sign_in()
        recorded = []

        def record() -> httpx.Response:
            sent = row()
            answer = till.post("/v1/inventory-events", json=sent, timeout=30)
            if answer.status_code == 201:
                recorded.append(sent["event_id"])
            return answer

        # given a disk that fills up under a till that goes on, and a log that has just begun a file
        execute(url, "select pg_switch_wal()")
        assert record().status_code == 201
        _fill(ballast)
        answers = iter(record, None)
        refused = next(answer for answer in answers if answer.status_code != 201)

        # then it is told what the matter is, reads go on, and pages say that they only read
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:parstock:problem:disk-full"
        assert "Retry-After" in refused.headers
        assert till.get("/v1/stock-levels").status_code == 200
        assert till.get("/healthz").status_code == 200
        cluster_was = cluster.pid()
        record()
        assert "Read-only: the disk is full" in staff.get("/stock").text

        # when there is room, it goes on
        ballast.unlink()
        deadline = time.monotonic() + 30
        while (answer := record()).status_code != 201:
            assert answer.json()["type"] == "urn:parstock:problem:disk-full"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "Read-only" not in staff.get("/stock").text
    assert cluster.pid() == cluster_was
    assert [str(event_id) for event_id in event_ids(url)] == recorded
    assert_balanced(url)


def test_the_reserve_is_kept_before_the_database_meets_the_end_of_the_disk(
    database_url: str, tmp_path: Path
) -> None:
    key = furnish(database_url)
    beyond = 2 * shutil.disk_usage(tmp_path).total
    settings = {"data_folder": str(tmp_path), "disk_reserve_bytes": beyond}
    with serving(database_url, ledger=settings) as address:
        headers = {"Authorization": f"Bearer {key}"}
        one = httpx.post(f"{address}/v1/inventory-events", json=row(), headers=headers, timeout=30)
        levels = httpx.get(f"{address}/v1/stock-levels", headers=headers, timeout=30)
    assert (one.status_code, one.json()["title"]) == (503, "The disk is full")
    assert levels.status_code == 200
    assert event_ids(database_url) == []

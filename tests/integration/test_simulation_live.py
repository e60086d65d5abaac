"""The live simulator as a process, beside a real API: it records, retries, and stops when told."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from bench.program import free_port
from db.connect import connect

_READY_WITHIN_S = 90.0
# A second on a quiet machine, and less than anything that it may wait for.
_AT_ONCE_S = 4.0


@contextmanager
def api(database_url: str, port: int) -> Iterator[str]:
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app", "--port", str(port)],
        env={**os.environ, "DATABASE_URL": database_url},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: answers(address))
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=2).is_success
    except httpx.TransportError:
        return False


def wait_until(condition: Any, *, within_s: float = _READY_WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


@contextmanager
def simulator(database_url: str, address: str, events_a_minute: float = 3000) -> Iterator[Any]:
    process = subprocess.Popen(
        [sys.executable, "-m", "simulation.live"],
        env={
            **os.environ,
            "DATABASE_URL": database_url,
            "PARSTOCK_API_URL": address,
            "PARSTOCK_SIMULATE": str(events_a_minute),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stop(process: "subprocess.Popen[str]") -> tuple[float, str]:
    """Tell it to stop; how long it took, and what it had said."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=10)
    return time.monotonic() - began, said


def value(database_url: str, query: str) -> Any:
    with connect(database_url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


def recorded_live(database_url: str) -> int:
    """What a device recorded: the history was recorded by the system."""
    return int(
        value(
            database_url,
            "select count(*) from ledger.inventory_events join identity.actors"
            " on recorded_by = actor_id where kind = 'device' and caused_by is null",
        )
    )


def valid_keys(database_url: str) -> int:
    return int(
        value(database_url, "select count(*) from identity.device_keys where revoked_at is null")
    )


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


def test_it_records_by_its_own_key_and_stops_at_once(small_arcade_url: str, port: int) -> None:
    with api(small_arcade_url, port) as address, simulator(small_arcade_url, address) as process:
        wait_until(lambda: recorded_live(small_arcade_url) >= 60)
        assert valid_keys(small_arcade_url) == 1
        took_s, said = stop(process)

    assert took_s < _AT_ONCE_S
    assert process.returncode == 0
    assert valid_keys(small_arcade_url) == 0
    assert "parstock_" not in said
    assert '"refused"' not in said
    shortages = value(
        small_arcade_url,
        "select count(*) from ledger.inventory_events join identity.actors"
        " on recorded_by = actor_id where kind = 'device' and caused_by is not null",
    )
    assert shortages == 0


def test_a_new_start_takes_over_from_the_old_one(small_arcade_url: str, port: int) -> None:
    with (
        api(small_arcade_url, port) as address,
        simulator(small_arcade_url, address) as first,
    ):
        wait_until(lambda: recorded_live(small_arcade_url) >= 5)
        with simulator(small_arcade_url, address) as second:
            first.communicate(timeout=30)
            seen = recorded_live(small_arcade_url)
            wait_until(lambda: recorded_live(small_arcade_url) >= seen + 5)
            assert second.poll() is None
            assert valid_keys(small_arcade_url) == 1


def test_it_goes_on_when_the_api_comes_back(small_arcade_url: str, port: int) -> None:
    with simulator(small_arcade_url, f"http://127.0.0.1:{port}") as process:
        with api(small_arcade_url, port):
            wait_until(lambda: recorded_live(small_arcade_url) >= 20)
        before = recorded_live(small_arcade_url)
        time.sleep(0.5)
        assert process.poll() is None
        with api(small_arcade_url, port):
            wait_until(lambda: recorded_live(small_arcade_url) >= before + 20)

    different = value(
        small_arcade_url,
        "select count(*) from ledger.stock_levels"
        " join (select product_id, location_id, sum(on_hand_change) as moved"
        "  from ledger.movements group by product_id, location_id) as sums"
        " using (product_id, location_id) where on_hand <> moved",
    )
    assert different == 0


def test_a_site_that_is_not_simulated_is_never_touched(small_arcade_url: str) -> None:
    with psycopg.connect(small_arcade_url) as connection:
        connection.execute("update catalog.sites set is_simulated = false")

    with simulator(small_arcade_url, f"http://127.0.0.1:{free_port()}") as process:
        said, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "nothing_to_simulate" in said
    assert recorded_live(small_arcade_url) == 0
    assert valid_keys(small_arcade_url) == 0


def test_zero_events_a_minute_is_off(small_arcade_url: str) -> None:
    with simulator(small_arcade_url, "http://127.0.0.1:9", events_a_minute=0) as process:
        process.communicate(timeout=30)

    assert process.returncode == 0
    assert valid_keys(small_arcade_url) == 0


def test_a_malformed_rate_is_named(small_arcade_url: str) -> None:
    with simulator(small_arcade_url, "http://127.0.0.1:9", events_a_minute=-1) as process:
        said, _ = process.communicate(timeout=30)

    assert process.returncode == 2
    assert said.startswith("PARSTOCK_SIMULATE is malformed")


def test_it_stops_at_once_also_while_the_api_is_away(small_arcade_url: str) -> None:
    with simulator(small_arcade_url, f"http://127.0.0.1:{free_port()}") as process:
        wait_until(lambda: valid_keys(small_arcade_url) == 1)
        took_s, _ = stop(process)

    assert took_s < _AT_ONCE_S
    assert process.returncode == 0
    assert valid_keys(small_arcade_url) == 0

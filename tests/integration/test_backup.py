"""A backup is one moment of the ledger; a restore brings all of it back, and says that it did."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from click.testing import CliRunner, Result

from cli.main import main
from db.connect import ORCHESTRATION_ROLE, connect
from db.embedded import EmbeddedPostgres
from db.migrate import migrate
from tests.integration.ledger_shop import assert_balanced, event_ids, furnish, query, row
from tests.serving import serving


@contextmanager
def _empty_database(postgres: EmbeddedPostgres, name: str) -> Iterator[str]:
    postgres.create_database(name)
    try:
        yield postgres.url(name)
    finally:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)".encode())


@contextmanager
def _till(address: str, key: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        yield client


class Parstock:
    """The verbs, in this process, on one database after another."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("PARSTOCK_HOME", str(home))

    def run(self, database_url: str, *arguments: str, typed: str = "") -> Result:
        self._monkeypatch.setenv("DATABASE_URL", database_url)
        return CliRunner().invoke(main, arguments, input=typed)


@pytest.fixture
def parstock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Parstock:
    return Parstock(monkeypatch, tmp_path / "home")


def _record(till: httpx.Client, turns: int, over: threading.Event | None = None) -> None:
    for turn in range(turns):
        if over is not None and over.is_set():
            return
        event = row("sold" if turn % 3 else "received", quantity=1 if turn % 3 else 5)
        assert till.post("/v1/inventory-events", json=event).status_code == 201


def test_a_backup_taken_beside_the_writer_restores_elsewhere_and_reconciles(
    parstock: Parstock, postgres: EmbeddedPostgres, database_url: str, tmp_path: Path
) -> None:
    # given a shop that keeps recording while a backup is made
    key, file = furnish(database_url), tmp_path / "shop.dump"
    with serving(database_url) as address, _till(address, key) as till:
        _record(till, 30)
        over = threading.Event()
        busy = threading.Thread(target=_record, args=(till, 100_000, over))
        busy.start()
        made = parstock.run(database_url, "backup", str(file))
        over.set()
        busy.join()
        _record(till, 3)
        cursor = till.get("/v1/inventory-events", params={"limit": 200}).json()["next_cursor"]
    assert made.exit_code == 0, made.output
    assert file.stat().st_mode & 0o077 == 0
    assert list(tmp_path.glob(".*partial")) == []

    # and a shop that has yet to record anything, which is not replaced without asking
    with _empty_database(postgres, "only_furnished") as furnished:
        migrate(furnished)
        furnish(furnished)
        assert parstock.run(furnished, "restore", str(file), typed="n\n").exit_code == 1
        assert query(furnished, "select count(*) from catalog.sites") == [(2,)]

    # when it is restored into an empty database
    with _empty_database(postgres, "restored_elsewhere") as restored:
        done = parstock.run(restored, "restore", str(file))
        assert done.exit_code == 0, done.output

        # then it is the shop of one moment, and every level is the sum of its movements
        before, after = event_ids(database_url), event_ids(restored)
        assert 30 <= len(after) < len(before)
        assert set(after) <= set(before)
        assert query(restored, "select max(position) from ledger.inventory_events") == [
            (len(after),)
        ]
        assert_balanced(restored)

        # and who read on from the other one is told to start again; the till goes on as before
        with serving(restored) as address, _till(address, key) as till:
            answer = till.get("/v1/inventory-events", params={"after": cursor})
            assert answer.status_code == 410
            assert "epoch" in answer.text
            _record(till, 3)
        assert_balanced(restored)


def test_a_restore_replaces_what_is_there_after_asking_and_keeping_it(
    parstock: Parstock, database_url: str, tmp_path: Path
) -> None:
    # given a backup, and what happened after it: refreshes, a session, unsent messages
    key, file = furnish(database_url), tmp_path / "shop.dump"
    with serving(database_url) as address, _till(address, key) as till:
        _record(till, 5)
        with connect(database_url, role=ORCHESTRATION_ROLE) as connection:
            connection.execute(
                "insert into planning.refreshes (scope, from_position, to_position, status)"
                " values ('full', 0, 5, 'succeeded')"
            )
            connection.execute("create table marts.built_by_dbt (n integer)")
            connection.execute("create table dagster.runs (n integer)")
            connection.execute("insert into alerts.outbox (kind, payload) values ('digest', '{}')")
        assert parstock.run(database_url, "backup", str(file)).exit_code == 0
        _record(till, 4)
        refused = parstock.run(database_url, "restore", str(file), "--yes")
        assert "stop" in refused.output
        assert refused.exit_code == 1
    epoch = query(database_url, "select epoch from ledger.epoch")

    # and a picture that only the backup has
    pictures = tmp_path / "home" / "images"
    (tmp_path / "images" / "ab").mkdir(parents=True)
    (tmp_path / "images" / "ab" / "abcd").write_bytes(b"picture")

    # when it is restored over it, first without consent
    assert parstock.run(database_url, "restore", str(file), typed="n\n").exit_code == 1
    assert len(event_ids(database_url)) == 9
    done = parstock.run(database_url, "restore", str(file), typed="y\n")
    assert done.exit_code == 0, done.output

    # then nothing points past the head or to a run that is gone
    assert len(event_ids(database_url)) == 5
    assert query(database_url, "select epoch from ledger.epoch") != epoch
    assert query(database_url, "select count(*) from planning.refreshes") == [(0,)]
    assert query(database_url, "select to_regclass('marts.built_by_dbt')::text") == [(None,)]
    assert query(database_url, "select to_regclass('dagster.runs')::text") == [(None,)]
    assert query(database_url, "select attempts from alerts.outbox") == [(1,)]
    assert (pictures / "ab" / "abcd").read_bytes() == b"picture"
    # and the roles may do what they could
    with connect(database_url, role=ORCHESTRATION_ROLE) as connection:
        connection.execute("create table marts.built_again (n integer)")
        connection.execute("select count(*) from ledger.inventory_events")
    assert query(database_url, "select count(*) from marts.built_again") == [(0,)]
    # and what was there can be had back
    [kept] = (tmp_path / "home" / "backups").glob("*-before-restore.dump")
    assert parstock.run(database_url, "backup").exit_code == 0
    assert (tmp_path / "home" / "backups" / "images" / "ab" / "abcd").read_bytes() == b"picture"
    back = parstock.run(database_url, "restore", str(kept), "--yes")
    assert back.exit_code == 0, back.output
    assert len(event_ids(database_url)) == 9


def _spoil(file: Path, spoilt: Path) -> Path:
    content = file.read_bytes()
    spoilt.write_bytes(content[: len(content) - 200])
    return spoilt


def test_what_cannot_be_restored_leaves_the_database_as_it_was(
    parstock: Parstock, database_url: str, tmp_path: Path
) -> None:
    file, words = tmp_path / "shop.dump", tmp_path / "words.dump"
    key = furnish(database_url)
    with serving(database_url) as address, _till(address, key) as till:
        _record(till, 5)
    assert parstock.run(database_url, "backup", str(file)).exit_code == 0
    words.write_text("not a backup", "utf-8")

    refusals = [
        parstock.run(database_url, "restore", str(refused), "--yes")
        for refused in (words, _spoil(file, tmp_path / "spoilt.dump"))
    ]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "insert into parstock.migrations (number, name, checksum)"
            " values (9999, '9999_from_the_future', 'x')"
        )
    newer = tmp_path / "newer.dump"
    assert parstock.run(database_url, "backup", str(newer)).exit_code == 0
    refusals.append(parstock.run(database_url, "restore", str(newer), "--yes"))
    assert parstock.run(database_url, "backup", str(newer)).exit_code == 1  # never overwritten

    assert [refusal.exit_code for refusal in refusals] == [1, 1, 1], json.dumps(
        [refusal.output for refusal in refusals]
    )
    assert "newer version" in refusals[2].output
    assert len(event_ids(database_url)) == 5
    assert_balanced(database_url)


def test_levels_that_are_not_the_sum_of_movements_are_not_restored(
    parstock: Parstock, postgres: EmbeddedPostgres, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "shop.dump"
    key = furnish(database_url)
    with serving(database_url) as address, _till(address, key) as till:
        _record(till, 5)
    with psycopg.connect(database_url) as connection:
        connection.execute("select pg_advisory_xact_lock(ledger.lock_key())")
        connection.execute("update ledger.stock_levels set on_hand = on_hand + 1")
    assert parstock.run(database_url, "backup", str(file)).exit_code == 0

    with _empty_database(postgres, "unbalanced") as restored:
        done = parstock.run(restored, "restore", str(file))
        assert done.exit_code == 1
        assert "not the sum of their movements" in done.output
        installed: list[tuple[Any, ...]] = query(restored, "select to_regnamespace('ledger')::text")
        assert installed == [(None,)]

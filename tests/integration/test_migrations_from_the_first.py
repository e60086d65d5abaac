"""A database of the first release comes to the newest schema, under load, and is then like new."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest

from db.embedded import EmbeddedPostgres
from db.migrate import Migration, MigrationError, migrate, migrations
from db.tools import Tools, environment

# The first seven files were released together; what came after must run beside writers.
RELEASED = 7
WRITERS_WAIT_AT_MOST_S = 1.0

_FIRST_RELEASE = """
insert into identity.actors (kind) values ('system'), ('user'), ('device');
insert into identity.system_actors values (1, 'importer');
insert into identity.users (actor_id, username, password_hash, role)
values (2, 'admin', '$argon2id$', 'admin');
insert into identity.device_keys (actor_id, name, key_hash) values (3, 'till-1', 'hash');
insert into catalog.sites (code, name) values ('near', 'Near'), ('far', 'Far');
insert into catalog.suppliers (code, name) values ('toys', 'Toys');
insert into catalog.locations (code, site_id, kind, name, selling)
select 'place-' || n, 1 + n % 2, 'shelf', 'Place ' || n, true from generate_series(1, 50) as n;
update catalog.locations set refilled_from_location_id = location_id - 2 where location_id > 2;
insert into catalog.products (sku, name, unit_cost, currency, supplier_id)
select 'sku-' || n, 'Product ' || n, n, 'EUR', 1 from generate_series(1, 400) as n;
insert into catalog.imports (source, file_name, kind, site_id, location, time_zone, lines, counts,
    imported_by)
values ('till', 'sales.csv', 'sales', 1, 'place-1', 'UTC', 10, '{}', 1);
select pg_advisory_xact_lock(ledger.lock_key());
insert into ledger.inventory_events (position, event_id, recorded_at, occurred_at, event_type,
    product_id, location_id, recorded_by, quantity)
select n, gen_random_uuid(), now(), now(), 'received', 1 + n % 400, 1 + n % 50, 3, 1
from generate_series(1, 20000) as n;
insert into ledger.movements (position, leg, product_id, location_id, on_hand_change,
    on_hand_after, place_on_hand_after)
select n, 0, 1 + n % 400, 1 + n % 50, 1, 1 + (n - 1) / 400, 1 + (n - 1) / 400
from generate_series(1, 20000) as n;
insert into ledger.stock_levels (product_id, location_id, on_hand, version)
select product_id, location_id, sum(on_hand_change), max(position)
from ledger.movements group by product_id, location_id;
insert into ledger.rejected_events (payload, problem, received_by)
values ('{"sku": "unknown"}', '{"status": 422}', 3);
insert into alerts.alerts (kind, severity, product_id, site_id, message, recommendation, position)
values ('low', 'high', 1, 1, 'Low', 'Order', 1);
insert into alerts.outbox (kind, payload) values ('digest', '{}');
"""

# What the writer of the first release did for each event.
_RECORD_ONE = """
with head as (select max(position) + 1 as position from ledger.inventory_events),
event as (
    insert into ledger.inventory_events (position, event_id, recorded_at, occurred_at, event_type,
        product_id, location_id, recorded_by, quantity)
    select position, %s, clock_timestamp(), now(), 'received', 1, 1, 3, 1 from head
),
movement as (
    insert into ledger.movements (position, leg, product_id, location_id, on_hand_change,
        on_hand_after, place_on_hand_after)
    select head.position, 0, 1, 1, 1, level.on_hand + 1, level.on_hand + 1
    from head, (select coalesce(max(on_hand), 0) as on_hand from ledger.stock_levels
        where product_id = 1 and location_id = 1) as level
)
insert into ledger.stock_levels (product_id, location_id, on_hand, version)
select 1, 1, 1, position from head
on conflict (product_id, location_id, lot_id) do update
set on_hand = stock_levels.on_hand + 1, version = excluded.version
"""


def apply_as_released(database_url: str) -> None:
    """Make the schema of the first release and fill it."""
    with psycopg.connect(database_url) as connection:
        connection.execute("create schema parstock")
        connection.execute(
            "create table parstock.migrations ("
            " number integer primary key, name text not null, checksum text not null,"
            " applied_at timestamptz not null default now())"
        )
        for migration in list(migrations())[:RELEASED]:
            connection.execute(migration.script.encode())
            connection.execute(
                "insert into parstock.migrations (number, name, checksum) values (%s, %s, %s)",
                (migration.number, migration.name, migration.checksum),
            )
        connection.commit()
        connection.execute(_FIRST_RELEASE.encode())


@pytest.fixture
def first_release(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address of a database that the first release made and used."""
    name = f"first_release_{uuid4().hex}"
    postgres.create_database(name)
    apply_as_released(postgres.url(name))
    yield postgres.url(name)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("drop database {} with (force)").format(psycopg.sql.Identifier(name))
        )


class OldWriter(threading.Thread):
    """The first release, still recording while its database is brought to the next one."""

    def __init__(self, database_url: str) -> None:
        super().__init__(daemon=True)
        self._database_url = database_url
        self._over = threading.Event()
        self.longest_s = 0.0
        self.recorded = 0
        self.error: psycopg.Error | None = None

    @contextmanager
    def at_work(self) -> Iterator["OldWriter"]:
        self.start()
        try:
            while self.recorded == 0 and self.error is None:
                time.sleep(0.01)
            yield self
        finally:
            self._over.set()
            self.join(60)
        assert self.error is None, self.error

    def records_on(self) -> None:
        """Also on what the migrations left: an API is restarted after them, not before."""
        before = self.recorded
        while self.recorded < before + 3:
            assert self.is_alive(), self.error
            time.sleep(0.01)

    def run(self) -> None:
        with psycopg.connect(self._database_url, autocommit=True) as connection:
            while not self._over.is_set():
                began = time.monotonic()
                try:
                    with connection.transaction():
                        connection.execute("select pg_advisory_xact_lock(ledger.lock_key())")
                        connection.execute(_RECORD_ONE, (uuid4(),))
                except psycopg.Error as error:
                    self.error = error
                    return
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                self.recorded += 1
                time.sleep(0.002)


def schema(postgres: EmbeddedPostgres, database_url: str) -> list[str]:
    """The whole schema with its grants, as pg_dump writes it."""
    tools = Tools(postgres.binaries, 0)
    done = subprocess.run(
        tools.command("pg_dump", database_url, "--schema-only"),
        env=environment(database_url),
        capture_output=True,
        text=True,
        check=True,
    )
    # pg_dump guards each script with a word that it makes up.
    return [line for line in done.stdout.splitlines() if not re.match(r"\\(un)?restrict ", line)]


def test_a_database_of_the_first_release_becomes_like_a_fresh_one(
    postgres: EmbeddedPostgres, first_release: str, database_url: str
) -> None:
    applied = migrate(first_release)

    assert len(applied) == len(list(migrations())) - RELEASED
    assert schema(postgres, first_release) == schema(postgres, database_url)


def test_what_was_recorded_before_is_there_after(first_release: str) -> None:
    def told() -> list[tuple[object, ...]]:
        with psycopg.connect(first_release) as connection:
            return connection.execute(
                "select count(*), sum(quantity), max(position) from ledger.inventory_events"
                " union all select count(*), sum(on_hand), max(version) from ledger.stock_levels"
                " union all select count(*), sum(on_hand_change), max(position)"
                " from ledger.movements"
            ).fetchall()

    before = told()
    migrate(first_release)
    assert told() == before


def test_no_migration_holds_up_a_writer_for_more_than_a_second(first_release: str) -> None:
    with OldWriter(first_release).at_work() as writer:
        migrate(first_release)
        writer.records_on()
    assert writer.longest_s < WRITERS_WAIT_AT_MOST_S


@pytest.fixture
def next_release(first_release: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of this version, to which the next one will add a column."""
    migrate(first_release)
    adds_a_column = Migration(
        9999, "9999_column", "alter table ledger.stock_levels add column note text"
    )
    known = [*migrations(), adds_a_column]
    monkeypatch.setattr("db.migrate.migrations", lambda: iter(known))
    return first_release


def test_a_long_reader_delays_the_migration_and_not_the_writers(next_release: str) -> None:
    # given a backup that reads everything
    with psycopg.connect(next_release) as backup, OldWriter(next_release).at_work() as writer:
        backup.execute("select count(*) from ledger.stock_levels")

        # when the next version is applied, and the backup ends after a while
        threading.Timer(2.0, backup.rollback).start()
        assert migrate(next_release) == ["9999_column"]

    # then nobody who writes had to wait for the backup
    assert writer.longest_s < WRITERS_WAIT_AT_MOST_S


def test_a_migration_that_gets_no_lock_says_so_and_leaves_nothing(
    next_release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patience, psycopg.connect(next_release) as backup:
        patience.setattr("db.migrate._GIVE_UP_AFTER_S", 0.0)
        backup.execute("select count(*) from ledger.stock_levels")
        with pytest.raises(MigrationError, match="9999_column"):
            migrate(next_release)
    assert migrate(next_release) == ["9999_column"]


def test_an_index_is_built_beside_writers_and_again_after_it_was_cut_short(
    first_release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an index that an interrupted migration left half made
    migrate(first_release)
    script = """
    drop index concurrently if exists ledger.by_day;
    create index concurrently by_day on ledger.inventory_events (occurred_at);
    """
    known = [*migrations(), Migration(9999, "9999_by_day_concurrently", script)]
    monkeypatch.setattr("db.migrate.migrations", lambda: iter(known))
    with psycopg.connect(first_release, autocommit=True) as connection:
        connection.execute("create index by_day on ledger.inventory_events (occurred_at)")
        connection.execute(
            "update pg_index set indisvalid = false where indexrelid = 'ledger.by_day'::regclass"
        )

    # when it is applied under load
    with OldWriter(first_release).at_work() as writer:
        assert migrate(first_release) == ["9999_by_day_concurrently"]

    # then it is whole, and nobody waited for it
    with psycopg.connect(first_release) as connection:
        valid = connection.execute(
            "select indisvalid from pg_index where indexrelid = 'ledger.by_day'::regclass"
        ).fetchone()
    assert valid == (True,)
    assert writer.longest_s < WRITERS_WAIT_AT_MOST_S

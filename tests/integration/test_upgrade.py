"""A newer PostgreSQL takes over the older one's data, or says what to do; it never starts empty."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from cli.database import start_embedded
from cli.settings import SettingsError
from db.connect import ORCHESTRATION_ROLE, connect
from db.embedded import EmbeddedPostgres, EmbeddedPostgresError, embedded_postgres
from db.migrate import migrate
from db.tools import major_of
from db.upgrade import move_from_older_major, server_folders
from tests.integration.small_shop import BEAR, CLAW, SmallShop


@pytest.fixture
def home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="parstock-upgrade-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def older(home: Path) -> EmbeddedPostgres:
    """A cluster of the home as an older PostgreSQL, installed on this machine, keeps it."""
    ours = int(embedded_postgres(home).data.name.removeprefix("postgres-"))
    for folder in server_folders():
        major = major_of(folder / "postgres")
        if major is not None and 15 <= major < ours:
            return replace(
                embedded_postgres(home),
                data=home / f"postgres-{major}",
                password_file=home / f"postgres-{major}.password",
                binaries=folder,
            )
    pytest.skip("left out: there is no PostgreSQL older than the embedded one on this machine")


def test_the_data_of_an_older_major_are_moved_and_the_old_files_kept(
    home: Path, older: EmbeddedPostgres
) -> None:
    # given a shop that ran on the older major
    older.start()
    try:
        older.create_database()
        migrate(older.url())
        shop = SmallShop(older.url())
        shop.open()
        for change in (30, -7):
            shop.move(BEAR, CLAW, change)
        with connect(older.url(), role=ORCHESTRATION_ROLE) as connection:
            connection.execute("create table marts.built_by_dbt (n integer)")
        epoch = shop.rows("select epoch from ledger.epoch")
    finally:
        older.stop()

    # when the newer one starts
    said: list[str] = []
    cluster = embedded_postgres(home)
    start_embedded(cluster, tell=said.append)

    # then it is the same shop, without a new epoch, in the hands of the same roles
    try:
        moved = SmallShop(cluster.url())
        assert moved.rows("select on_hand, version from ledger.stock_levels") == [(23, 2)]
        assert moved.rows("select epoch from ledger.epoch") == epoch
        assert migrate(cluster.url()) == []
        moved.move(BEAR, CLAW, 1)
        with connect(cluster.url(), role=ORCHESTRATION_ROLE) as connection:
            connection.execute("drop table marts.built_by_dbt")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("delete from ledger.stock_levels")
    finally:
        cluster.stop()
    assert (home / f"{older.data.name}-moved-to-{cluster.data.name[9:]}" / "PG_VERSION").exists()
    assert not older.data.exists()
    assert "moving the database" in said[0]
    assert not move_from_older_major(cluster, tell=said.append)


def _left_by(home: Path, major: int) -> EmbeddedPostgres:
    """The home of a Parstock that ran on another major, of which only the folder matters here."""
    (home / f"postgres-{major}").mkdir()
    (home / f"postgres-{major}" / "PG_VERSION").write_text(f"{major}\n", "utf-8")
    return embedded_postgres(home)


def test_without_the_older_programs_it_says_what_to_install_and_starts_nothing(home: Path) -> None:
    cluster = _left_by(home, 14)
    with pytest.raises(EmbeddedPostgresError, match=r"postgresql-14.*parstock restore FILE"):
        move_from_older_major(cluster, tell=lambda line: None, folders=[])
    assert not cluster.data.exists()


def test_data_of_a_newer_major_are_left_alone(home: Path) -> None:
    cluster = _left_by(home, 99)
    with pytest.raises(SettingsError, match="An older PostgreSQL cannot read them"):
        start_embedded(cluster, tell=lambda line: None)
    assert not cluster.data.exists()

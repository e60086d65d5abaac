"""The schema arrives whole, once, and keeps its promises whoever writes."""

import psycopg
import pytest

from db.connect import API_ROLE, ORCHESTRATION_ROLE, connect
from db.migrate import migrate


def test_migrating_twice_applies_nothing_the_second_time(database_url: str) -> None:
    assert migrate(database_url) == []


def test_an_event_cannot_enter_without_the_ledgers_lock(database_url: str) -> None:
    with (
        connect(database_url, role=API_ROLE) as connection,
        pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="advisory lock"),
    ):
        connection.execute(
            "insert into ledger.stock_levels (product_id, location_id, on_hand, version)"
            " values (1, 1, 1, 1)"
        )


def test_the_lock_lets_the_api_write(database_url: str) -> None:
    with connect(database_url, role=API_ROLE) as connection:
        connection.execute("select pg_advisory_xact_lock(ledger.lock_key())")
        written = connection.execute(
            "insert into ledger.stock_levels (product_id, location_id, on_hand, version)"
            " values (1, 1, 1, 1)"
        )
        assert written.rowcount == 1


@pytest.mark.parametrize("role", [API_ROLE, ORCHESTRATION_ROLE])
def test_nobody_edits_the_ledger(database_url: str, role: str) -> None:
    with (
        connect(database_url, role=role) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("delete from ledger.movements")


def test_not_even_the_owner_edits_the_ledger(database_url: str) -> None:
    with (
        connect(database_url) as connection,
        pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="append-only"),
    ):
        connection.execute("update ledger.inventory_events set quantity = 1")

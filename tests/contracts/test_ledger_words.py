"""The words of the ledger are said in Postgres and in Python: they are one list."""

from typing import get_args

import psycopg

from api.catalog.schemas import Metering
from api.deps import Role
from api.ledger.book import EVENT_COLUMNS, LEVEL_COLUMNS, MOVEMENT_COLUMNS, OPENED_COLUMNS
from api.ledger.events import AnyEvent, OpeningBalance, Reason

THE_SYSTEMS_OWN = {"book_shortage", "reordered"}


def enum_values(database_url: str, name: str) -> set[str]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select enumlabel from pg_enum where enumtypid = %s::regtype", (name,)
        )
        return {label for (label,) in rows}


def test_every_event_type_of_the_union_is_one_of_the_database(database_url: str) -> None:
    said = {kind.model_fields["event_type"].default for kind in get_args(AnyEvent)}
    assert said == enum_values(database_url, "ledger.event_type")


def test_every_reason_of_the_union_is_one_of_the_database(database_url: str) -> None:
    said = {*get_args(Reason), OpeningBalance.model_fields["reason"].default}
    assert said | THE_SYSTEMS_OWN == enum_values(database_url, "ledger.adjustment_reason")
    assert not said & THE_SYSTEMS_OWN


def test_every_role_of_the_database_is_known(database_url: str) -> None:
    assert enum_values(database_url, "identity.role") == {*Role}


def test_the_metering_of_the_database_is_that_of_the_api(database_url: str) -> None:
    assert enum_values(database_url, "catalog.metering") == {*get_args(Metering)}


def test_the_writer_fills_every_column_of_an_event(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select column_name from information_schema.columns"
            " where table_schema = 'ledger' and table_name = 'inventory_events'"
        )
        assert {name for (name,) in rows} == {*EVENT_COLUMNS, "recorded_at"}


def test_no_column_is_filled_twice() -> None:
    columns = (*EVENT_COLUMNS, *MOVEMENT_COLUMNS, *LEVEL_COLUMNS, *OPENED_COLUMNS)
    assert len(columns) == len({*columns})

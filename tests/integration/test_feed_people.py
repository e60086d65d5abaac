"""Who reads the feed sees no more than their sites, and no person is in it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.deps import Role
from api.feed.schemas import Filters, StreamQuestion
from tests.integration.ledger_shop import (
    BACK,
    CLAW,
    ELSEWHERE,
    execute,
    furnish,
    query,
    row,
)
from tests.serving import let_in, serving, with_token

EVENTS, STREAM = "/v1/inventory-events", "/v1/inventory-events/stream"
# Every column of the ledger that could hold a text. A new one is named here once it is sure that
# no person is in it: what machines and people write freely is bounded, and documented as
# without personal data.
_TEXTS = {
    ("epoch", "epoch"),
    ("inventory_events", "event_id"),
    ("inventory_events", "event_type"),
    ("inventory_events", "metadata"),
    ("inventory_events", "reason"),
    ("inventory_events", "reference"),
    ("inventory_events", "reservation"),
    ("inventory_events", "reverses"),
    ("inventory_events", "source"),
    ("inventory_events", "transfer_id"),
    ("inventory_events", "warnings"),
    ("lots", "code"),
    ("open_reservations", "reservation"),
    ("rejected_events", "discarded_because"),
    ("rejected_events", "event_id"),
    ("rejected_events", "last_problem"),
    ("rejected_events", "mended"),
    ("rejected_events", "payload"),
    ("rejected_events", "problem"),
    ("rejected_events", "status"),
}


@pytest.fixture
def shop(database_url: str) -> Iterator[tuple[str, httpx.Client]]:
    key = furnish(database_url)
    with (
        serving(database_url, actors_for_s=0) as address,
        httpx.Client(
            base_url=address,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            timeout=30,
        ) as client,
    ):
        yield database_url, client


def record(api: httpx.Client, *rows: dict[str, Any]) -> None:
    for given in rows:
        answer = api.post(EVENTS, content=json.dumps(given))
        assert answer.status_code == 201, answer.text


def test_no_column_of_the_ledger_is_for_a_person(database_url: str) -> None:
    columns = query(
        database_url,
        "select table_name, column_name from information_schema.columns"
        " join information_schema.tables using (table_schema, table_name)"
        " where table_schema = 'ledger' and table_type = 'BASE TABLE'"
        " and data_type not in ('bigint', 'integer', 'smallint', 'boolean', 'date',"
        " 'timestamp with time zone')",
    )
    assert {*columns} <= _TEXTS
    # and: nothing in it would keep a person from being erased
    references = query(
        database_url,
        "select conname from pg_constraint where contype = 'f'"
        " and connamespace = 'ledger'::regnamespace",
    )
    assert references == []


def test_erasing_a_person_leaves_every_event_and_the_feed(
    shop: tuple[str, httpx.Client],
) -> None:
    # given: events of a person and of a machine
    database_url, machine = shop
    let_in(database_url)
    let_in(database_url, "mia", Role.STAFF)
    address = str(machine.base_url)
    with with_token(address, "mia") as mia:
        record(mia, row(), row("sold"))
    record(machine, row())
    before = machine.get(EVENTS).content
    # when
    with with_token(address) as admin:
        assert admin.delete("/v1/users/mia/personal-data").status_code == 204
    # then: byte for byte the same, and nowhere is there a name
    after = machine.get(EVENTS).content
    assert after == before
    assert b"mia" not in after
    [(names,)] = query(database_url, "select count(*) from identity.users where username = 'mia'")
    assert names == 0


def test_who_has_a_site_sees_what_touches_it_and_no_level_of_another(
    shop: tuple[str, httpx.Client],
) -> None:
    # given: a viewer of the far site
    database_url, machine = shop
    record(
        machine,
        row(location=ELSEWHERE, quantity=3),
        row(location=BACK, quantity=9),
        row("transferred", location=BACK, to_location=CLAW, quantity=2),
        row("sold", location=ELSEWHERE),
    )
    let_in(database_url, "far", Role.VIEWER)
    execute(
        database_url,
        "with narrowed as (update identity.actors set every_site = false"
        " from identity.users where actors.actor_id = users.actor_id and username = 'far'"
        " returning actors.actor_id)"
        " insert into identity.actor_sites (actor_id, site_id)"
        " select actor_id, site_id from narrowed cross join catalog.sites where code = 'far'",
    )
    with with_token(str(machine.base_url), "far") as viewer:
        # then: in either order, and where it asks for more
        told = viewer.get(EVENTS).json()
        assert [item["position"] for item in told["items"]] == [1, 4]
        newest = viewer.get(EVENTS, params={"order": "newest"}).json()["items"]
        assert [item["position"] for item in newest] == [4, 1]
        assert viewer.get(EVENTS, params={"location": CLAW}).json()["items"] == []
        assert viewer.get(EVENTS, params={"site": "near"}).json()["items"] == []
        # and: one by one, and as a stream
        for item in machine.get(EVENTS).json()["items"]:
            found = viewer.get(f"{EVENTS}/{item['event_id']}").status_code
            assert found == (200 if item["position"] in (1, 4) else 404)
        with viewer.stream("GET", STREAM) as stream:
            lines = (line for line in stream.iter_lines() if line.startswith("data: "))
            assert [json.loads(next(lines)[6:])["position"] for _ in range(2)] == [1, 4]


def test_the_stream_can_be_asked_all_that_the_feed_can() -> None:
    assert set(Filters.model_fields) | {"after"} == set(StreamQuestion.model_fields)

"""GET /v1/inventory-events: filters, order and cursors."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import httpx
import pytest

from api.feed.schemas import EventType
from api.pagination import decode_cursor
from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import (
    BACK,
    BEAR,
    CLAW,
    DUCK,
    ELSEWHERE,
    SHELF,
    query,
    row,
    shared_shop,
)
from tests.serving import serving

EVENTS = "/v1/inventory-events"


@pytest.fixture(scope="module")
def shop(postgres: EmbeddedPostgres, template: str) -> Iterator[tuple[str, httpx.Client]]:
    """A shop with a history that no test adds to: positions 1 to 8."""
    with (
        shared_shop(postgres, template) as (database_url, key),
        serving(database_url, feed={"scan_positions": 3}) as address,
        httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30
        ) as client,
    ):
        hours_ago = datetime.now(UTC) - timedelta(hours=10)
        for number, given in enumerate(
            [
                row("received", location=BACK, quantity=50, reference="PO-1", source="office"),
                row("received", sku=DUCK, location=ELSEWHERE, quantity=9, reference="PO-2"),
                row("transferred", location=BACK, to_location=CLAW, quantity=20),
                row("sold", quantity=2, source="till"),
                row("received", sku=DUCK, location=SHELF, quantity=5),
                row("sold", sku=DUCK, location=SHELF, quantity=1, source="till"),
                row("counted", quantity=18),
                row("sold", quantity=1, source="till", reference="T-9"),
            ],
            start=1,
        ):
            given["occurred_at"] = (hours_ago + timedelta(hours=number)).isoformat()
            record(client, given)
        yield database_url, client


def record(api: httpx.Client, given: dict[str, Any]) -> None:
    answer = api.post(
        EVENTS, content=json.dumps(given), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 201, answer.text


def read(api: httpx.Client, **params: Any) -> dict[str, Any]:
    answer = api.get(EVENTS, params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def read_all(api: httpx.Client, **params: Any) -> list[int]:
    """The positions of every page, until one leads nowhere new."""
    positions: list[int] = []
    cursor: str | None = None
    while True:
        page = read(api, **params, **({"after": cursor} if cursor else {}))
        positions += [item["position"] for item in page["items"]]
        if page["next_cursor"] in (None, cursor):
            return positions
        cursor = page["next_cursor"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"event_type": "sold"}, [4, 6, 8]),
        ({"event_type": ["counted", "transferred"]}, [3, 7]),
        ({"sku": DUCK}, [2, 5, 6]),
        ({"sku": "NONE-SUCH"}, []),
        ({"location": CLAW}, [3, 4, 7, 8]),
        ({"location": BACK, "event_type": "received"}, [1]),
        ({"location": SHELF, "sku": BEAR}, []),
        ({"site": "far"}, [2]),
        ({"site": "near", "sku": DUCK}, [5, 6]),
        ({"source": "till"}, [4, 6, 8]),
        ({"reference": "T-9"}, [8]),
        ({"recorded_by": 1}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"recorded_by": 999}, []),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_a_filter_finds_the_same_in_pages_of_any_size_and_in_both_orders(
    shop: tuple[str, httpx.Client], asked: dict[str, Any], found: list[int], limit: int
) -> None:
    _, api = shop
    assert read_all(api, limit=limit, **asked) == found
    assert read_all(api, limit=limit, order="newest", **asked) == found[::-1]


def test_a_time_begins_with_its_moment_and_ends_before_it(shop: tuple[str, httpx.Client]) -> None:
    # given
    _, api = shop
    told = read(api)["items"]
    # then
    for kind in ("occurred", "recorded"):
        third, sixth = told[2][f"{kind}_at"], told[5][f"{kind}_at"]
        asked = {f"{kind}_from": third, f"{kind}_to": sixth}
        assert read_all(api, **asked, limit=2) == [3, 4, 5]
        assert read_all(api, **asked, order="newest") == [5, 4, 3]
        assert read_all(api, **{f"{kind}_from": sixth}) == [6, 7, 8]
        assert read_all(api, **{f"{kind}_to": third}) == [1, 2]
    assert read_all(api, recorded_from="2999-01-01T00:00:00Z") == []
    assert read_all(api, recorded_to="1999-01-01T00:00:00Z") == []


def test_a_cursor_passes_what_the_filter_leaves_out(shop: tuple[str, httpx.Client]) -> None:
    # given: nothing that is asked for
    _, api = shop
    # when
    page = read(api, reference="NONE-SUCH")
    # then: nothing is looked at twice
    assert page["items"] == []
    assert decode_cursor(page["next_cursor"])[1] == 8


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"event_type": "stolen"}, "event_type.0"),
        ({"evnt_type": "sold"}, "evnt_type"),
        ({"recorded_from": "yesterday"}, "recorded_from"),
        ({"order": "newest", "wait": 5}, "wait"),
        ({"wait": 301}, "wait"),
        ({"recorded_by": 0}, "recorded_by"),
        ({"reference": "\x00"}, "reference"),
    ],
)
def test_a_wrong_question_is_named(
    shop: tuple[str, httpx.Client], asked: dict[str, Any], named: str
) -> None:
    answer = shop[1].get(EVENTS, params=asked)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == named


def test_a_cursor_of_one_order_is_none_of_the_other(shop: tuple[str, httpx.Client]) -> None:
    _, api = shop
    oldest = read(api, limit=1)["next_cursor"]
    newest = read(api, limit=1, order="newest")["next_cursor"]
    for asked in ({"after": newest}, {"after": oldest, "order": "newest"}):
        assert api.get(EVENTS, params=asked).status_code == 422


def test_every_event_type_can_be_asked_for(shop: tuple[str, httpx.Client]) -> None:
    rows = query(shop[0], "select unnest(enum_range(null::ledger.event_type))::text")
    assert {name for (name,) in rows} == {*get_args(EventType)}

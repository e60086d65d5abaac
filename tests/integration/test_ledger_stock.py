"""Lots, promises, transfers between sites, kits, and what comes late: over the API."""

import concurrent.futures
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import (
    BACK,
    BEAR,
    CLAW,
    DUCK,
    ELSEWHERE,
    SHELF,
    assert_balanced,
    execute,
    furnish,
    on_hand,
    query,
    row,
)
from tests.serving import serving

TRANSIT = "far.transit"


@pytest.fixture(scope="module")
def shop(postgres: EmbeddedPostgres, template: str) -> Iterator[tuple[httpx.Client, str]]:
    """One server for all; each test has products of its own by `fresh`."""
    postgres.create_database("stock_api", template=template)
    url = postgres.url("stock_api")
    key = furnish(url)
    headers = {"Authorization": f"Bearer {key}"}
    with serving(url) as address, httpx.Client(base_url=address, headers=headers) as client:
        client.timeout = httpx.Timeout(60)
        yield client, url
        assert_balanced(url)


@pytest.fixture
def api(shop: tuple[httpx.Client, str]) -> httpx.Client:
    return shop[0]


@pytest.fixture
def database_url(shop: tuple[httpx.Client, str]) -> str:
    return shop[1]


@pytest.fixture
def sku(database_url: str) -> str:
    """A product that nobody has moved yet."""
    made = f"ITEM-{uuid4().hex[:8]}"
    execute(database_url, "insert into catalog.products (sku, name) values (%s, %s)", made, made)
    return made


def tell(api: httpx.Client, event_type: str, expected: int = 201, **fields: Any) -> dict[str, Any]:
    answer = api.post("/v1/inventory-events", json=row(event_type, **fields))
    assert answer.status_code == expected, answer.text
    told: dict[str, Any] = answer.json()
    return told


def minutes_ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


def of_promise(reservation: str, **fields: Any) -> dict[str, Any]:
    return {"reservation": reservation, "sku": ..., "location": ..., **fields}


def codes(told: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in told["warnings"]]


def lots(database_url: str, sku: str) -> dict[str | None, int]:
    rows = query(
        database_url,
        "select lots.code, sum(on_hand)::int from ledger.stock_levels"
        " join catalog.products using (product_id) left join ledger.lots using (lot_id)"
        " where sku = %s and on_hand > 0 group by lots.code",
        sku,
    )
    return dict(rows)


def test_what_expires_first_leaves_first(api: httpx.Client, database_url: str, sku: str) -> None:
    for lot, expires_on in (("LATE", "2027-05-01"), ("SOON", "2027-01-01")):
        tell(api, "received", sku=sku, quantity=5, lot=lot, expires_on=expires_on)
    tell(api, "sold", sku=sku, quantity=6)
    assert lots(database_url, sku) == {"LATE": 4}


def test_a_lot_that_was_never_booked_in_is_taken_from_what_carries_none(
    api: httpx.Client, database_url: str, sku: str
) -> None:
    tell(api, "received", sku=sku, quantity=5, occurred_at=minutes_ago(9))
    tell(api, "sold", sku=sku, quantity=2, lot="L1")
    assert lots(database_url, sku) == {None: 3}


def test_a_shortage_is_first_taken_from_the_place_behind(
    api: httpx.Client, database_url: str, sku: str
) -> None:
    tell(api, "received", sku=sku, location=BACK, quantity=4, occurred_at=minutes_ago(9))
    told = tell(api, "sold", sku=sku, location=CLAW, quantity=6)
    assert codes(told) == ["implied_transfer", "book_shortage"]
    assert [on_hand(database_url, place, sku) for place in (CLAW, BACK)] == [0, 0]


def test_a_phone_that_was_offline_ends_in_the_same_stock(
    api: httpx.Client, database_url: str, sku: str
) -> None:
    tell(api, "received", sku=sku, location=BACK, quantity=10, occurred_at=minutes_ago(60))
    tell(api, "sold", sku=sku, location=SHELF, quantity=3, occurred_at=minutes_ago(30))
    late = tell(
        api, "transferred", sku=sku, location=BACK, to_location=SHELF, quantity=5,
        occurred_at=minutes_ago(45),
    )  # fmt: skip
    assert codes(late) == ["reordered"]
    assert [on_hand(database_url, place, sku) for place in (SHELF, BACK)] == [2, 5]
    again = api.get(f"/v1/inventory-events/{late['event_id']}").json()
    assert [move["on_hand_change"] for move in again["movements"]] == [-5, 5]


def test_a_count_that_is_sent_late_stands_at_its_own_time(
    api: httpx.Client, database_url: str, sku: str
) -> None:
    tell(api, "received", sku=sku, quantity=10, occurred_at=minutes_ago(60))
    tell(api, "sold", sku=sku, quantity=1, occurred_at=minutes_ago(10))
    tell(api, "counted", sku=sku, quantity=8, occurred_at=minutes_ago(30))
    assert on_hand(database_url, CLAW, sku) == 7


@pytest.mark.parametrize("arrivals", [[0, 1, 2, 3, 4], [0, 1, 2, 4, 3], [3, 0, 1, 4, 2]])
def test_a_lot_that_is_used_up_is_there_again_in_its_turn(
    api: httpx.Client, database_url: str, sku: str, arrivals: list[int]
) -> None:
    late = {"lot": "LATE", "expires_on": "2999-02-01"}
    soon = {"lot": "SOON", "expires_on": "2999-01-01"}
    facts: list[tuple[str, dict[str, Any]]] = [
        ("received", {"quantity": 2, **late}),
        ("received", {"quantity": 2, **soon}),
        ("sold", {"quantity": 2}),
        ("received", {"quantity": 1}),
        ("sold", {"quantity": 2, "lot": "SOON"}),
    ]
    moments = [minutes_ago(minutes) for minutes in (60, 59, 50, 55, 49)]
    for number in arrivals:
        kind, fields = facts[number]
        tell(api, kind, sku=sku, location=SHELF, occurred_at=moments[number], **fields)
    # then: what was sold first was of SOON; of it and of no lot there was one for the next two
    assert lots(database_url, sku) == {"LATE": 2}


def test_lots_of_one_list_leave_in_the_order_of_their_days(
    api: httpx.Client, database_url: str, sku: str
) -> None:
    late: dict[str, Any] = {"lot": "LATE", "expires_on": "2999-02-01"}
    tell(api, "received", sku=sku, quantity=2, occurred_at=minutes_ago(20), **late)
    rows = [
        row(sku=sku, quantity=2, lot="SOON", expires_on="2999-01-01"),
        row("sold", sku=sku, quantity=2),
    ]
    for number, given in enumerate(rows):
        given["occurred_at"] = minutes_ago(10 - number)
    answer = api.post("/v1/inventory-events/batch", json={"events": rows})
    assert answer.status_code == 200, answer.text
    assert lots(database_url, sku) == {"LATE": 2}


@pytest.mark.parametrize("kind", ["sold", "transferred", "dispatched"])
def test_undoing_what_a_refill_covered_is_answered_the_same_again(
    api: httpx.Client, database_url: str, sku: str, kind: str
) -> None:
    fields: dict[str, Any] = {
        "sold": {},
        "transferred": {"to_location": SHELF},
        "dispatched": {"to_location": ELSEWHERE, "transfer_id": str(uuid4())},
    }[kind]
    tell(api, "received", sku=sku, location=BACK, quantity=5, occurred_at=minutes_ago(9))
    told = tell(api, kind, sku=sku, quantity=3, **fields)
    assert codes(told) == ["implied_transfer"]
    undo = row("reversed", reverses=told["event_id"], sku=..., location=..., quantity=...)
    answers = [api.post("/v1/inventory-events", json=undo) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[1].content == answers[0].content
    assert on_hand(database_url, BACK, sku) == 5


def test_what_a_refill_covered_stays_moved_when_the_places_are_not_linked_any_more(
    api: httpx.Client, database_url: str, sku: str
) -> None:
    # given a shelf that was refilled from a back room without a word
    back, front = f"BACK-{sku}", f"FRONT-{sku}"
    execute(
        database_url,
        "with behind as (insert into catalog.locations (code, site_id, kind, name, selling)"
        " select %s, site_id, 'back_room', 'x', false from catalog.sites where code = 'near'"
        " returning location_id, site_id)"
        " insert into catalog.locations"
        " (code, site_id, kind, name, selling, refilled_from_location_id)"
        " select %s, site_id, 'shelf', 'x', true, location_id from behind",
        back,
        front,
    )
    tell(api, "received", sku=sku, location=back, quantity=10, occurred_at=minutes_ago(9))
    sale = tell(api, "sold", sku=sku, location=front, quantity=3, occurred_at=minutes_ago(5))
    assert codes(sale) == ["implied_transfer"]
    # when it is not refilled from there any more, and more is told of both late
    execute(
        database_url,
        "update catalog.locations set refilled_from_location_id = null where code = %s",
        front,
    )
    tell(api, "received", sku=sku, location=back, quantity=1, occurred_at=minutes_ago(7))
    assert on_hand(database_url, back, sku) == 8
    # then what was moved is there when its sale is undone
    tell(api, "reversed", reverses=sale["event_id"], sku=..., location=..., quantity=...)
    assert on_hand(database_url, front, sku) == 3
    assert on_hand(database_url, back, sku) == 8


def test_a_device_whose_clock_is_wrong_is_corrected(
    api: httpx.Client, database_url: str, sku: str
) -> None:
    an_hour_slow = minutes_ago(70), minutes_ago(60)
    told = tell(api, "received", sku=sku, occurred_at=an_hour_slow[0], sent_at=an_hour_slow[1])
    [(occurred_at, sent)] = query(
        database_url,
        "select occurred_at, occurred_at_sent from ledger.inventory_events where event_id = %s",
        told["event_id"],
    )
    assert abs((datetime.now(UTC) - timedelta(minutes=10)) - occurred_at) < timedelta(minutes=1)
    assert sent == datetime.fromisoformat(an_hour_slow[0])


def test_what_is_too_late_waits_for_a_manager(
    api: httpx.Client, database_url: str, sku: str
) -> None:
    old = row(sku=sku, occurred_at=minutes_ago(8 * 24 * 60))
    refused = api.post("/v1/inventory-events", json=old)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (422, "too-late")
    assert api.post("/v1/inventory-events?allow_late=true", json=old).status_code == 403
    listed = api.post("/v1/inventory-events/batch", json={"events": [old]}).json()["results"]
    assert listed[0]["status"] == "rejected"
    kept = query(
        database_url,
        "select payload->>'sku' from ledger.rejected_events where event_id = %s",
        old["event_id"],
    )
    assert kept == [(sku,)]


def test_a_promise_lasts_until_it_is_released_shipped_or_expired(
    api: httpx.Client, database_url: str, sku: str
) -> None:
    tell(api, "received", sku=sku, quantity=10, occurred_at=minutes_ago(9))
    promise = tell(api, "reserved", sku=sku, quantity=6)
    assert promise["stock_levels"][0]["available"] == 4
    refused = tell(api, "reserved", 409, sku=sku, quantity=5)
    assert "4 of" in refused["detail"]
    tell(api, "released", **of_promise(promise["event_id"], quantity=1))
    shipped = tell(api, "shipped", **of_promise(promise["event_id"], quantity=2))
    assert shipped["stock_levels"][0] | {"version": 0} == {
        "sku": sku, "location": CLAW, "site": "near", "on_hand": 8, "reserved": 3,
        "available": 5, "version": 0,
    }  # fmt: skip
    tell(api, "released", 409, **of_promise(promise["event_id"], quantity=4))
    rest = tell(api, "released", **of_promise(promise["event_id"], quantity=...))
    assert rest["stock_levels"][0]["reserved"] == 0
    assert query(database_url, "select from ledger.open_reservations") == []


def test_a_promise_ends_at_its_time_by_itself(
    api: httpx.Client, database_url: str, sku: str
) -> None:
    tell(api, "received", sku=sku, quantity=2, occurred_at=minutes_ago(9))
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    promise = tell(api, "reserved", sku=sku, quantity=2, expires_at=soon)
    deadline = time.monotonic() + 60
    while query(database_url, "select from ledger.open_reservations"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    level = api.get("/v1/stock-levels", params={"sku": sku}).json()["items"][0]
    assert (level["on_hand"], level["available"]) == (2, 2)
    again = api.post(
        "/v1/inventory-events",
        json=row("reserved", sku=sku, quantity=2, expires_at=soon, event_id=promise["event_id"],
                 occurred_at=occurred_at(database_url, promise["event_id"])),
    )  # fmt: skip
    assert (again.status_code, again.json()) == (200, promise)


def occurred_at(database_url: str, event_id: str) -> str:
    [(moment,)] = query(
        database_url,
        "select occurred_at from ledger.inventory_events where event_id = %s",
        event_id,
    )
    return str(moment.isoformat())


def test_an_over_promise_breaks_the_newest_reservation(api: httpx.Client, sku: str) -> None:
    tell(api, "received", sku=sku, quantity=10, occurred_at=minutes_ago(9))
    first = tell(api, "reserved", sku=sku, quantity=4)
    second = tell(api, "reserved", sku=sku, quantity=6)
    told = tell(api, "adjusted", sku=sku, reason="lost", quantity_change=-3, quantity=...)
    assert codes(told) == ["over_promised"]
    assert second["event_id"] in told["warnings"][0]["detail"]
    assert told["stock_levels"][0]["available"] == 0
    tell(api, "released", 409, **of_promise(second["event_id"], quantity=4))
    tell(api, "released", **of_promise(first["event_id"], quantity=4))


def test_the_last_unit_reserved_by_32_at_once_is_reserved_once(api: httpx.Client, sku: str) -> None:
    tell(api, "received", sku=sku, quantity=1, occurred_at=minutes_ago(9))
    with concurrent.futures.ThreadPoolExecutor(32) as clients:
        answers = clients.map(
            lambda _: api.post("/v1/inventory-events", json=row("reserved", sku=sku)).status_code,
            range(32),
        )
    assert sorted(answers) == [201] + 31 * [409]


def test_goods_between_sites_are_in_transit_until_they_arrive_or_are_given_up(
    api: httpx.Client, database_url: str, sku: str
) -> None:
    transfer: dict[str, Any] = {"sku": sku, "transfer_id": str(uuid4())}
    tell(api, "received", sku=sku, quantity=10, occurred_at=minutes_ago(9))
    tell(api, "dispatched", location=CLAW, to_location=ELSEWHERE, quantity=10, **transfer)
    tell(api, "arrived", location=ELSEWHERE, quantity=7, **transfer)
    assert on_hand(database_url, TRANSIT, sku) == 3
    lost: dict[str, Any] = {"location": TRANSIT, "reason": "lost", "quantity": ..., **transfer}
    tell(api, "adjusted", 409, quantity_change=-4, **lost)
    tell(api, "adjusted", quantity_change=-3, **lost)
    places = (CLAW, TRANSIT, ELSEWHERE)
    assert [on_hand(database_url, place, sku) for place in places] == [0, 0, 7]


def test_an_arrival_may_be_booked_before_its_dispatch(
    api: httpx.Client, database_url: str, sku: str
) -> None:
    transfer: dict[str, Any] = {"sku": sku, "transfer_id": str(uuid4())}
    tell(api, "received", sku=sku, quantity=10, lot="L1", occurred_at=minutes_ago(9))
    tell(api, "arrived", location=ELSEWHERE, quantity=6, **transfer)
    tell(api, "dispatched", location=CLAW, to_location=ELSEWHERE, quantity=8, **transfer)
    places = (CLAW, TRANSIT, ELSEWHERE)
    assert [on_hand(database_url, place, sku) for place in places] == [2, 2, 6]


def test_a_dispatch_that_is_undone_brings_the_goods_back(
    api: httpx.Client, database_url: str, sku: str
) -> None:
    transfer: dict[str, Any] = {"sku": sku, "transfer_id": str(uuid4())}
    tell(api, "received", sku=sku, quantity=10, occurred_at=minutes_ago(9))
    sent = tell(api, "dispatched", location=CLAW, to_location=ELSEWHERE, quantity=8, **transfer)
    unnamed: dict[str, Any] = {"sku": ..., "location": ..., "quantity": ...}
    tell(api, "reversed", reverses=sent["event_id"], **unnamed)
    assert [on_hand(database_url, place, sku) for place in (CLAW, TRANSIT)] == [10, 0]


@pytest.mark.parametrize(
    ("event_type", "fields", "pointer"),
    [
        ("dispatched", {"to_location": SHELF, "transfer_id": str(uuid4())}, "#/to_location"),
        ("received", {"location": TRANSIT}, "#/location"),
        ("received", {"expires_on": "2027-01-01"}, "#/expires_on"),
        ("adjusted", {"reason": "found", "quantity_change": 1, "quantity": ...,
                      "transfer_id": str(uuid4())}, "#/transfer_id"),
        ("shipped", of_promise(str(uuid4())), "#/reservation"),
        ("released", of_promise(str(uuid4())), "#/reservation"),
        ("shipped", of_promise(str(uuid4()), lot="A"), "#/lot"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_field(
    api: httpx.Client, sku: str, event_type: str, fields: dict[str, Any], pointer: str
) -> None:
    _make_transit(api, sku)
    refused = tell(api, event_type, 422, **{"sku": sku, **fields})
    assert refused["errors"][0]["pointer"] == pointer


def _make_transit(api: httpx.Client, sku: str) -> None:
    tell(api, "arrived", sku=sku, location=ELSEWHERE, transfer_id=str(uuid4()))


@pytest.fixture
def kit(database_url: str) -> str:
    """Two bears and a duck in one box."""
    code = f"KIT-{uuid4().hex[:8]}"
    execute(database_url, "insert into catalog.products (sku, name) values (%s, 'Box')", code)
    execute(
        database_url,
        "with made as (insert into catalog.recipes (product_id, recipe_version)"
        " select product_id, 1 from catalog.products where sku = %s"
        " returning product_id, recipe_version)"
        " insert into catalog.recipe_components"
        " (product_id, recipe_version, component_product_id, quantity)"
        " select made.product_id, recipe_version, parts.product_id,"
        " case parts.sku when 'BEAR' then 2 else 1 end"
        " from made, catalog.products as parts where parts.sku in ('BEAR', 'DUCK')",
        code,
    )
    return code


def test_a_kit_is_taken_apart_when_it_is_recorded(
    api: httpx.Client, database_url: str, kit: str
) -> None:
    for sku, quantity in ((BEAR, 9), (DUCK, 5)):
        tell(api, "counted", sku=sku, location=SHELF, quantity=quantity)
    sold = tell(api, "sold", sku=kit, location=SHELF, quantity=2)
    assert {level["sku"]: level["on_hand"] for level in sold["stock_levels"]} == {BEAR: 5, DUCK: 3}
    promise = tell(api, "reserved", sku=kit, location=SHELF, quantity=2)
    tell(api, "reserved", 409, sku=kit, location=SHELF, quantity=1)
    tell(api, "shipped", **of_promise(promise["event_id"], quantity=1))
    tell(api, "released", **of_promise(promise["event_id"], quantity=1))
    unnamed: dict[str, Any] = {"sku": ..., "location": ..., "quantity": ...}
    tell(api, "reversed", reverses=sold["event_id"], **unnamed)
    assert [on_hand(database_url, SHELF, sku) for sku in (BEAR, DUCK)] == [7, 4]
    tell(api, "counted", 422, sku=kit, location=SHELF, quantity=1)
    [(version,)] = query(
        database_url,
        "select recipe_version from ledger.inventory_events where event_id = %s",
        sold["event_id"],
    )
    assert version == 1

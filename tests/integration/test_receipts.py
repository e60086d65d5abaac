"""What comes in of an order becomes stock once, and is on order no longer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx
import pytest

from db.connect import ORCHESTRATION_ROLE, connect
from orchestration.defs.replenishment.policies import expected_lead_times
from tests.integration.ordering_shop import (
    FIRST,
    ORDERS,
    approve,
    change,
    managing,
    on_order,
    order,
    order_and_send,
    ordering_shop,
    state,
)
from tests.integration.planned_shop import BEAR, DUCK, PlannedShop


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    return ordering_shop(database_url)


@pytest.fixture
def api(shop: PlannedShop) -> Iterator[httpx.Client]:
    with managing(shop) as client:
        yield client


_KEPT = """
insert into purchasing.receipts (receipt_id, order_id, location_id, received_at, told_by)
select %s, order_id, location_id, now(), created_by
from purchasing.orders, catalog.locations where code = 'BACK-01'
"""
_KEPT_LINE = """
insert into purchasing.receipt_lines
(receipt_id, order_id, line, quantity, received_event_id, damaged_event_id)
select %s, order_id, 1, 48, %s, %s from purchasing.orders
"""


def receive(
    api: httpx.Client, quantity: int, *, receipt: UUID | None = None, **said: Any
) -> httpx.Response:
    line = {"line": 1, "quantity": quantity, **said}
    body = {"location": "BACK-01", "lines": [line]}
    return api.put(f"{ORDERS}/{FIRST}/receipts/{receipt or uuid4()}", json=body)


def stock(api: httpx.Client) -> int:
    levels = api.get("/v1/stock-levels", params={"sku": BEAR}).json()["items"]
    return sum(level["on_hand"] for level in levels)


def test_goods_come_in_parts(api: httpx.Client, shop: PlannedShop) -> None:
    bear = shop.suggest(BEAR)
    order_and_send(api, bear)
    assert receive(api, 20).status_code == 201
    assert (stock(api), on_order(shop), state(api, bear)) == (40, {BEAR: 28}, "ordered")
    receive(api, 28)
    assert (stock(api), on_order(shop), state(api, bear)) == (68, {}, "received")
    told = order(api)
    assert (told["status"], told["outstanding"], len(told["receipts"])) == ("received", 0, 2)


def test_too_much_is_taken_as_it_came(api: httpx.Client, shop: PlannedShop) -> None:
    order_and_send(api, shop.suggest(BEAR))
    receive(api, 60)
    [line] = order(api)["order_lines"]
    assert (line["received"], line["outstanding"], stock(api)) == (60, 0, 80)


def test_damaged_units_came_and_went(api: httpx.Client, shop: PlannedShop) -> None:
    order_and_send(api, shop.suggest(BEAR))
    receive(api, 48, damaged=5, lot="L1", expires_on="2099-01-01")
    assert (stock(api), on_order(shop)) == (63, {})
    told = shop.rows(
        "select event_type::text, reason::text, coalesce(quantity, quantity_change), reference"
        " from ledger.inventory_events where source = 'purchase-order' order by position"
    )
    assert told == [("received", None, 48, FIRST), ("adjusted", "damaged", -5, FIRST)]
    too_many = receive(api, 4, damaged=5)
    assert too_many.json()["errors"][0]["pointer"] == "#/lines/0/damaged"


def test_a_receipt_told_by_many_at_once_counts_once(api: httpx.Client, shop: PlannedShop) -> None:
    order_and_send(api, shop.suggest(BEAR))
    receipt = uuid4()
    with ThreadPoolExecutor(max_workers=8) as hands:
        turns = [hands.submit(receive, api, 48, receipt=receipt, damaged=8) for _ in range(16)]
        statuses = sorted(turn.result().status_code for turn in turns)
    assert statuses == [200] * 15 + [201]
    assert (stock(api), on_order(shop)) == (60, {})
    other = receive(api, 47, receipt=receipt, damaged=8)
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (409, "#/lines")


def test_what_was_kept_and_not_recorded_is_still_out_until_it_is_told_again(
    api: httpx.Client, shop: PlannedShop
) -> None:
    # given a receipt whose process ended before the ledger had its event
    order_and_send(api, shop.suggest(BEAR))
    receipt = uuid4()
    shop.execute(_KEPT, (receipt,))
    shop.execute(_KEPT_LINE, (receipt, uuid5(receipt, "1\nreceived"), uuid4()))
    assert (on_order(shop), order(api)["status"], stock(api)) == ({BEAR: 48}, "sent", 20)
    # when it is told again, then the ledger has it
    again = receive(api, 48, receipt=receipt)
    assert (again.status_code, again.json()["lines"][0]["is_recorded"]) == (200, True)
    assert (on_order(shop), order(api)["status"], stock(api)) == ({}, "received", 68)


def test_a_receipt_that_is_undone_is_on_order_again(api: httpx.Client, shop: PlannedShop) -> None:
    order_and_send(api, shop.suggest(BEAR))
    [line] = receive(api, 48).json()["lines"]
    undo = {
        "event_id": str(uuid4()),
        "event_type": "reversed",
        "reverses": line["received_event_id"],
        "occurred_at": "2026-11-21T00:00:00Z",
    }
    [(now,)] = shop.rows("select now()")
    answer = api.post("/v1/inventory-events", json={**undo, "occurred_at": now.isoformat()})
    assert answer.status_code == 201, answer.text
    assert (stock(api), on_order(shop), order(api)["status"]) == (20, {BEAR: 48}, "sent")
    assert order(api)["receipts"][0]["lines"][0]["is_undone"]


def test_what_is_on_order_at_a_position_is_what_the_stock_there_lacks(
    api: httpx.Client, shop: PlannedShop
) -> None:
    order_and_send(api, shop.suggest(BEAR))
    [(before,)] = shop.rows("select max(position) from ledger.inventory_events")
    receive(api, 48)
    then = shop.rows("select units from purchasing.on_order_at(%s)", (before,))
    now = shop.rows("select units from purchasing.on_order_at(%s)", (before + 1,))
    assert (then, now) == ([(48,)], [])


def test_only_what_was_sent_comes_in_and_only_where_it_was_ordered_for(
    api: httpx.Client, shop: PlannedShop
) -> None:
    approve(api, shop.suggest(BEAR))
    assert receive(api, 12).json()["type"] == "urn:parstock:problem:order-state"
    change(api, "POST", f"{FIRST}/send")
    assert receive(api, 12, line=7).status_code == 404
    shop.execute(
        "with other as (insert into catalog.sites (code, name) values ('far', 'Far')"
        " returning site_id) insert into catalog.locations (code, site_id, kind, name, selling)"
        " select 'FAR-1', site_id, 'shelf', 'Far', true from other"
    )
    body = {"location": "FAR-1", "lines": [{"line": 1, "quantity": 12}]}
    away = api.put(f"{ORDERS}/{FIRST}/receipts/{uuid4()}", json=body)
    assert away.json()["type"] == "urn:parstock:problem:not-its-place"
    assert shop.rows("select count(*) from purchasing.receipts") == [(0,)]


def test_an_order_of_which_some_came_is_closed_and_not_cancelled(
    api: httpx.Client, shop: PlannedShop
) -> None:
    bear = shop.suggest(BEAR)
    order_and_send(api, bear, shop.suggest(DUCK))
    receive(api, 12)
    assert change(api, "POST", f"{FIRST}/cancel", {}).status_code == 409
    closed = change(api, "POST", f"{FIRST}/close", {"reason": "sold out there"})
    assert (closed.json()["status"], on_order(shop)) == ("closed", {})
    # What comes all the same is a fact.
    assert receive(api, 12).status_code == 201


def test_lead_times_are_as_taken(api: httpx.Client, shop: PlannedShop) -> None:
    order_and_send(api, shop.suggest(BEAR))
    shop.execute(
        "update purchasing.orders set sent_at = now() - interval '9 days',"
        " expected_on = (now() at time zone 'UTC')::date - 4"
    )
    receive(api, 48)
    told = shop.rows("select lead_time_days, days_late, quantity from purchasing.lead_times")
    assert told == [(9, 4, 48)]


def test_the_plan_goes_by_lead_times_as_taken_once_five_are_known(
    api: httpx.Client, shop: PlannedShop
) -> None:
    order_and_send(api, shop.suggest(BEAR))
    shop.execute("update purchasing.orders set sent_at = now() - interval '6 days'")
    expected = []
    for _ in range(5):
        with connect(shop.database_url, role=ORCHESTRATION_ROLE) as connection:
            expected.append(expected_lead_times(connection))
        receive(api, 6)
    with connect(shop.database_url, role=ORCHESTRATION_ROLE) as connection:
        expected.append(expected_lead_times(connection))
    [(supplier_id,)] = shop.rows("select supplier_id from catalog.suppliers")
    assert expected == [{}] * 5 + [{supplier_id: 6}]


def test_once_five_deliveries_are_known_overdue_is_what_they_nearly_never_were(
    api: httpx.Client, shop: PlannedShop
) -> None:
    order_and_send(api, shop.suggest(BEAR))
    shop.execute(
        "update purchasing.orders set sent_at = now() - interval '9 days',"
        " expected_on = (now() at time zone 'UTC')::date - 3"
    )
    for _ in range(5):
        receive(api, 6)
    approve(api, shop.suggest(DUCK))
    answer = api.post(f"{ORDERS}/PO-000002/send", headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    slack = "select overdue_on - expected_on from purchasing.orders where number = 'PO-000002'"
    assert shop.rows(slack) == [(4,)]

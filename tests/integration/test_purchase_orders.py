"""The life of a line of the plan: approved once, ordered, changed, ended."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from tests.integration.ordering_shop import (
    ORDERS,
    PLAN,
    approve,
    change,
    managing,
    on_order,
    order,
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


def test_approved_lines_of_a_supplier_are_one_draft(api: httpx.Client, shop: PlannedShop) -> None:
    bear, duck = shop.suggest(BEAR), shop.suggest(DUCK, quantity=24)
    results = approve(api, bear, duck)
    assert [(row["status"], row["purchase_order"]) for row in results] == [
        ("approved", "PO-000001")
    ] * 2
    told = order(api)
    assert (told["status"], told["supplier"], told["site"]) == ("draft", "toys", "riverside")
    lines = {line["sku"]: line for line in told["order_lines"]}
    assert (lines[BEAR]["quantity"], lines[BEAR]["pack_size"]) == (48, 12)
    assert told["totals"] == [{"currency": "EUR", "amount": 48 * 250}]
    assert told["lines_without_a_price"] == 1
    assert on_order(shop) == {BEAR: 48, DUCK: 24}
    assert api.get(PLAN).json()["items"] == []
    assert (state(api, bear), state(api, duck)) == ("approved", "approved")


def test_an_approval_sent_again_orders_nothing_more(api: httpx.Client, shop: PlannedShop) -> None:
    bear = shop.suggest(BEAR)
    first, again = approve(api, bear), approve(api, bear, bear)
    assert first[0]["status"] == "approved"
    assert [row["status"] for row in again] == ["duplicate", "duplicate"]
    assert again[0]["line"] == first[0]["line"]
    assert len(order(api)["order_lines"]) == 1


def test_of_many_approvals_at_once_one_makes_the_line(api: httpx.Client, shop: PlannedShop) -> None:
    lines = [shop.suggest(BEAR), shop.suggest(DUCK)]
    with ThreadPoolExecutor(max_workers=8) as hands:
        turns = [
            hands.submit(approve, api, *(lines if number % 2 else reversed(lines)))
            for number in range(16)
        ]
        results = [row for turn in turns for row in turn.result()]
    assert sorted(row["status"] for row in results) == ["approved"] * 2 + ["duplicate"] * 30
    assert {row["purchase_order"] for row in results} == {"PO-000001"}
    assert len(order(api)["order_lines"]) == 2


def test_an_approval_names_what_was_read(api: httpx.Client, shop: PlannedShop) -> None:
    bear = shop.suggest(BEAR)
    unknown = uuid4()
    [stale, missing] = approve(api, bear, unknown, version=2)
    assert stale["problem"]["type"] == "urn:parstock:problem:other-version"
    assert missing["problem"]["status"] == 404
    assert state(api, bear) == "proposed"
    assert api.get(ORDERS).json()["items"] == []


def test_what_came_meanwhile_is_not_ordered(api: httpx.Client, shop: PlannedShop) -> None:
    bear = shop.suggest(BEAR)
    shop.move(BEAR, "BACK-01", 100)
    [refused] = approve(api, bear)
    assert refused["problem"]["type"] == "urn:parstock:problem:need-is-gone"


def test_without_a_supplier_there_is_no_order(api: httpx.Client, shop: PlannedShop) -> None:
    bear, duck = shop.suggest(BEAR), shop.suggest(DUCK)
    shop.execute("update catalog.products set supplier_id = null where sku = %s", (BEAR,))
    refused, approved = approve(api, bear, duck)
    assert refused["problem"]["type"] == "urn:parstock:problem:no-supplier"
    assert approved["status"] == "approved"


def test_a_dismissed_line_is_neither_told_nor_approved(
    api: httpx.Client, shop: PlannedShop
) -> None:
    bear = shop.suggest(BEAR)
    body = {"version": 1, "reason": "we drop bears"}
    for _ in range(2):
        answer = api.post(f"{PLAN}/{bear}/dismiss", json=body)
        assert (answer.status_code, answer.json()["state"]) == (200, "dismissed")
    assert api.get(PLAN).json()["items"] == []
    [refused] = approve(api, bear)
    assert refused["problem"]["type"] == "urn:parstock:problem:suggestion-is-over"


def test_a_draft_takes_whole_packs_by_whoever_read_it(api: httpx.Client, shop: PlannedShop) -> None:
    approve(api, shop.suggest(BEAR))
    path = "PO-000001/lines/1"
    assert change(api, "PATCH", path, {"quantity": 50}).status_code == 422
    assert change(api, "PATCH", path, {"quantity": 60}).json()["units"] == 60
    without = api.patch(f"{ORDERS}/{path}", json={"quantity": 72})
    stale = api.patch(f"{ORDERS}/{path}", json={"quantity": 72}, headers={"If-Match": '"1"'})
    assert (without.status_code, stale.status_code) == (428, 412)
    assert on_order(shop) == {BEAR: 60}


def test_a_sent_order_is_expected_after_the_lead_time(api: httpx.Client, shop: PlannedShop) -> None:
    bear = shop.suggest(BEAR)
    approve(api, bear)
    for _ in range(2):
        sent = change(api, "POST", "PO-000001/send")
        assert (sent.status_code, sent.json()["status"]) == (200, "sent")
    [(lead_time, slack)] = shop.rows(
        "select expected_on - (now() at time zone 'UTC')::date, overdue_on - expected_on"
        " from purchasing.orders"
    )
    assert (lead_time, slack) == (5, 8)
    assert state(api, bear) == "ordered"
    refused = change(api, "PATCH", "PO-000001/lines/1", {"quantity": 60})
    assert refused.json()["type"] == "urn:parstock:problem:order-state"
    # The next approval begins another draft.
    [row] = approve(api, shop.suggest(DUCK))
    assert row["purchase_order"] == "PO-000002"
    statuses = [one["status"] for one in api.get(ORDERS).json()["items"]]
    assert statuses == ["draft", "sent"]


def test_what_is_overdue_leaves_the_position_until_someone_says_it_comes(
    api: httpx.Client, shop: PlannedShop
) -> None:
    approve(api, shop.suggest(BEAR))
    change(api, "POST", "PO-000001/send")
    shop.execute(
        "update purchasing.orders set expected_on = '2026-01-05', overdue_on = '2026-01-13'"
    )
    assert order(api)["is_overdue"]
    assert on_order(shop) == {}
    moved = change(api, "PATCH", "PO-000001", {"expected_on": "2099-01-01"})
    assert (moved.json()["is_overdue"], moved.json()["overdue_on"]) == (False, "2099-01-09")
    assert on_order(shop) == {BEAR: 48}


@pytest.mark.parametrize("is_sent", [False, True])
def test_a_cancelled_order_is_on_order_no_longer(
    api: httpx.Client, shop: PlannedShop, is_sent: bool
) -> None:
    bear = shop.suggest(BEAR)
    approve(api, bear)
    if is_sent:
        change(api, "POST", "PO-000001/send")
    for _ in range(2):
        ended = change(api, "POST", "PO-000001/cancel", {"reason": "too dear"})
        assert (ended.json()["status"], ended.json()["ended_because"]) == ("cancelled", "too dear")
    assert on_order(shop) == {}
    assert state(api, bear) == "closed"


def test_a_line_taken_out_of_a_draft_is_not_sent(api: httpx.Client, shop: PlannedShop) -> None:
    approve(api, shop.suggest(BEAR), shop.suggest(DUCK))
    bear = next(line for line in order(api)["order_lines"] if line["sku"] == BEAR)
    change(api, "POST", f"PO-000001/lines/{bear['line']}/close")
    assert on_order(shop) == {DUCK: 48}
    assert change(api, "POST", "PO-000001/send").json()["lines"] == 1


def test_a_draft_without_lines_is_not_sent(api: httpx.Client, shop: PlannedShop) -> None:
    approve(api, shop.suggest(BEAR))
    change(api, "POST", "PO-000001/lines/1/close")
    assert change(api, "POST", "PO-000001/send").status_code == 409


def test_a_larger_order_has_the_price_of_its_quantity(api: httpx.Client, shop: PlannedShop) -> None:
    shop.execute(
        """update catalog.products set price_breaks = '{"48": 240, "96": 200}' where sku = %s""",
        (BEAR,),
    )
    approve(api, shop.suggest(BEAR))
    assert order(api)["totals"] == [{"currency": "EUR", "amount": 48 * 240}]
    for quantity, cost in ((36, 250), (96, 200)):
        answer = change(api, "PATCH", f"{order(api)['number']}/lines/1", {"quantity": quantity})
        assert answer.status_code == 200, answer.text
        assert order(api)["totals"] == [{"currency": "EUR", "amount": quantity * cost}]

"""What suppliers did, from what was ordered and what came."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.deps import Role
from tests.integration.ordering_shop import (
    FIRST,
    ORDERS,
    approve,
    change,
    managing,
    order,
    order_and_send,
    ordering_shop,
)
from tests.integration.planned_shop import BEAR, DUCK, PlannedShop
from tests.serving import browser, let_in


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    return ordering_shop(database_url)


def card(api: httpx.Client) -> dict[str, Any]:
    [told] = api.get("/v1/supplier-scorecards", params={"supplier": "toys"}).json()["items"]
    assert isinstance(told, dict)
    return told


def book_in(api: httpx.Client, number: str, sku: str, quantity: int, damaged: int = 0) -> None:
    line = next(line["line"] for line in order(api, number)["order_lines"] if line["sku"] == sku)
    came = {"line": line, "quantity": quantity, "damaged": damaged}
    answer = api.put(
        f"{ORDERS}/{number}/receipts/{uuid4()}", json={"location": "BACK-01", "lines": [came]}
    )
    assert answer.status_code == 201, answer.text


def test_a_supplier_of_whom_nothing_is_known_has_no_figures(shop: PlannedShop) -> None:
    with managing(shop) as api:
        told = card(api)
    assert (told["deliveries"], told["lead_time_days_median"], told["lines"]) == (0, None, 0)


def test_late_short_damaged_and_dearer_are_told(shop: PlannedShop) -> None:
    with managing(shop) as api:
        # given an order that came two days late, one line short, some of it damaged
        order_and_send(api, shop.suggest(BEAR), shop.suggest(DUCK, quantity=24))
        shop.execute(
            "update purchasing.orders set sent_at = now() - interval '7 days',"
            " expected_on = (now() at time zone 'UTC')::date - 2"
        )
        book_in(api, FIRST, BEAR, 48, damaged=4)
        book_in(api, FIRST, DUCK, 12)
        change(api, "POST", f"{FIRST}/close", {})
        # and a second one, of which a bear costs a tenth more and nothing came yet
        shop.execute("update catalog.products set unit_cost = 275 where sku = %s", (BEAR,))
        shop.move(BEAR, "BACK-01", -44)
        approve(api, shop.suggest(BEAR))
        api.post(f"{ORDERS}/PO-000002/send", headers={"If-Match": "*"})
        told = card(api)
    assert (told["deliveries"], told["late_deliveries"], told["most_days_late"]) == (2, 2, 2)
    assert (told["lead_time_days_p5"], told["lead_time_days_p95"]) == (7, 7)
    assert (told["lines"], told["lines_done"], told["short_lines"]) == (3, 2, 1)
    assert (told["units_received"], told["units_damaged"]) == (60, 4)
    assert (told["price_rises"], told["mean_price_change_percent"]) == (1, 10.0)


def test_a_page_tells_it_too(shop: PlannedShop) -> None:
    with managing(shop) as api:
        order_and_send(api, shop.suggest(BEAR))
        book_in(api, FIRST, BEAR, 48)
        let_in(shop.database_url, "mona", Role.VIEWER)
        viewer = browser(str(api.base_url).rstrip("/"))
        with viewer.client:
            viewer.sign_in("mona")
            page = viewer.get("/orders/suppliers").text
    assert "Toys Ltd" in page
    assert "0 of 1 that are done" in page

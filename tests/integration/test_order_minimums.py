"""Suppliers that take orders only from a value on: the plan and the draft say what is missing."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.ordering_shop import approve, managing, order, ordering_shop
from tests.integration.planned_shop import BEAR, DUCK, PlannedShop
from tests.serving import browser


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    """Toys takes orders from 200.00 EUR; 12 ducks at 3.00 are 16 above their s of 24."""
    made = ordering_shop(database_url)
    made.execute(
        "update catalog.suppliers set minimum_order_value = 20000, currency = 'EUR'",
    )
    made.execute(
        "update catalog.products set unit_cost = 300, currency = 'EUR' where sku = %s", (DUCK,)
    )
    made.plan(DUCK, reorder_point=position(made, DUCK) - 16, order_up_to_level=60)
    return made


@pytest.fixture
def api(shop: PlannedShop) -> Iterator[httpx.Client]:
    with managing(shop) as client:
        yield client


def position(shop: PlannedShop, sku: str) -> int:
    [(held,)] = shop.rows(
        "select sum(on_hand - reserved)::int from ledger.stock_levels"
        " inner join catalog.products using (product_id) where sku = %s",
        (sku,),
    )
    return int(str(held))


def short(api: httpx.Client, **asked: str) -> list[dict[str, Any]]:
    answer = api.get("/v1/short-orders", params=asked)
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def test_a_plan_below_the_minimum_says_by_how_much_and_what_is_next(
    api: httpx.Client, shop: PlannedShop
) -> None:
    shop.suggest(BEAR)
    [told] = short(api)
    assert (told["proposed"], told["drafted"], told["short_by"]) == (48 * 250, 0, 8_000)
    # 16 above s at 4 a day; in packs of 12, up to S and no further
    [duck] = told["fillers"]
    room = (60 - position(shop, DUCK)) // 12 * 12
    assert (duck["sku"], duck["quantity"], duck["days_to_reorder_point"]) == (
        DUCK,
        min(room, 36),
        4.0,
    )
    assert told["still_short_by"] == max(0, 8_000 - duck["cost"])
    assert short(api, supplier="others") == []


def test_what_has_a_line_or_was_turned_down_fills_nothing(
    api: httpx.Client, shop: PlannedShop
) -> None:
    shop.suggest(BEAR)
    shop.suggest(DUCK, status="dismissed")
    [told] = short(api)
    assert (told["fillers"], told["still_short_by"]) == ([], 8_000)


def test_a_plan_at_the_minimum_and_a_supplier_without_one_are_not_told(
    api: httpx.Client, shop: PlannedShop
) -> None:
    shop.suggest(BEAR, quantity=80)
    assert short(api) == []
    shop.execute("update catalog.suppliers set minimum_order_value = null")
    shop.execute("update planning.suggestions set quantity = 12")
    assert short(api) == []


def test_a_price_in_another_currency_is_not_counted(api: httpx.Client, shop: PlannedShop) -> None:
    shop.suggest(BEAR, quantity=80)
    shop.execute("update catalog.products set currency = 'USD' where sku = %s", (BEAR,))
    [told] = short(api)
    assert (told["proposed"], told["lines_not_counted"]) == (0, 1)


def test_a_draft_below_the_minimum_says_so_until_it_is_not(
    api: httpx.Client, shop: PlannedShop
) -> None:
    approve(api, shop.suggest(BEAR))
    assert order(api)["below_minimum"]["short_by"] == 8_000
    shop.execute("update purchasing.order_lines set quantity = 80")
    assert order(api)["below_minimum"] is None
    shop.execute("update purchasing.order_lines set quantity = 79")
    assert order(api)["below_minimum"]["short_by"] == 250


def test_the_pages_say_what_is_missing(api: httpx.Client, shop: PlannedShop) -> None:
    bear = shop.suggest(BEAR)
    signed_in = browser(str(api.base_url).rstrip("/"))
    with signed_in.client:
        assert signed_in.sign_in().status_code == 303
        approving = "/plan/approve?supplier=toys&site=riverside"
        for address in ("/plan", approving):
            said = " ".join(signed_in.get(address).text.split())
            assert "this one is EUR 80.00 below it" in said
            assert "Rubber duck (EUR" in said
        approve(api, bear)
        said = " ".join(signed_in.get("/orders/PO-000001").text.split())
        assert "this one is EUR 80.00 below it" in said

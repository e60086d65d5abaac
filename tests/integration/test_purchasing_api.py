"""Forecasts and the restock plan over HTTP."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.planned_shop import BEAR, DUCK, PlannedShop, planned_shop
from tests.serving import PASSWORD, let_in, serving, with_token


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    return planned_shop(database_url)


@pytest.fixture
def api(shop: PlannedShop) -> Iterator[httpx.Client]:
    let_in(shop.database_url)
    with serving(shop.database_url) as address, with_token(address) as client:
        yield client


def every_item(api: httpx.Client, path: str, **params: Any) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = api.get(path, params={**params, **({"cursor": cursor} if cursor else {})}).json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


def test_a_forecast_is_told_day_by_day(api: httpx.Client, shop: PlannedShop) -> None:
    shop.forecast(BEAR, days=2)
    answer = api.get("/v1/forecasts", params={"sku": BEAR, "site": "riverside"})
    assert answer.json()["next_cursor"] is None
    assert answer.json()["items"][1] == {
        "sku": BEAR,
        "site": "riverside",
        "date": "2026-11-22",
        "mean": 8.0,
        "q0.025": 0.0,
        "q0.1": 2.0,
        "q0.5": 6.0,
        "q0.9": 16.0,
        "q0.975": 24.0,
        "model": "ses",
        "issued_at": "2026-11-20T00:00:00Z",
    }


def test_only_the_forecast_that_stands_is_told(api: httpx.Client, shop: PlannedShop) -> None:
    shop.forecast(BEAR, issued_at="2026-11-19T00:00Z")
    shop.forecast(BEAR, issued_at="2026-11-20T00:00Z")
    items = api.get("/v1/forecasts").json()["items"]
    assert {item["issued_at"] for item in items} == {"2026-11-20T00:00:00Z"}


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_pages_of_forecasts_neither_skip_nor_repeat(
    api: httpx.Client, shop: PlannedShop, limit: int
) -> None:
    shop.forecast(BEAR)
    shop.forecast(DUCK)
    told = [(item["sku"], item["date"]) for item in every_item(api, "/v1/forecasts", limit=limit)]
    days = ["2026-11-21", "2026-11-22", "2026-11-23"]
    assert told == [(sku, day) for sku in (BEAR, DUCK) for day in days]


def test_a_line_of_the_plan_has_every_field_of_the_interface(
    api: httpx.Client, shop: PlannedShop
) -> None:
    suggestion_id = shop.suggest(BEAR)
    assert api.get("/v1/restock-plan").json() == {
        "items": [
            {
                "suggestion_id": str(suggestion_id),
                "version": 1,
                "kind": "purchase",
                "sku": BEAR,
                "site": "riverside",
                "supplier": "toys",
                "from_site": None,
                "from_location": None,
                "location": None,
                "quantity": 48,
                "priority": "high",
                "inventory_position": 20,
                "reorder_point": 40,
                "order_up_to_level": 60,
                "days_until_stockout": 2.5,
                "reason": "Twenty are left.",
                "arithmetic": {"mean_daily_demand": 4, "pack_size": 12},
            }
        ],
        "next_cursor": None,
    }


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_the_most_pressing_line_comes_first(
    api: httpx.Client, shop: PlannedShop, limit: int
) -> None:
    shop.execute(
        "insert into catalog.products (sku, name) select 'P' || n, 'P' from generate_series(1, 3) n"
    )
    shop.suggest(BEAR, priority="medium", days=1.0)
    shop.suggest(DUCK, priority="critical", days=None)
    shop.suggest("P1", priority="critical", days=0.1)
    shop.suggest("P2", priority="low", days=90.25)
    shop.suggest("P3", status="closed")
    told = [line["sku"] for line in every_item(api, "/v1/restock-plan", limit=limit)]
    assert told == ["P1", DUCK, BEAR, "P2"]


def test_refills_are_a_walk_behind_all_other_lines(api: httpx.Client, shop: PlannedShop) -> None:
    shop.execute(
        "insert into catalog.locations (code, site_id, kind, name, selling)"
        " select 'CLAW-0' || n, site_id, 'claw_machine', 'Claw', true"
        " from catalog.sites, generate_series(2, 4) n"
    )
    for place in ("CLAW-03", "CLAW-01", "CLAW-04", "CLAW-02"):
        shop.refill(BEAR, to=place, priority="high" if place == "CLAW-03" else "low")
    shop.suggest(BEAR, priority="low", days=None)
    lines = every_item(api, "/v1/restock-plan", limit=2)
    assert [line["location"] for line in lines] == [
        None, "CLAW-01", "CLAW-02", "CLAW-03", "CLAW-04"
    ]  # fmt: skip
    assert {line["from_location"] for line in lines[1:]} == {"BACK-01"}
    walk = every_item(api, "/v1/restock-plan", kind="refill")
    assert walk == lines[1:]


def test_a_transfer_is_told_to_who_sees_both_of_its_sites(
    api: httpx.Client, shop: PlannedShop
) -> None:
    shop.execute("insert into catalog.sites (code, name) values ('hilltop', 'Hilltop')")
    shop.execute(
        "insert into planning.suggestions (kind, product_id, site_id, from_site_id, quantity,"
        " priority, inventory_position, reorder_point, order_up_to_level, reason, arithmetic,"
        " refresh_id) select 'transfer', product_id, here.site_id, there.site_id, 5, 'high', 1, 2,"
        " 3, 'Hilltop has 90.', '{}', 1 from catalog.products, catalog.sites as here,"
        " catalog.sites as there where sku = %s and here.code = 'riverside'"
        " and there.code = 'hilltop'",
        (BEAR,),
    )
    (line,) = api.get("/v1/restock-plan").json()["items"]
    assert (line["kind"], line["from_site"], line["site"]) == ("transfer", "hilltop", "riverside")
    # given someone of one of the two sites
    rita = {"username": "rita", "role": "viewer", "sites": ["riverside"], "password": PASSWORD}
    assert api.post("/v1/users", json=rita).status_code == 201
    with with_token(str(api.base_url), username="rita") as neighbour:
        assert neighbour.get("/v1/restock-plan").json()["items"] == []


def test_a_site_without_lines_has_an_empty_plan(api: httpx.Client, shop: PlannedShop) -> None:
    shop.suggest(BEAR)
    answer = api.get("/v1/restock-plan", params={"site": "elsewhere"})
    assert answer.json() == {"items": [], "next_cursor": None}


BAD_FILTERS = [
    {"limit": "0"},
    {"limit": "many"},
    {"cursor": "%"},
    {"cursor": "W10"},
    {"cursor": "WzEsIngiLCJ5Il0"},  # [1,"x","y"]
    {"cursor": "WzEsMSwieCJd"},  # [1,1,"x"]
    {"site": ""},
    {"site": "a\x00b"},
]


@pytest.mark.parametrize("path", ["/v1/forecasts", "/v1/restock-plan"])
def test_a_filter_that_cannot_be_is_a_problem(api: httpx.Client, path: str) -> None:
    for filters in BAD_FILTERS:
        answer = api.get(path, params=filters)
        assert answer.status_code == 422, filters
        assert answer.headers["content-type"] == "application/problem+json"
        assert next(iter(filters)) in str(answer.json()["errors"])

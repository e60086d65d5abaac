"""A manager of another site sees and moves nothing of an order, nor of the plan before it."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.ordering_shop import (
    FIRST,
    ORDERS,
    PLAN,
    approve,
    managing,
    on_order,
    order,
    order_and_send,
    ordering_shop,
)
from tests.integration.planned_shop import BEAR, DUCK, PlannedShop
from tests.serving import PASSWORD, Browser, browser, with_token

FORMS = ("lines/1", "send", "cancel", "close", "mail", "expect", "receive")


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    return ordering_shop(database_url)


def of_the_far_site(shop: PlannedShop, api: httpx.Client) -> httpx.Client:
    """A client of a manager of a site that is made now, when the plan is."""
    shop.execute("insert into catalog.sites (code, name) values ('far', 'Far')")
    made = {"username": "fara", "role": "manager", "sites": ["far"], "password": PASSWORD}
    assert api.post("/v1/users", json=made).status_code == 201
    return with_token(str(api.base_url).rstrip("/"), "fara")


def asked_of(number: str) -> list[tuple[str, str, Any]]:
    """Everything that can be asked about an order."""
    receipt = {"location": "BACK-01", "lines": [{"line": 1, "quantity": 1}]}
    return [
        ("GET", number, None),
        ("GET", f"{number}.csv", None),
        ("GET", f"{number}.pdf", None),
        ("PATCH", number, {"expected_on": "2099-01-01"}),
        ("PATCH", f"{number}/lines/1", {"quantity": 12}),
        ("POST", f"{number}/lines/1/close", None),
        ("POST", f"{number}/send", None),
        ("POST", f"{number}/cancel", {}),
        ("POST", f"{number}/close", {}),
        ("PUT", f"{number}/receipts/{uuid4()}", receipt),
    ]


def test_another_site_has_no_part_in_an_order(shop: PlannedShop) -> None:
    bear = shop.suggest(BEAR)
    with managing(shop) as api, of_the_far_site(shop, api) as far:
        order_and_send(api, bear)
        before = order(api)
        for method, path, body in asked_of(FIRST):
            headers = {"If-Match": "*"}
            answer = far.request(method, f"{ORDERS}/{path}", json=body, headers=headers)
            assert answer.status_code == 404, (method, path, answer.text)
        assert far.get(ORDERS).json()["items"] == []
        [card] = far.get("/v1/supplier-scorecards").json()["items"]
        assert (card["lines"], card["deliveries"]) == (0, 0)
        assert order(api) == before


def test_another_site_has_no_part_in_the_plan(shop: PlannedShop) -> None:
    bear = shop.suggest(BEAR)
    with managing(shop) as api, of_the_far_site(shop, api) as far:
        [refused] = approve(far, bear)
        assert (refused["status"], refused["problem"]["status"]) == ("refused", 404)
        assert far.get(f"{PLAN}/{bear}").status_code == 404
        assert far.post(f"{PLAN}/{bear}/dismiss", json={"version": 1}).status_code == 404
    assert on_order(shop) == {}


def test_nor_over_the_pages(shop: PlannedShop) -> None:
    bear, duck = shop.suggest(BEAR), shop.suggest(DUCK)
    with managing(shop) as api, of_the_far_site(shop, api):
        order_and_send(api, bear)
        before = order(api)
        far: Browser = browser(str(api.base_url).rstrip("/"))
        with far.client:
            far.sign_in("fara")
            assert FIRST not in far.get("/orders").text
            assert far.get(f"/orders/{FIRST}").status_code == 404
            for form in FORMS:
                fields = {"version": "3", "quantity": "12", "expected_on": "2099-01-01"}
                answer = far.post(
                    f"/orders/{FIRST}/{form}", receipt_id=str(uuid4()), location="BACK-01", **fields
                )
                assert answer.status_code in (404, 409), (form, answer.status_code)
            far.post("/plan/approve", line=f"{duck}:1")
            far.post(f"/plan/{duck}/dismiss", version="1")
        assert order(api) == before
        assert api.get(f"{PLAN}/{duck}").json()["state"] == "proposed"

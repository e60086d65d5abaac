"""The pages on which lines of the plan become orders, and goods are booked in."""

import re
from collections.abc import Iterator

import pytest

from tests.integration.ordering_shop import on_order, ordering_shop
from tests.integration.planned_shop import BEAR, DUCK, PlannedShop
from tests.serving import Browser, browser, hidden, let_in, serving


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    return ordering_shop(database_url)


@pytest.fixture
def manager(shop: PlannedShop) -> Iterator[Browser]:
    """A browser that is signed in."""
    let_in(shop.database_url)
    with serving(shop.database_url) as address:
        signed_in = browser(address)
        with signed_in.client:
            assert signed_in.sign_in().status_code == 303
            yield signed_in


def press(manager: Browser, path: str, **fields: str) -> str:
    """Send a form of the order's page with the version that it shows; answers where it leads."""
    version = hidden(manager.get("/orders/PO-000001").text, "version")
    answer = manager.post(f"/orders/PO-000001{path}", version=version, **fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_all_lines_of_a_supplier_are_ordered_at_once(manager: Browser, shop: PlannedShop) -> None:
    shop.suggest(BEAR)
    shop.suggest(DUCK, quantity=24)
    plan = manager.get("/plan").text
    [address] = re.findall(r'href="(/plan/approve[^"]*)"', plan)
    ticked = re.findall(
        r'name="line"\s+value="([^"]+)"', manager.get(address.replace("&amp;", "&")).text
    )
    assert len(ticked) == 2
    answer = manager.client.post(
        "/plan/approve", data={"csrf_token": manager.token(), "line": ticked}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/orders/PO-000001")
    assert on_order(shop) == {BEAR: 48, DUCK: 24}
    assert "Plush bear" in manager.get("/orders/PO-000001").text
    assert "PO-000001" in manager.get("/orders").text


def test_one_line_is_ordered_and_another_is_not_wanted(manager: Browser, shop: PlannedShop) -> None:
    bear, duck = shop.suggest(BEAR), shop.suggest(DUCK)
    manager.post(f"/plan/{duck}/dismiss", version="1")
    answer = manager.post("/plan/approve", line=f"{bear}:1")
    assert answer.headers["location"] == "/orders/PO-000001"
    assert "Rubber duck" not in manager.get("/plan").text
    again = manager.post("/plan/approve", line=f"{duck}:1")
    assert (again.status_code, "dismissed" in again.text) == (409, True)


def test_a_draft_is_changed_sent_received_and_done(manager: Browser, shop: PlannedShop) -> None:
    manager.post("/plan/approve", line=f"{shop.suggest(BEAR)}:1")
    press(manager, "/lines/1", quantity="60")
    assert on_order(shop) == {BEAR: 60}
    press(manager, "/send")
    # when a part comes, with a typing error first
    shown = manager.get("/orders/PO-000001").text
    receipt = {"receipt_id": hidden(shown, "receipt_id"), "location": "BACK-01"}
    wrong = manager.post(
        "/orders/PO-000001/receive", **receipt, **{"quantity-1": "12", "damaged-1": "13"}
    )
    assert (wrong.status_code, "At most as many as came." in wrong.text) == (422, True)
    assert hidden(wrong.text, "receipt_id") == receipt["receipt_id"]
    assert hidden(wrong.text, "quantity-1") == "12"
    right = {**receipt, "quantity-1": "12", "damaged-1": "2"}
    for _ in range(2):
        assert manager.post("/orders/PO-000001/receive", **right).status_code == 303
    assert on_order(shop) == {BEAR: 48}
    assert "2 damaged" in manager.get("/orders/PO-000001").text
    # then the rest is given up
    press(manager, "/close", reason="the rest is sold out")
    assert on_order(shop) == {}
    assert "the rest is sold out" in manager.get("/orders/PO-000001").text


def test_a_form_of_an_older_version_changes_nothing(manager: Browser, shop: PlannedShop) -> None:
    manager.post("/plan/approve", line=f"{shop.suggest(BEAR)}:1")
    press(manager, "/lines/1", quantity="60")
    stale = manager.post("/orders/PO-000001/lines/1", version="1", quantity="72")
    assert (stale.status_code, on_order(shop)) == (412, {BEAR: 60})


def test_an_overdue_order_asks_whether_it_still_comes(manager: Browser, shop: PlannedShop) -> None:
    manager.post("/plan/approve", line=f"{shop.suggest(BEAR)}:1")
    press(manager, "/send")
    shop.execute(
        "update purchasing.orders set expected_on = '2026-01-05', overdue_on = '2026-01-13'"
    )
    assert "Still coming?" in manager.get("/orders").text
    press(manager, "/expect", expected_on="2099-01-01")
    assert "Still coming?" not in manager.get("/orders/PO-000001").text
    assert on_order(shop) == {BEAR: 48}

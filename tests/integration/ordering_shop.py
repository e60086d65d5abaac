"""The small shop with 20 bears and ducks left, and hands that order and receive over the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx

from tests.integration.planned_shop import BEAR, DUCK, PlannedShop, planned_shop
from tests.serving import let_in, serving, with_token

PLAN, ORDERS = "/v1/restock-plan", "/v1/purchase-orders"
FIRST = "PO-000001"


def ordering_shop(database_url: str) -> PlannedShop:
    """Both products stand below their reorder point of 40; a bear costs 2.50 EUR."""
    shop = planned_shop(database_url)
    for sku in (BEAR, DUCK):
        shop.move(sku, "BACK-01", -50)
        shop.move(sku, "CLAW-01", -10)
    shop.execute(
        "update catalog.products set unit_cost = 250, currency = 'EUR' where sku = %s", (BEAR,)
    )
    return shop


@contextmanager
def managing(shop: PlannedShop, **settings: Any) -> Iterator[httpx.Client]:
    """A client that may do everything, of an API with these settings."""
    let_in(shop.database_url)
    with serving(shop.database_url, **settings) as address, with_token(address) as client:
        yield client


def approve(api: httpx.Client, *lines: UUID, version: int = 1) -> list[dict[str, Any]]:
    asked = [{"suggestion_id": str(line), "version": version} for line in lines]
    answer = api.post(f"{PLAN}/approve", json={"lines": asked})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def order(api: httpx.Client, number: str = FIRST) -> dict[str, Any]:
    answer = api.get(f"{ORDERS}/{number}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert answer.headers["ETag"] == f'"{told["version"]}"'
    return told


def change(api: httpx.Client, method: str, path: str, body: Any = None) -> httpx.Response:
    """What a manager does who has just read the order."""
    number = path.split("/")[0]
    headers = {"If-Match": f'"{order(api, number)["version"]}"'}
    return api.request(method, f"{ORDERS}/{path}", json=body, headers=headers)


def order_and_send(api: httpx.Client, *lines: UUID) -> dict[str, Any]:
    approve(api, *lines)
    sent = change(api, "POST", f"{FIRST}/send")
    assert sent.status_code == 200, sent.text
    told: dict[str, Any] = sent.json()
    return told


def state(api: httpx.Client, line: UUID) -> str:
    return str(api.get(f"{PLAN}/{line}").json()["state"])


def on_order(shop: PlannedShop) -> dict[str, int]:
    return dict(
        shop.rows(
            "select sku, units from purchasing.on_order join catalog.products using (product_id)"
        )
    )

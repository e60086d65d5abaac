"""/v1/lots: from a lot to all that it went through, and from a place back to its lots."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.database import make_pool
from api.identity.service import create_device_key
from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import BACK, BEAR, CLAW, DUCK, ELSEWHERE, row, shared_shop
from tests.serving import serving

LOTS = "/v1/lots"
SOLD, TRANSFER = uuid4(), uuid4()


@pytest.fixture(scope="module")
def api(postgres: EmbeddedPostgres, template: str) -> Iterator[httpx.Client]:
    """A shop in which the lot A/1 went everywhere that a lot can go."""
    began = datetime.now(UTC) - timedelta(hours=12)
    lot = {"lot": "A/1"}
    rows = [
        row(location=BACK, quantity=20, **lot, expires_on="2999-05-01", reference="PO-1"),
        row(location=BACK, quantity=5, lot="B", expires_on="2999-09-01"),
        row(location=BACK, quantity=7),
        row(sku=DUCK, location=BACK, quantity=3, lot="A/1"),
        # Of none that is named: the one that expires first leaves.
        row("transferred", location=BACK, to_location=CLAW, quantity=8),
        row("sold", event_id=str(SOLD), quantity=3, reference="T-1"),
        row("returned", quantity=1, **lot),
        row(
            "dispatched",
            location=BACK,
            to_location=ELSEWHERE,
            transfer_id=str(TRANSFER),
            quantity=6,
            **lot,
        ),
        row("arrived", location=ELSEWHERE, transfer_id=str(TRANSFER), quantity=4, **lot),
        row("adjusted", location=BACK, quantity=..., reason="damaged", quantity_change=-1, **lot),
        row("reversed", sku=..., location=..., quantity=..., reverses=str(SOLD)),
        row("sold", quantity=2, reference="T-2"),
    ]
    with (
        shared_shop(postgres, template) as (database_url, key),
        serving(database_url) as address,
        httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30
        ) as client,
    ):
        for minute, given in enumerate(rows):
            given["occurred_at"] = (began + timedelta(minutes=minute)).isoformat()
            answer = client.post(
                "/v1/inventory-events",
                content=json.dumps(given),
                headers={"Content-Type": "application/json"},
            )
            assert answer.status_code == 201, answer.text
        client.headers["X-Near-Key"] = asyncio.run(near_key(database_url))
        yield client


async def near_key(database_url: str) -> str:
    """The key of a device that reaches one site."""
    pool = make_pool(database_url, size=1, connect_timeout_s=10, statement_timeout_s=10)
    async with pool, pool.acquire() as connection:
        return await create_device_key(connection, "scanner-1", sites=["near"])


def trace(api: httpx.Client, **params: Any) -> dict[str, Any]:
    answer = api.get(f"{LOTS}/{BEAR}/A%2F1/trace", params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_lot_leads_to_every_place_sale_and_transfer(api: httpx.Client) -> None:
    told = trace(api)
    # then: where it is, and what became of it there
    assert (told["expires_on"], told["on_hand"]) == ("2999-05-01", 18)
    counts = ("came_in", "went_out", "sold", "on_hand")
    assert {
        place["location"]: tuple(place[name] for name in counts) for place in told["places"]
    } == {
        BACK: (20, 15, 0, 5),
        CLAW: (12, 5, 2, 7),
        "far.transit": (6, 4, 0, 2),
        ELSEWHERE: (4, 0, 0, 4),
    }
    # and: each step, by the numbers that others know it by
    steps = told["movements"]
    assert [(step["event_type"], step["location"], step["on_hand_change"]) for step in steps] == [
        ("received", BACK, 20),
        ("transferred", BACK, -8),
        ("transferred", CLAW, 8),
        ("sold", CLAW, -3),
        ("returned", CLAW, 1),
        ("dispatched", BACK, -6),
        ("dispatched", "far.transit", 6),
        ("arrived", ELSEWHERE, 4),
        ("arrived", "far.transit", -4),
        ("adjusted", BACK, -1),
        ("reversed", CLAW, 3),
        ("sold", CLAW, -2),
    ]
    assert [step["reference"] for step in steps if step["event_type"] == "received"] == ["PO-1"]
    assert {step["transfer_id"] for step in steps if step["transfer_id"]} == {str(TRANSFER)}
    # and: what is on hand is the sum of the steps
    assert sum(step["on_hand_change"] for step in steps) == told["on_hand"]


def test_a_trace_is_paged_without_a_gap(api: httpx.Client) -> None:
    steps, cursor = [], None
    while True:
        page = trace(api, limit=1, **({"cursor": cursor} if cursor else {}))
        steps += page["movements"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert steps == trace(api)["movements"]


def test_a_place_and_a_sale_lead_back_to_their_lots(api: httpx.Client) -> None:
    # then: what is there and what once was, product by product
    found = api.get(LOTS, params={"location": BACK}).json()["items"]
    assert [(lot["sku"], lot["lot"], lot["on_hand"]) for lot in found] == [
        (BEAR, "A/1", 5),
        (BEAR, "B", 5),
        (DUCK, "A/1", 3),
    ]
    soon = api.get(LOTS, params={"expires_to": "2999-05-01", "site": "far"}).json()["items"]
    assert [lot["location"] for lot in soon] == [ELSEWHERE, "far.transit"]
    first = api.get(LOTS, params={"limit": 2, "sku": BEAR}).json()
    rest = api.get(LOTS, params={"cursor": first["next_cursor"], "sku": BEAR}).json()
    assert [lot["location"] for lot in first["items"] + rest["items"]] == [
        BACK,
        CLAW,
        ELSEWHERE,
        "far.transit",
        BACK,
    ]
    # and: from the number of a sale
    [sale] = api.get("/v1/inventory-events", params={"reference": "T-2"}).json()["items"]
    assert [(leg["lot"], leg["on_hand_change"]) for leg in sale["movements"]] == [("A/1", -2)]
    assert sale["lot"] is None


def test_who_has_a_site_traces_a_lot_no_further(api: httpx.Client) -> None:
    # given: a device of the near site
    elsewhere = {ELSEWHERE, "far.transit"}
    key = api.headers["X-Near-Key"]
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=api.base_url, headers=headers, timeout=30) as near:
        told = trace(near)
        found = near.get(LOTS).json()["items"]
    # then
    assert {place["location"] for place in told["places"]} == {BACK, CLAW}
    assert elsewhere.isdisjoint(step["location"] for step in told["movements"])
    assert elsewhere.isdisjoint(lot["location"] for lot in found)


@pytest.mark.parametrize("path", [f"{BEAR}/NONE", "NONE/B", f"{BEAR}/A/1"])
def test_a_lot_that_is_not_there_is_not_found(api: httpx.Client, path: str) -> None:
    assert api.get(f"{LOTS}/{path}/trace").status_code == 404

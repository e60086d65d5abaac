"""GET, POST and PATCH of products, sites, locations and suppliers over HTTP."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api.catalog.errors import UnknownReference
from api.catalog.schemas import Location, Product, Site, Supplier
from api.catalog.service import upsert_locations, upsert_products, upsert_sites, upsert_suppliers
from api.database import DatabaseConnection, make_pool
from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import BEAR, CLAW, execute, furnish, query, row, shared_shop
from tests.serving import let_in, serving, with_token


@pytest.fixture(scope="module")
def shared_api(postgres: EmbeddedPostgres, template: str) -> Iterator[httpx.Client]:
    """For tests that leave nothing behind."""
    with shared_shop(postgres, template) as (database_url, _):
        let_in(database_url)
        with serving(database_url) as address, with_token(address) as client:
            yield client


@pytest.fixture
def api(database_url: str) -> Iterator[httpx.Client]:
    furnish(database_url)
    let_in(database_url)
    with serving(database_url) as address, with_token(address) as client:
        yield client


def post(api: httpx.Client, path: str, body: Any) -> httpx.Response:
    return api.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})


def patch(api: httpx.Client, path: str, body: Any, if_match: str | None) -> httpx.Response:
    headers = {"Content-Type": "application/json"}
    if if_match is not None:
        headers["If-Match"] = if_match
    return api.patch(path, content=json.dumps(body), headers=headers)


PRODUCT = {"sku": "DUCK-2", "name": "Yellow duck"}
SITE = {"code": "riverside", "name": "Riverside"}
LOCATION = {"code": "RACK-1", "site": "near", "kind": "rack"}
SUPPLIER = {"code": "toys", "name": "Toys Ltd"}


@pytest.mark.parametrize(
    ("kind", "body", "made"),
    [
        (
            "products",
            PRODUCT,
            {
                **PRODUCT,
                "category": None,
                "unit_cost": None,
                "unit_price": None,
                "currency": None,
                "supplier": None,
                "pack_size": 1,
                "minimum_order_quantity": 1,
                "base_unit": "each",
                "status": "active",
                "successor": None,
                "successor_from": None,
                "variant_of": None,
                "options": {},
                "price_breaks": {},
            },
        ),
        ("sites", SITE, {**SITE, "time_zone": "UTC", "country": None, "is_simulated": False}),
        (
            "locations",
            LOCATION,
            {
                **LOCATION,
                "name": "RACK-1",
                "capacity": None,
                "metering": "metered",
                "selling": False,
                "refilled_from": None,
                "parent": None,
                "gln": None,
            },
        ),
        (
            "suppliers",
            SUPPLIER,
            {
                **SUPPLIER,
                "lead_time_days": 7,
                "minimum_order_value": None,
                "currency": None,
                "order_days": None,
            },
        ),
    ],
)
def test_what_is_made_is_there_under_its_code(
    api: httpx.Client, kind: str, body: dict[str, Any], made: dict[str, Any]
) -> None:
    first = post(api, f"/v1/{kind}", body)
    assert first.status_code == 201
    assert first.json() == {**made, "version": 1}
    assert first.headers["ETag"] == '"1"'
    again = post(api, f"/v1/{kind}", body)
    assert (again.status_code, again.json()) == (200, first.json())
    different = post(api, f"/v1/{kind}", {**body, "name": "Another"})
    assert different.status_code == 409
    assert different.json()["errors"][0]["pointer"] == "#/name"
    one = api.get(first.headers["Location"])
    assert one.headers["ETag"] == '"1"'
    assert {name: one.json()[name] for name in made} == made
    listed = api.get(f"/v1/{kind}").json()["items"]
    assert first.json() in listed


def test_a_code_may_hold_any_printable_character(api: httpx.Client) -> None:
    sku = "Ä/b c?#%2F+&"
    made = post(api, "/v1/products", {"sku": sku, "name": "x"})
    assert made.status_code == 201
    assert api.get(made.headers["Location"]).json()["sku"] == sku
    assert made.headers["Location"] == f"/v1/products/{quote(sku, safe='')}"
    assert post(api, "/v1/inventory-events", row(sku=sku)).status_code == 201


def test_a_product_is_told_with_its_stock(api: httpx.Client) -> None:
    post(api, "/v1/inventory-events", row(quantity=3))
    assert api.get(f"/v1/products/{BEAR}").json()["stock_levels"] == [
        {
            "sku": BEAR,
            "location": CLAW,
            "site": "near",
            "on_hand": 3,
            "reserved": 0,
            "available": 3,
            "version": 1,
        }
    ]


@pytest.mark.parametrize("kind", ["products", "sites", "locations", "suppliers"])
def test_what_is_not_there_is_a_404_problem(shared_api: httpx.Client, kind: str) -> None:
    for answer in (
        shared_api.get(f"/v1/{kind}/none"),
        patch(shared_api, f"/v1/{kind}/none", {"name": "x"}, '"1"'),
    ):
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_change_names_the_version_that_was_read(api: httpx.Client) -> None:
    post(api, "/v1/products", PRODUCT)
    path = "/v1/products/DUCK-2"
    assert patch(api, path, {"name": "Duck"}, None).status_code == 428
    for stale in ('"2"', 'W/"1"', '"x"', "1", '"9999999999999999999999"'):
        assert patch(api, path, {"name": "Duck"}, stale).status_code == 412
    changed = patch(api, path, {"name": "Duck", "category": "toys"}, '"7", "1"')
    assert changed.status_code == 200
    assert changed.headers["ETag"] == '"2"'
    assert (changed.json()["name"], changed.json()["category"]) == ("Duck", "toys")
    assert patch(api, path, {"name": "Again"}, '"1"').status_code == 412
    cleared = patch(api, path, {"category": None}, "*")
    assert (cleared.json()["category"], cleared.json()["version"]) == (None, 3)


def test_a_change_to_what_is_there_already_is_no_new_version(api: httpx.Client) -> None:
    post(api, "/v1/sites", SITE)
    same = patch(api, "/v1/sites/riverside", {"name": "Riverside"}, '"1"')
    assert (same.status_code, same.headers["ETag"]) == (200, '"1"')


def test_of_two_changes_to_one_version_one_is_stale(api: httpx.Client) -> None:
    post(api, "/v1/suppliers", SUPPLIER)

    async def both() -> list[int]:
        async with httpx.AsyncClient(
            base_url=api.base_url, headers=api.headers, timeout=30
        ) as client:
            answers = await asyncio.gather(
                *(
                    client.patch(
                        "/v1/suppliers/toys",
                        json={"lead_time_days": days},
                        headers={"If-Match": '"1"'},
                    )
                    for days in (1, 2, 3, 4)
                )
            )
            return sorted(answer.status_code for answer in answers)

    assert asyncio.run(both()) == [200, 412, 412, 412]


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("products", {"sku": "A"}, "#/name"),
        ("products", {"name": "a"}, "#/sku"),
        ("products", {"sku": "", "name": "a"}, "#/sku"),
        ("products", {"sku": " A", "name": "a"}, "#/sku"),
        ("products", {"sku": "A\n", "name": "a"}, "#/sku"),
        ("products", {"sku": "A\x00", "name": "a"}, "#/sku"),
        ("products", {"sku": "A\ud800", "name": "a"}, "#/sku"),
        ("products", {"sku": "A", "name": "\x00"}, "#/name"),
        ("products", {"sku": "A", "name": "   "}, "#/name"),
        ("products", {"sku": "A", "name": "a", "colour": 1}, "#/colour"),
        ("products", {"sku": "A", "name": "a", "unit_cost": 1}, "#/currency"),
        ("products", {"sku": "A", "name": "a", "unit_cost": 1, "currency": "eur"}, "#/currency"),
        ("products", {"sku": "A", "name": "a", "unit_cost": 1, "currency": "EUR\n"}, "#/currency"),
        ("products", {"sku": "A", "name": "a", "unit_cost": -1, "currency": "EUR"}, "#/unit_cost"),
        ("products", {"sku": "A", "name": "a", "unit_cost": 2**63, "currency": "EUR"}, None),
        ("products", {"sku": "A", "name": "a", "unit_cost": 1.5, "currency": "EUR"}, None),
        ("products", {"sku": "A", "name": "a", "pack_size": 0}, "#/pack_size"),
        ("products", {"sku": "A", "name": "a", "pack_size": 2**31}, "#/pack_size"),
        ("products", {"sku": "A", "name": "a", "supplier": "none"}, "#/supplier"),
        ("sites", {"code": "A", "name": "a", "time_zone": "Mars/Olympus"}, "#/time_zone"),
        ("sites", {"code": "A", "name": "a", "time_zone": "\x00"}, "#/time_zone"),
        ("suppliers", {"code": "A", "name": "a", "lead_time_days": -1}, "#/lead_time_days"),
        ("suppliers", {"code": "A", "name": "a", "lead_time_days": True}, "#/lead_time_days"),
        ("suppliers", {"code": "A", "name": "a", "lead_time_days": 731}, "#/lead_time_days"),
        ("locations", {**LOCATION, "site": "none"}, "#/site"),
        ("locations", {**LOCATION, "kind": "cupboard"}, "#/kind"),
        ("locations", {**LOCATION, "capacity": 0}, "#/capacity"),
        ("locations", {**LOCATION, "metering": "guessed"}, "#/metering"),
        ("locations", {**LOCATION, "selling": "yes"}, "#/selling"),
        ("locations", {**LOCATION, "refilled_from": "RACK-1"}, "#/refilled_from"),
        ("locations", {**LOCATION, "refilled_from": "none"}, "#/refilled_from"),
        ("locations", {**LOCATION, "refilled_from": "FAR-01"}, "#/refilled_from"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_kept(
    shared_api: httpx.Client, path: str, body: dict[str, Any], pointer: str | None
) -> None:
    before = shared_api.get(f"/v1/{path}").json()
    answer = post(shared_api, f"/v1/{path}", body)
    assert answer.status_code == 422
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert pointers == [pointer or "#/unit_cost"]
    assert shared_api.get(f"/v1/{path}").json() == before


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": None}, "#/name"),
        ({"name": ""}, "#/name"),
        ({"sku": "OTHER"}, "#/sku"),
        ({"unit_price": 100}, "#/currency"),
        ({"pack_size": "2"}, "#/pack_size"),
        ({"supplier": "none"}, "#/supplier"),
        ([], "#"),
    ],
)
def test_a_wrong_change_is_named_and_nothing_is_changed(
    api: httpx.Client, body: Any, pointer: str
) -> None:
    post(api, "/v1/products", PRODUCT)
    answer = patch(api, "/v1/products/DUCK-2", body, '"1"')
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert api.get("/v1/products/DUCK-2").headers["ETag"] == '"1"'


@pytest.mark.parametrize("kind", ["claw machine", "Claw-Machine", "claw_machine"])
def test_a_kind_may_be_written_as_people_write_it(api: httpx.Client, kind: str) -> None:
    made = post(api, "/v1/locations", {"code": "C-9", "site": "near", "kind": kind})
    assert (made.json()["kind"], made.json()["selling"]) == ("claw_machine", True)


def test_users_add_kinds_of_their_own(api: httpx.Client, database_url: str) -> None:
    execute(
        database_url,
        "insert into catalog.location_kinds (kind, name) values ('vending_wall', 'Vending wall')",
    )
    made = post(api, "/v1/locations", {"code": "V-1", "site": "near", "kind": "Vending wall"})
    assert made.status_code == 201


def test_places_are_not_refilled_in_a_circle(api: httpx.Client) -> None:
    answer = patch(api, "/v1/locations/BACK-01", {"refilled_from": CLAW}, "*")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/refilled_from"


def test_lists_are_paged_in_order_of_their_codes(api: httpx.Client) -> None:
    for number in range(7):
        post(api, "/v1/products", {"sku": f"P-{number}", "name": "Paged product"})
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get("/v1/products", params={"limit": 3, "search": "paged", **cursor}).json()
        found += [item["sku"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == [f"P-{number}" for number in range(7)]
    by_site = api.get("/v1/locations", params={"site": "far"}).json()["items"]
    assert [item["code"] for item in by_site] == ["FAR-01"]


def test_a_device_may_read_and_not_change(database_url: str) -> None:
    key = furnish(database_url)
    headers = {"Authorization": f"Bearer {key}"}
    with (
        serving(database_url) as address,
        httpx.Client(base_url=address, headers=headers, timeout=30) as client,
    ):
        assert client.get("/v1/products").status_code == 200
        assert post(client, "/v1/products", PRODUCT).status_code == 403
        assert patch(client, f"/v1/products/{BEAR}", {"name": "x"}, "*").status_code == 403


def with_connection(database_url: str, *calls: Any) -> None:
    async def run() -> None:
        pool = make_pool(database_url, size=1, connect_timeout_s=10, statement_timeout_s=10)
        async with pool, pool.acquire() as connection:
            for upsert, rows in calls:
                await upsert(connection, rows)

    asyncio.run(run())


def test_many_rows_are_made_or_changed_at_once(database_url: str) -> None:
    suppliers = [Supplier(code="s", name="S")]
    sites = [Site(code="a", name="A")]
    # A place may come before the one that it is refilled from; of two alike the last counts.
    locations = [
        Location(code="front", site="a", kind="shelf", refilled_from="back"),
        Location(code="back", site="a", kind="back room", name="first"),
        Location(code="back", site="a", kind="back room", name="last"),
    ]
    products = [Product(sku="p", name="P", supplier="s", unit_cost=5, currency="EUR")]
    calls = [
        (upsert_suppliers, suppliers),
        (upsert_sites, sites),
        (upsert_locations, locations),
        (upsert_products, products),
    ]
    with_connection(database_url, *calls, *calls, (upsert_products, []))
    assert query(
        database_url,
        "select one.code, one.name, other.code from catalog.locations as one"
        " left join catalog.locations as other"
        " on one.refilled_from_location_id = other.location_id order by one.code",
    ) == [("back", "last", None), ("front", "front", "back")]
    assert query(
        database_url,
        "select products.version, suppliers.code from catalog.products"
        " join catalog.suppliers using (supplier_id)",
    ) == [(1, "s")]
    with_connection(database_url, (upsert_suppliers, [Supplier(code="s", name="Renamed")]))
    assert query(database_url, "select name, version from catalog.suppliers") == [("Renamed", 2)]


@pytest.mark.parametrize(
    ("upsert", "rows"),
    [
        (upsert_products, [Product(sku="p", name="P", supplier="none")]),
        (upsert_locations, [Location(code="l", site="none", kind="rack")]),
        (upsert_locations, [Location(code="l", site="near", kind="none")]),
        (upsert_locations, [Location(code="l", site="near", kind="rack", refilled_from="none")]),
    ],
)
def test_many_rows_that_name_what_is_not_there_are_refused(
    database_url: str, upsert: Any, rows: list[Any]
) -> None:
    furnish(database_url)

    async def in_a_transaction(connection: DatabaseConnection, given: list[Any]) -> None:
        async with connection.transaction():
            await upsert(connection, given)

    with pytest.raises(UnknownReference, match="none"):
        with_connection(database_url, (in_a_transaction, rows))

"""What every kind of master data keeps to: versions, patches, batches, filters, the log, sites."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from db.connect import API_ROLE, connect
from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import BACK, BEAR, CLAW, ELSEWHERE, query, row, shared_shop
from tests.serving import let_in, serving, with_token


@pytest.fixture(scope="module")
def shop(postgres: EmbeddedPostgres, template: str) -> Iterator[tuple[str, str]]:
    """The address of a database and of the API on it; each test makes codes of its own."""
    with shared_shop(postgres, template) as (database_url, _):
        let_in(database_url)
        with serving(database_url) as address:
            yield database_url, address


@pytest.fixture(scope="module")
def api(shop: tuple[str, str]) -> Iterator[httpx.Client]:
    with with_token(shop[1]) as client:
        yield client


def made(api: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    answer = api.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def patch(api: httpx.Client, path: str, if_match: str = "*", **body: Any) -> httpx.Response:
    return api.patch(path, json=body, headers={"If-Match": if_match})


def batch(api: httpx.Client, path: str, *rows: Any) -> list[dict[str, Any]]:
    answer = api.post(f"/v1/{path}/batch", json={"rows": rows})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["rows"])


def changes(api: httpx.Client, **filters: Any) -> list[dict[str, Any]]:
    return list(api.get("/v1/changes", params=filters).json()["items"])


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/v1/products/PUT-1", {"name": "Duck"}, {"name": "Goose"}),
        (
            "/v1/products/PUT-2",
            {"name": "Duck", "unit_cost": 250, "currency": "EUR", "price_breaks": {"50": 240}},
            {"name": "Duck", "unit_cost": 250, "currency": "EUR", "price_breaks": {"60": 240}},
        ),
        ("/v1/sites/put-1", {"name": "Put"}, {"name": "Put", "time_zone": "Europe/Berlin"}),
        ("/v1/locations/PUT-1", {"site": "near", "kind": "rack"}, {"site": "near", "kind": "bin"}),
        ("/v1/suppliers/put-1", {"name": "Put"}, {"name": "Put", "lead_time_days": 3}),
        (
            "/v1/suppliers/put-2",
            {"name": "Put", "minimum_order_value": 50_000, "currency": "EUR"},
            {"name": "Put", "order_days": "mon thu"},
        ),
        ("/v1/barcodes/96385074", {"sku": BEAR}, {"sku": "DUCK"}),
        (f"/v1/products/{BEAR}/packs/put", {"units": 6}, {"units": 12}),
        (f"/v1/locations/{BACK}/par-levels/{BEAR}", {"par": 9}, {"par": 9, "minimum": 2}),
        (
            "/v1/sites/near/calendar-events/fair",
            {"name": "Fair", "kind": "event", "first_day": "2026-06-12", "last_day": "2026-06-14"},
            {
                "name": "Fair",
                "kind": "promotion",
                "first_day": "2026-06-12",
                "last_day": "2026-06-12",
                "sku": BEAR,
                "effect_percent": 40,
            },
        ),
    ],
)
def test_a_put_makes_and_replaces_the_version_that_was_read(
    api: httpx.Client, path: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    first = api.put(path, json=body)
    assert (first.status_code, first.headers["ETag"]) == (201, '"1"')
    again = api.put(path, json=body)
    assert (again.status_code, again.json()) == (200, first.json())
    assert api.put(path, json=other).status_code == 428
    assert api.put(path, json=other, headers={"If-Match": '"7"'}).status_code == 412
    replaced = api.put(path, json=other, headers={"If-Match": '"1"'})
    assert (replaced.status_code, replaced.headers["ETag"]) == (200, '"2"')
    assert {name: replaced.json()[name] for name in other} == other
    read = api.get(first.headers["Location"])
    assert read.headers["ETag"] == '"2"'
    assert replaced.json().items() <= read.json().items()


def test_a_put_that_names_a_version_of_nothing_is_a_404(api: httpx.Client) -> None:
    answer = api.put("/v1/suppliers/nobody", json={"name": "x"}, headers={"If-Match": '"1"'})
    assert answer.status_code == 404


def test_a_patch_takes_entries_out_of_an_object(api: httpx.Client) -> None:
    made(api, "/v1/products", sku="PARENT-P", name="Shirt")
    made(
        api,
        "/v1/products",
        sku="SHIRT-P",
        name="Red shirt",
        variant_of="PARENT-P",
        options={"colour": "red", "size": "L"},
    )
    changed = patch(api, "/v1/products/SHIRT-P", options={"size": None, "cut": "wide"})
    assert changed.json()["options"] == {"colour": "red", "cut": "wide"}
    assert changed.json()["name"] == "Red shirt"


def test_a_code_in_an_address_is_one_segment(api: httpx.Client) -> None:
    made(api, "/v1/products", sku="A/packs/b", name="Odd")
    assert api.get("/v1/products/A%2Fpacks%2Fb").json()["name"] == "Odd"
    assert api.put("/v1/products/A%2Fpacks%2Fb/packs/c%2Fd", json={"units": 2}).status_code == 201
    assert api.get("/v1/products/A%2Fpacks%2Fb/packs/c%2Fd").json()["pack"] == "c/d"
    assert api.get("/v1/products/A/packs/b").status_code == 404


def test_each_row_of_a_batch_has_its_own_result(api: httpx.Client) -> None:
    rows = [
        {"sku": "BATCH-1", "name": "One", "supplier": "none"},
        {"sku": "BATCH-2", "name": "Two", "successor": "BATCH-3", "successor_from": "2027-01-01"},
        {"sku": "BATCH-3", "name": "Three"},
        {"sku": "BATCH-4", "name": "Four", "pack_size": "six"},
        {"sku": "BATCH-3", "name": "Three again"},
        "BATCH-5",
        {"name": "no code"},
    ]
    results = batch(api, "products", *rows)
    assert [(result["row"], result["status"]) for result in results] == [
        (0, "refused"),
        (1, "created"),
        (2, "created"),
        (3, "refused"),
        (4, "refused"),
        (5, "refused"),
        (6, "refused"),
    ]
    pointers = {
        result["row"]: result["problem"]["errors"][0]["pointer"]
        for result in results
        if result["problem"]
    }
    assert pointers == {
        0: "#/supplier",
        3: "#/pack_size",
        4: "#/sku",
        5: "#",
        6: "#/sku",
    }
    assert api.get("/v1/products/BATCH-1").status_code == 404
    assert api.get("/v1/products/BATCH-2").json()["successor"] == "BATCH-3"


def test_the_same_batch_again_changes_nothing(api: httpx.Client) -> None:
    rows = [{"sku": f"SAME-{n}", "name": f"Same {n}"} for n in range(5)]
    assert {result["status"] for result in batch(api, "products", *rows)} == {"created"}
    logged = len(changes(api, entity="product"))
    again = batch(api, "products", *rows)
    assert [(result["status"], result["version"]) for result in again] == [("unchanged", 1)] * 5
    assert len(changes(api, entity="product")) == logged
    patch(api, "/v1/products/SAME-1", category="toys")
    [result] = batch(api, "products", {"sku": "SAME-1", "name": "Renamed"})
    assert (result["status"], result["version"]) == ("changed", 3)
    assert api.get("/v1/products/SAME-1").json()["category"] == "toys"


def test_a_constraint_refuses_its_row_and_no_other(api: httpx.Client) -> None:
    numbered = {"site": "near", "kind": "bin", "gln": "4006381333931"}
    results = batch(api, "locations", {"code": "GLN-1", **numbered}, {"code": "GLN-2", **numbered})
    assert [result["status"] for result in results] == ["created", "refused"]
    assert results[1]["problem"]["errors"][0]["pointer"] == "#/gln"
    [ours] = api.get("/v1/locations", params={"gln": "4006381333931"}).json()["items"]
    assert ours["code"] == "GLN-1"


def test_a_batch_has_its_limit(api: httpx.Client) -> None:
    answer = api.post("/v1/suppliers/batch", json={"rows": [{}] * 10_001})
    assert answer.status_code == 413


def test_places_stand_in_a_tree_of_their_site(api: httpx.Client) -> None:
    for code in ("TREE-1", "TREE-2", "TREE-3"):
        made(api, "/v1/locations", code=code, site="near", kind="rack")
    assert patch(api, "/v1/locations/TREE-2", parent="TREE-1").status_code == 200
    assert patch(api, "/v1/locations/TREE-3", parent="TREE-2").status_code == 200
    for code, parent in (("TREE-1", "TREE-3"), ("TREE-1", ELSEWHERE), ("TREE-1", "TREE-1")):
        answer = patch(api, f"/v1/locations/{code}", parent=parent)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "#/parent"
    under = api.get("/v1/locations", params={"parent": "TREE-1"}).json()["items"]
    assert [place["code"] for place in under] == ["TREE-2"]


def test_lists_are_narrowed_by_what_a_row_says(api: httpx.Client) -> None:
    made(api, "/v1/suppliers", code="narrow", name="Narrow Ltd")
    made(api, "/v1/products", sku="N-1", name="Kite", category="air", supplier="narrow")
    made(api, "/v1/products", sku="N-2", name="Boat", category="sea", status="planned")

    def skus(**filters: str) -> list[str]:
        items = api.get("/v1/products", params=filters).json()["items"]
        return [item["sku"] for item in items]

    assert skus(category="air") == ["N-1"]
    assert skus(supplier="narrow", search="KITE") == ["N-1"]
    assert skus(status="planned") == ["N-2"]
    assert skus(category="air", status="planned") == []
    found = api.get("/v1/suppliers", params={"search": "narrow ltd"}).json()["items"]
    assert [supplier["code"] for supplier in found] == ["narrow"]


def test_par_levels_are_listed_by_place_and_product_in_pages(api: httpx.Client) -> None:
    for sku in ("PAR-1", "PAR-2", "PAR-3"):
        made(api, "/v1/products", sku=sku, name="Par")
        made(api, "/v1/par-levels", location=CLAW, sku=sku, par=5, minimum=1)
    first = api.get("/v1/par-levels", params={"location": CLAW, "limit": 2}).json()
    rest = api.get("/v1/par-levels", params={"location": CLAW, "cursor": first["next_cursor"]})
    listed = [*first["items"], *rest.json()["items"]]
    assert [level["sku"] for level in listed] == ["PAR-1", "PAR-2", "PAR-3"]
    assert api.delete(f"/v1/locations/{CLAW}/par-levels/PAR-2").status_code == 204
    assert api.delete(f"/v1/locations/{CLAW}/par-levels/PAR-2").status_code == 204
    assert api.get(f"/v1/locations/{CLAW}/par-levels/PAR-2").status_code == 404
    beyond = api.post(
        "/v1/par-levels", json={"location": CLAW, "sku": "PAR-2", "par": 1, "minimum": 2}
    )
    assert beyond.json()["errors"][0]["pointer"] == "#/minimum"


def test_the_log_says_who_changed_what_from_what_to_what(
    shop: tuple[str, str], api: httpx.Client
) -> None:
    [(admin,)] = query(shop[0], "select actor_id from identity.users where username = 'admin'")
    made(api, "/v1/suppliers", code="logged", name="Logged")
    made(api, "/v1/products", sku="LOG-1", name="Duck", supplier="logged")
    patch(api, "/v1/products/LOG-1", name="Goose", supplier=None)
    patch(api, "/v1/products/LOG-1", name="Goose")
    made(api, "/v1/packs", sku="LOG-1", pack="box", units=6)
    api.delete("/v1/products/LOG-1/packs/box", headers={"If-Match": '"1"'})
    renamed, began = changes(api, entity="product", code="LOG-1", by=admin)
    assert began["before"] is None
    assert began["after"].items() >= {"name": "Duck", "supplier": "logged"}.items()
    assert renamed["before"] == {"name": "Duck", "supplier": "logged"}
    assert renamed["after"] == {"name": "Goose", "supplier": None}
    assert renamed["actor_id"] == admin
    unpacked, packed = changes(api, entity="pack", code="LOG-1/box")
    assert (packed["after"], unpacked["before"]) == ({"units": 6}, {"units": 6})
    assert unpacked["after"] is None
    since = renamed["changed_at"]
    assert changes(api, code="LOG-1", since=since) == [renamed]
    assert changes(api, code="LOG-1", until=since) == [began]


def test_the_log_is_paged_the_newest_first(api: httpx.Client) -> None:
    for number in range(3):
        made(api, "/v1/sites", code=f"paged-{number}", name="Paged")
    page = api.get("/v1/changes", params={"entity": "site", "limit": 2}).json()
    assert [change["code"] for change in page["items"]] == ["paged-2", "paged-1"]
    more = api.get("/v1/changes", params={"entity": "site", "cursor": page["next_cursor"]}).json()
    assert more["items"][0]["code"] == "paged-0"


def test_nobody_rewrites_the_log(shop: tuple[str, str]) -> None:
    for statement in (
        "update catalog.changes set code = 'x'",
        "delete from catalog.changes",
        "insert into catalog.changes (entity, code) values ('product', 'x')",
    ):
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            connect(shop[0], role=API_ROLE) as connection,
        ):
            connection.execute(statement.encode())
    for statement in ("update catalog.changes set code = 'x'", "truncate catalog.changes"):
        with (
            pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState),
            connect(shop[0]) as connection,
        ):
            connection.execute(statement.encode())


def test_a_pack_that_a_barcode_names_stays(api: httpx.Client) -> None:
    made(api, "/v1/packs", sku=BEAR, pack="kept", units=24)
    made(api, "/v1/barcodes", code="036000291452", sku=BEAR, pack="kept")
    assert api.delete(f"/v1/products/{BEAR}/packs/kept").status_code == 409
    none = api.post("/v1/barcodes", json={"code": "40170725", "sku": BEAR, "pack": "none"})
    assert none.json()["errors"][0]["pointer"] == "#/pack"
    listed = api.get("/v1/barcodes", params={"sku": BEAR}).json()["items"]
    assert ("00036000291452", "gtin_12") in [(item["code"], item["kind"]) for item in listed]


def test_a_family_has_two_generations_and_its_parent_no_stock(api: httpx.Client) -> None:
    for sku in ("FAM", "KID-1", "KID-2"):
        made(api, "/v1/products", sku=sku, name="Shirt")
    red: dict[str, Any] = {"variant_of": "FAM", "options": {"colour": "red"}}
    assert patch(api, "/v1/products/KID-1", **red).status_code == 200
    twin = patch(api, "/v1/products/KID-2", **red)
    assert twin.json()["errors"][0]["pointer"] == "#/options"
    for sku, parent in (("KID-2", "KID-1"), ("FAM", "KID-2"), ("KID-2", "none")):
        answer = patch(api, f"/v1/products/{sku}", variant_of=parent)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "#/variant_of"
    assert api.post("/v1/inventory-events", json=row(sku="KID-2")).status_code == 201
    stocked = patch(api, "/v1/products/FAM", variant_of="KID-2")
    assert stocked.status_code == 422


def test_a_product_does_not_follow_itself(api: httpx.Client) -> None:
    for sku in ("NEXT-1", "NEXT-2"):
        made(api, "/v1/products", sku=sku, name="Next")
    follows = {"successor_from": "2027-01-01"}
    assert patch(api, "/v1/products/NEXT-1", successor="NEXT-2", **follows).status_code == 200
    circle = patch(api, "/v1/products/NEXT-2", successor="NEXT-1", **follows)
    assert circle.json()["errors"][0]["pointer"] == "#/successor"
    undated = patch(api, "/v1/products/NEXT-2", successor=BEAR)
    assert undated.json()["errors"][0]["pointer"] == "#/successor_from"


def test_what_has_been_counted_keeps_its_base_unit(api: httpx.Client) -> None:
    made(api, "/v1/products", sku="UNIT", name="Flour")
    assert patch(api, "/v1/products/UNIT", base_unit="g").status_code == 200
    assert api.post("/v1/inventory-events", json=row(sku="UNIT")).status_code == 201
    answer = patch(api, "/v1/products/UNIT", base_unit="ml")
    assert answer.json()["errors"][0]["pointer"] == "#/base_unit"
    [result] = batch(api, "products", {"sku": "UNIT", "name": "Flour", "base_unit": "each"})
    assert result["problem"]["errors"][0]["pointer"] == "#/base_unit"
    assert patch(api, "/v1/products/UNIT", name="White flour").status_code == 200


def test_two_changes_at_once_do_not_close_a_circle(api: httpx.Client) -> None:
    for code in ("RING-1", "RING-2"):
        made(api, "/v1/locations", code=code, site="near", kind="rack")

    async def both() -> list[int]:
        async with httpx.AsyncClient(
            base_url=api.base_url, headers=api.headers, timeout=30
        ) as client:
            answers = await asyncio.gather(
                *(
                    client.patch(
                        f"/v1/locations/{code}", json={"parent": parent}, headers={"If-Match": "*"}
                    )
                    for code, parent in (("RING-1", "RING-2"), ("RING-2", "RING-1"))
                )
            )
            return sorted(answer.status_code for answer in answers)

    assert asyncio.run(both()) == [200, 422]


def test_of_two_that_make_one_code_at_once_one_is_told_of_the_other(api: httpx.Client) -> None:
    async def both() -> list[int]:
        async with httpx.AsyncClient(
            base_url=api.base_url, headers=api.headers, timeout=30
        ) as client:
            answers = await asyncio.gather(
                *(client.put("/v1/suppliers/race", json={"name": name}) for name in "ABCD")
            )
            return sorted(answer.status_code for answer in answers)

    first, *others = asyncio.run(both())
    assert first == 201
    assert set(others) <= {409, 428}
    assert api.get("/v1/suppliers/race").headers["ETag"] == '"1"'


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"last_day": "2026-06-11"}, "#/last_day"),
        ({"last_day": "2028-06-11"}, "#/last_day"),
        ({"kind": "closure", "effect_percent": 10}, "#/effect_percent"),
        ({"sku": "DUCK", "category": "toys"}, "#/category"),
        ({"sku": "NOBODY"}, "#/sku"),
        ({"site": "nowhere"}, "#/site"),
        ({"effect_percent": -101}, "#/effect_percent"),
    ],
)
def test_what_cannot_be_known_of_days_is_refused(
    api: httpx.Client, wrong: dict[str, Any], pointer: str
) -> None:
    fair = {
        "site": "near",
        "code": "wrong",
        "name": "Fair",
        "kind": "event",
        "first_day": "2026-06-12",
        "last_day": "2026-06-12",
    }
    answer = api.post("/v1/calendar-events", json={**fair, **wrong})
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert api.get("/v1/sites/near/calendar-events/wrong").status_code == 404


def test_a_country_is_one_whose_holidays_are_known(api: httpx.Client) -> None:
    made(api, "/v1/sites", code="spree", name="Spree", country="DE-BE")
    for unknown in ("ZZ", "DE-XX", "Germany"):
        assert patch(api, "/v1/sites/spree", country=unknown).status_code == 422
    assert patch(api, "/v1/sites/spree", country=None).json()["country"] is None


def test_a_suppliers_order_days_are_said_in_one_form(api: httpx.Client) -> None:
    here, any_version = "/v1/suppliers/days", {"If-Match": "*"}
    told = api.put(here, json={"name": "Toys", "order_days": "Thursday, MON; thu"}).json()
    assert told["order_days"] == "mon thu"
    wrong = api.patch(here, json={"order_days": "mon someday"}, headers=any_version)
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "#/order_days")
    none = api.patch(here, json={"order_days": " "}, headers=any_version).json()
    assert none["order_days"] is None


def test_a_suppliers_minimum_needs_a_currency_and_its_changes_are_told(api: httpx.Client) -> None:
    bare = api.put("/v1/suppliers/least", json={"name": "Least", "minimum_order_value": 5})
    assert (bare.status_code, bare.json()["errors"][0]["pointer"]) == (422, "#/currency")
    said = {"name": "Least", "minimum_order_value": 500, "currency": "EUR"}
    api.put("/v1/suppliers/least", json=said)
    api.patch("/v1/suppliers/least", json={"minimum_order_value": 900}, headers={"If-Match": "*"})
    [newest, _] = changes(api, entity="supplier", code="least")
    assert newest["before"] == {"minimum_order_value": 500}
    assert newest["after"] == {"minimum_order_value": 900}


def test_prices_fall_with_the_quantity(api: httpx.Client) -> None:
    product = {"name": "Duck", "unit_cost": 250, "currency": "EUR"}
    here = "/v1/products/BREAKS"
    for wrong in ({"50": 250}, {"50": 240, "100": 245}, {"0": 240}, {"many": 240}, {"50": -1}):
        answer = api.put(here, json={**product, "price_breaks": wrong})
        assert answer.status_code == 422, wrong
        assert answer.json()["errors"][0]["pointer"].startswith("#/price_breaks")
    free = api.put(here, json={"name": "Duck", "price_breaks": {"50": 240}})
    assert free.status_code == 422
    kept = api.put(here, json={**product, "price_breaks": {"100": 220, "50": 240}}).json()
    assert list(kept["price_breaks"].items()) == [("50", 240), ("100", 220)]

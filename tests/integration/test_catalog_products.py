"""Scans, kits, images of products, and what a role for one site reaches of master data."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from api.catalog.recipes import find_recipes
from api.database import make_pool
from api.deps import Role
from api.identity.service import create_user
from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import BACK, BEAR, DUCK, ELSEWHERE, query, row, shared_shop
from tests.serving import PASSWORD, let_in, serving, with_token

GTIN = "04006381333931"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def shop(postgres: EmbeddedPostgres, template: str, home: Path) -> Iterator[tuple[str, str]]:
    """The address of a database and of the API on it; each test makes codes of its own."""
    with shared_shop(postgres, template) as (database_url, _):
        let_in(database_url)
        with serving(database_url, PARSTOCK_HOME=str(home)) as address:
            yield database_url, address


@pytest.fixture(scope="module")
def api(shop: tuple[str, str]) -> Iterator[httpx.Client]:
    with with_token(shop[1]) as client:
        yield client


def made(api: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    answer = api.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def scan(api: httpx.Client, code: str) -> httpx.Response:
    return api.get("/v1/scan", params={"code": code})


def test_a_scan_tells_the_product_its_lot_and_how_many(api: httpx.Client) -> None:
    made(api, "/v1/products", sku="SCAN-1", name="Milk", base_unit="ml")
    made(api, "/v1/packs", sku="SCAN-1", pack="crate", units=12)
    made(api, "/v1/barcodes", code="4006381333931", sku="SCAN-1")
    made(api, "/v1/barcodes", code="14006381333938", sku="SCAN-1", pack="crate")
    plain = scan(api, "4006381333931").json()
    assert (plain["product"]["sku"], plain["quantity"], plain["pack"]) == ("SCAN-1", 1, None)
    ahead = (datetime.now(UTC) + timedelta(days=90)).date()
    crates = scan(api, f"]C1011400638133393817{ahead:%y%m%d}10LOT-7\x1d303").json()
    assert (crates["pack"], crates["quantity"], crates["lot"]) == ("crate", 36, "LOT-7")
    assert (crates["expires_on"], crates["warnings"]) == (ahead.isoformat(), [])
    link = scan(api, f"https://id.example/01/{GTIN}/10/L%2F1?17=200100").json()
    assert (link["lot"], link["expires_on"]) == ("L/1", "2020-01-31")
    assert [warning["code"] for warning in link["warnings"]] == ["expired"]


def test_what_is_weighed_is_counted_in_grams(api: httpx.Client) -> None:
    made(api, "/v1/products", sku="SCAN-2", name="Cheese", base_unit="g")
    made(api, "/v1/barcodes", code="96385074", sku="SCAN-2")
    answer = scan(api, "(01)00000096385074(3103)001235").json()
    assert (answer["quantity"], answer["net_weight_g"]) == (1235, 1235.0)


def test_our_own_labels_and_codes_are_scanned_too(api: httpx.Client) -> None:
    label = f"https://shop.example/places/{BACK}"
    assert scan(api, label).json()["location"]["code"] == BACK
    assert scan(api, BACK).json()["location"]["code"] == BACK
    assert scan(api, f" {BEAR}\n").json()["product"]["sku"] == BEAR
    made(api, "/v1/products", sku="40170725", name="A GTIN for a code")
    assert scan(api, "40170725").json()["product"]["name"] == "A GTIN for a code"
    made(api, "/v1/locations", code="GLN", site="near", kind="rack", gln="4012345000009")
    assert scan(api, "(414)4012345000009").json()["location"]["code"] == "GLN"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("4006381333930", 422),
        ("]C10", 422),
        ("nothing of ours", 422),
        ("\x00", 404),
        ("https://shop.example/places/none", 404),
        ("036000291452", 404),
        ("(414)4006381333931", 404),
    ],
)
def test_a_scan_that_means_nothing_here_says_why(api: httpx.Client, code: str, status: int) -> None:
    answer = scan(api, code)
    assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_a_product_at_its_end_warns(api: httpx.Client) -> None:
    made(api, "/v1/products", sku="NEW", name="New")
    made(
        api,
        "/v1/products",
        sku="OLD",
        name="Old",
        status="discontinued",
        successor="NEW",
        successor_from="2026-01-01",
    )
    [warning] = scan(api, "OLD").json()["warnings"]
    assert warning == {"code": "discontinued", "detail": "OLD is discontinued; NEW follows it."}


def put_recipe(
    api: httpx.Client, sku: str, if_match: str | None = None, **components: int
) -> httpx.Response:
    listed = [{"sku": code, "quantity": quantity} for code, quantity in components.items()]
    headers = {} if if_match is None else {"If-Match": if_match}
    return api.put(f"/v1/products/{sku}/recipe", json={"components": listed}, headers=headers)


def recipes_of(database_url: str, *skus: str) -> dict[str, Any]:
    ids = dict(query(database_url, "select sku, product_id from catalog.products"))

    async def find() -> dict[int, Any]:
        pool = make_pool(database_url, size=1, connect_timeout_s=10, statement_timeout_s=10)
        async with pool, pool.acquire() as connection:
            return await find_recipes(connection, [ids[sku] for sku in skus])

    found = asyncio.run(find())
    return {sku: found[ids[sku]] for sku in skus if ids[sku] in found}


def test_each_change_of_a_recipe_is_a_version_and_old_ones_stay(
    shop: tuple[str, str], api: httpx.Client
) -> None:
    made(api, "/v1/products", sku="KIT", name="Gift set")
    first = put_recipe(api, "KIT", BEAR=1, DUCK=2)
    assert (first.status_code, first.headers["ETag"]) == (201, '"1"')
    assert put_recipe(api, "KIT", DUCK=2, BEAR=1).headers["ETag"] == '"1"'
    assert put_recipe(api, "KIT", BEAR=3).status_code == 428
    assert put_recipe(api, "KIT", '"4"', BEAR=3).status_code == 412
    assert put_recipe(api, "KIT", '"1"', BEAR=3).headers["ETag"] == '"2"'
    old = api.get("/v1/products/KIT/recipe", params={"version": 1}).json()
    assert old["components"] == [{"sku": BEAR, "quantity": 1}, {"sku": DUCK, "quantity": 2}]
    newest = recipes_of(shop[0], "KIT", BEAR)
    assert list(newest) == ["KIT"]
    assert newest["KIT"].version == 2
    assert [(part.sku, part.quantity) for part in newest["KIT"].components] == [(BEAR, 3)]
    assert put_recipe(api, "KIT", '"2"').status_code == 200
    assert recipes_of(shop[0], "KIT") == {}
    assert api.get("/v1/products/KIT/recipe").json()["components"] == []
    logged = api.get("/v1/changes", params={"entity": "recipe", "code": "KIT"}).json()["items"]
    assert {"component": BEAR, "quantity": 3, "recipe_version": 2} in [
        change["after"] for change in logged
    ]


def test_a_kit_holds_neither_itself_nor_another(api: httpx.Client) -> None:
    for sku in ("INNER", "OUTER", "PARENT", "CHILD"):
        made(api, "/v1/products", sku=sku, name=sku)
    api.patch("/v1/products/CHILD", json={"variant_of": "PARENT"}, headers={"If-Match": "*"})
    assert put_recipe(api, "INNER", INNER=1).status_code == 422
    assert put_recipe(api, "INNER", NONE=1).json()["errors"] == [
        {"pointer": "#/components/0/sku", "detail": "There is no components/0/sku NONE"}
    ]
    assert put_recipe(api, "INNER", BEAR=1).status_code == 201
    for kit, part in (("OUTER", "INNER"), (BEAR, "DUCK"), ("OUTER", "PARENT"), ("PARENT", BEAR)):
        assert put_recipe(api, kit, None, **{part: 1}).status_code == 422, (kit, part)
    # and: neither a kit nor a part of one has variants
    made(api, "/v1/products", sku="OTHER", name="OTHER")
    for parent in ("INNER", BEAR):
        change = {"variant_of": parent}
        refused = api.patch("/v1/products/OTHER", json=change, headers={"If-Match": "*"})
        detail = f"{parent} cannot be a parent: it is a kit or part of one"
        assert refused.json()["errors"] == [{"pointer": "#/variant_of", "detail": detail}]
    assert put_recipe(api, "nobody", BEAR=1).status_code == 404
    assert api.get("/v1/products/OUTER/recipe").status_code == 404


def drawn(kind: str = "PNG", size: tuple[int, int] = (40, 20), **saved: Any) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(file, format=kind, **saved)
    return file.getvalue()


def put_image(
    api: httpx.Client, sku: str, content: bytes, if_match: str | None = None
) -> httpx.Response:
    headers = {"Content-Type": "image/png"} | ({} if if_match is None else {"If-Match": if_match})
    return api.put(f"/v1/products/{sku}/images/1", content=content, headers=headers)


def test_an_image_is_served_as_it_was_redrawn(api: httpx.Client, home: Path) -> None:
    made(api, "/v1/products", sku="SEEN/1", name="Seen")
    first = put_image(api, "SEEN%2F1", drawn())
    assert first.status_code == 201
    assert put_image(api, "SEEN%2F1", drawn()).status_code == 200
    address = first.json()["address"]
    served = api.get(address)
    assert served.headers["Content-Type"] == "image/png"
    assert served.headers["Cache-Control"] == "private, no-cache"
    assert Image.open(BytesIO(served.content)).size == (40, 20)
    again = api.get(address, headers={"If-None-Match": served.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = drawn("JPEG", (30, 30))
    assert put_image(api, "SEEN%2F1", other).status_code == 428
    assert put_image(api, "SEEN%2F1", other, '"x"').status_code == 412
    assert put_image(api, "SEEN%2F1", other, first.headers["ETag"]).status_code == 200
    assert api.get(address).headers["Content-Type"] == "image/jpeg"
    assert [image["number"] for image in api.get("/v1/products/SEEN%2F1/images").json()] == [1]
    assert len([path for path in (home / "images").rglob("*") if path.is_file()]) == 1


def test_the_same_bytes_are_kept_once_until_nobody_has_them(api: httpx.Client, home: Path) -> None:
    for sku in ("TWIN-1", "TWIN-2"):
        made(api, "/v1/products", sku=sku, name="Twin")
        sha256 = put_image(api, sku, drawn(size=(11, 11))).json()["sha256"]
    file = home / "images" / sha256[:2] / sha256
    assert api.delete("/v1/products/TWIN-1/images/1").status_code == 204
    assert file.is_file()
    assert api.get("/v1/products/TWIN-1/images/1").status_code == 404
    assert api.delete("/v1/products/TWIN-2/images/1").status_code == 204
    assert not file.exists()
    assert api.delete("/v1/products/TWIN-2/images/1").status_code == 204


def test_what_is_no_image_is_refused(api: httpx.Client) -> None:
    for content in (b"", b"GIF89a", drawn("GIF"), drawn()[:60]):
        assert put_image(api, BEAR, content).status_code == 422
    assert put_image(api, BEAR, b"\x89PNG" + bytes(4_000_000)).status_code == 413
    assert put_image(api, "nobody", drawn()).status_code == 404
    assert api.get(f"/v1/products/{BEAR}/images").json() == []


@pytest.fixture(scope="module")
def far(shop: tuple[str, str]) -> Iterator[httpx.Client]:
    """A manager of the site "far" alone."""

    async def make() -> None:
        pool = make_pool(shop[0], size=1, connect_timeout_s=10, statement_timeout_s=10)
        async with pool, pool.acquire() as connection:
            await create_user(connection, "far", PASSWORD, Role.MANAGER, sites=["far"])

    asyncio.run(make())
    with with_token(shop[1], "far") as client:
        yield client


def test_a_role_for_one_site_sees_its_own_places(api: httpx.Client, far: httpx.Client) -> None:
    api.post("/v1/inventory-events", json=row(quantity=2))
    assert [place["code"] for place in far.get("/v1/locations").json()["items"]] == [ELSEWHERE]
    assert [site["code"] for site in far.get("/v1/sites").json()["items"]] == ["far"]
    assert far.get(f"/v1/locations/{BACK}").status_code == 404
    assert far.get(f"/v1/products/{BEAR}").json()["stock_levels"] == []
    assert scan(far, BACK).status_code == 422
    assert scan(far, f"https://shop.example/places/{BACK}").status_code == 404
    api.put(f"/v1/locations/{BACK}/par-levels/{BEAR}", json={"par": 3})
    assert far.get("/v1/par-levels").json()["items"] == []


def test_a_role_for_one_site_changes_its_own_places(api: httpx.Client, far: httpx.Client) -> None:
    anything = {"If-Match": "*"}
    named = {"name": "Renamed"}
    assert far.patch(f"/v1/locations/{BACK}", json=named, headers=anything).status_code == 404
    assert far.patch(f"/v1/locations/{ELSEWHERE}", json=named, headers=anything).status_code == 200
    assert far.put("/v1/locations/F-2", json={"site": "far", "kind": "rack"}).status_code == 201
    for code, site in (("F-3", "near"), (BACK, "far"), (BACK, "near")):
        body = {"site": site, "kind": "rack"}
        assert far.put(f"/v1/locations/{code}", json=body).status_code >= 400, (code, site)
        rows = far.post("/v1/locations/batch", json={"rows": [{"code": code, **body}]}).json()
        assert [result["status"] for result in rows["rows"]] == ["refused"]
    par = {"par": 5}
    assert far.put(f"/v1/locations/{BACK}/par-levels/{DUCK}", json=par).status_code == 422
    assert far.put(f"/v1/locations/{ELSEWHERE}/par-levels/{DUCK}", json=par).status_code == 201
    assert api.get(f"/v1/locations/{BACK}").json()["kind"] == "back_room"


def test_a_role_for_one_site_knows_and_changes_its_own_days(
    api: httpx.Client, far: httpx.Client
) -> None:
    fair = {"name": "Fair", "kind": "event", "first_day": "2026-06-12", "last_day": "2026-06-12"}
    near_fair, far_fair = (f"/v1/sites/{site}/calendar-events/fair" for site in ("near", "far"))
    assert api.put(near_fair, json=fair).status_code == 201
    assert far.put(far_fair, json={**fair, "name": "Ours"}).status_code == 201
    assert [row["name"] for row in far.get("/v1/calendar-events").json()["items"]] == ["Ours"]
    assert far.get(near_fair).status_code == 404
    anything = {"If-Match": "*"}
    assert far.patch(near_fair, json={"name": "x"}, headers=anything).status_code == 404
    assert far.put("/v1/sites/near/calendar-events/mine", json=fair).status_code == 422
    rows = [{"site": "near", "code": "fair", **fair, "name": "x"}]
    batch = far.post("/v1/calendar-events/batch", json={"rows": rows}).json()
    assert [row["status"] for row in batch["rows"]] == ["refused"]
    far.delete(near_fair)
    assert api.get(near_fair).json()["name"] == "Fair"


def test_what_every_site_shares_needs_a_role_for_every_site(far: httpx.Client) -> None:
    assert far.post("/v1/products", json={"sku": "X", "name": "x"}).status_code == 403
    assert far.post("/v1/sites", json={"code": "x", "name": "x"}).status_code == 403
    assert put_recipe(far, BEAR, DUCK=1).status_code == 403
    assert put_image(far, BEAR, drawn()).status_code == 403
    assert far.get("/v1/changes").status_code == 403

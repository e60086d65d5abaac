"""A user of one site, who asks for everything of another."""

import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest

from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import DUCK, execute, query, row, shared_shop
from tests.integration.test_access_walk import DECLARED, MAY, OF_ONE_SITE
from tests.serving import PASSWORD, Browser, browser, let_in, serving, with_token

# What names the other site wherever it is said; FAR-01 and far are its codes.
OTHERS = re.compile(r"FAR-01|\"far\"|Hidden")
NEAR = ["near"]
_OTHER_SITE = """
update catalog.sites set name = 'Hidden site' where code = 'far';
update catalog.locations set name = 'Hidden shelf' where code = 'FAR-01';
insert into planning.refreshes (scope, from_position, to_position, finished_at, status)
values ('full', 0, 1, now(), 'succeeded');
insert into alerts.alerts (
    alert_id, kind, severity, product_id, site_id, message, recommendation, status,
    position
)
select %(alert_id)s, 'critical_low', 'critical', product_id, site_id,
    'Hidden ducks are low.', 'Hidden', 'open', 1
from catalog.products, catalog.sites where sku = 'DUCK' and sites.code = 'far';
insert into planning.suggestions (
    kind, product_id, site_id, from_site_id, quantity, priority, inventory_position,
    reorder_point, order_up_to_level, reason, arithmetic, refresh_id
)
select 'transfer', product_id, near.site_id, far.site_id, 5, 'high', 1, 2, 3,
    'Hidden has 90.', '{}', 1
from catalog.products, catalog.sites as near, catalog.sites as far
where sku = 'DUCK' and near.code = 'near' and far.code = 'far';
insert into alerts.alerts (
    kind, severity, product_id, site_id, location_id, message, recommendation, position, detail
)
select 'discrepancy', 'medium', product_id, site_id, location_id,
    'Hidden ducks were short.', 'Hidden', 1, '{"short": 1}'
from catalog.products, catalog.locations where sku = 'DUCK' and locations.code = 'FAR-01';
"""


class Shop:
    """Two sites, each with its stock, and a manager of the near one."""

    def __init__(self, address: str, database_url: str) -> None:
        self.address = address
        self.database_url = database_url
        self.alert_id = str(uuid4())
        with with_token(address) as admin:
            far = row(location="FAR-01", sku=DUCK, quantity=7)
            assert admin.post("/v1/inventory-events", json=far).status_code == 201
            assert admin.post("/v1/inventory-events", json=row()).status_code == 201
            self.count_session_id = str(uuid4())
            counted = {"location": "FAR-01", "name": "Hidden count"}
            address = f"/v1/count-sessions/{self.count_session_id}"
            assert admin.put(address, json=counted).status_code == 201
            made = {"username": "nearby", "role": "manager", "sites": NEAR, "password": PASSWORD}
            assert admin.post("/v1/users", json=made).status_code == 201
        self.far_event = far["event_id"]
        with psycopg.connect(database_url) as connection:
            connection.execute("set plan_cache_mode = force_custom_plan")
            for statement in _OTHER_SITE.split(";\n"):
                if statement.strip():
                    connection.execute(statement.encode(), {"alert_id": self.alert_id})

    def state_of_the_other(self) -> list[tuple[object, ...]]:
        return query(
            self.database_url,
            "select to_jsonb(levels)::text from ledger.stock_levels as levels"
            " join catalog.locations using (location_id) where code = 'FAR-01'"
            " union all select to_jsonb(locations)::text from catalog.locations"
            " where code = 'FAR-01'"
            " union all select status from alerts.alerts"
            " union all select to_jsonb(sessions)::text from counting.sessions"
            " union all select to_jsonb(lines)::text from counting.lines"
            " order by 1",
        )


@pytest.fixture(scope="module")
def shop(postgres: EmbeddedPostgres, template: str) -> Iterator[Shop]:
    with shared_shop(postgres, template) as (database_url, _):
        let_in(database_url)
        with serving(database_url) as address:
            yield Shop(address, database_url)


@pytest.fixture(scope="module")
def nearby(shop: Shop) -> Iterator[httpx.Client]:
    with with_token(shop.address, "nearby") as client:
        yield client


@pytest.fixture(scope="module")
def pages(shop: Shop) -> Iterator[Browser]:
    signed_in = browser(shop.address)
    with signed_in.client:
        assert signed_in.sign_in("nearby").status_code == 303
        yield signed_in


def of_the_other(shop: Shop, path: str) -> str:
    """The path with the other site's codes in its places."""
    codes = {
        "{sku}": DUCK,
        "{sku:path}": DUCK,
        "{location}": "FAR-01",
        "{event_id}": shop.far_event,
        "{alert_id}": shop.alert_id,
        "{session_id}": shop.alert_id,
        "{count_session_id}": shop.count_session_id,
        "{kind}": "sold",
        "{pack}": "box",
        "{number}": "1",
    }
    code = "far" if "/sites/" in path else "FAR-01"
    for place, value in {**codes, "{code}": code, "{code:path}": code}.items():
        path = path.replace(place, value)
    return path


READINGS = sorted(
    path
    for (method, path), level in DECLARED.items()
    if method == "GET" and OF_ONE_SITE in MAY[level] and level not in ("open", "known")
    if not path.endswith("/stream")
)


@pytest.mark.parametrize("asking", ["", "?site=far&location=FAR-01&search=hidden&sku=DUCK"])
def test_nothing_of_another_site_is_told(
    shop: Shop, nearby: httpx.Client, pages: Browser, asking: str
) -> None:
    for path in READINGS:
        client = nearby if path.startswith("/v1") else pages.client
        answer = client.get(of_the_other(shop, path) + asking, follow_redirects=True)
        told = answer.text
        if answer.status_code == 200:
            for echoed in ("FAR-01", "hidden", "far"):
                told = told.replace(f'value="{echoed}"', "").replace(f"={echoed}", "")
            assert OTHERS.search(told) is None, (path, told)
        else:
            assert answer.status_code in (404, 422), (path, told)
            assert "Hidden" not in told, path


def test_what_is_its_own_is_told(nearby: httpx.Client, pages: Browser) -> None:
    assert [item["location"] for item in nearby.get("/v1/stock-levels").json()["items"]] == [
        "CLAW-01"
    ]
    assert [item["code"] for item in nearby.get("/v1/sites").json()["items"]] == NEAR
    assert nearby.get("/v1/locations/CLAW-01").status_code == 200
    assert "CLAW-01" in pages.get("/places/CLAW-01").text


def test_nothing_of_another_site_is_changed(
    shop: Shop, nearby: httpx.Client, pages: Browser
) -> None:
    before = shop.state_of_the_other()
    anything = {"If-Match": "*"}
    far_place = {"code": "FAR-02", "site": "far", "kind": "shelf"}
    moved = {"code": "FAR-01", "site": "near", "kind": "shelf"}
    par = {"minimum": 1, "maximum": 5}
    session = f"/v1/count-sessions/{shop.count_session_id}"
    line = {"sku": DUCK, "quantity": 1, "counted_at": "2026-01-31T12:00:00Z"}
    again = {"levels": [{"sku": DUCK}]}
    unnamed = {"sku": ..., "location": ..., "quantity": ...}
    undone = row("reversed", reverses=shop.far_event, **unnamed)
    tries = [
        nearby.patch("/v1/locations/FAR-01", json={"name": "Mine"}, headers=anything),
        nearby.put("/v1/locations/FAR-01", json=moved, headers=anything),
        nearby.post("/v1/locations", json=far_place),
        nearby.put("/v1/locations/FAR-01/par-levels/DUCK", json=par, headers=anything),
        nearby.patch("/v1/sites/far", json={"name": "Mine"}, headers=anything),
        nearby.patch("/v1/products/DUCK", json={"name": "Mine"}, headers=anything),
        nearby.post(f"/v1/alerts/{shop.alert_id}/acknowledge"),
        nearby.post(f"/v1/alerts/{shop.alert_id}/resolve"),
        pages.post(f"/alerts/{shop.alert_id}/resolve"),
        nearby.put(session, json={"location": "FAR-01"}),
        nearby.put(f"{session}/lines/{uuid4()}", json=line),
        nearby.post(f"{session}/submit", json={}),
        nearby.post(f"{session}/recount", json=again),
        nearby.post(f"{session}/approve", json={}),
        nearby.post(f"{session}/cancel", json={}),
        nearby.get("/v1/users"),
        nearby.post("/v1/inventory-events", json=row(location="FAR-01", sku=DUCK)),
        nearby.post("/v1/inventory-events", json=undone),
        pages.post(f"/recorded/{shop.far_event}/undo", event_id=str(uuid4())),
        pages.post(
            "/record/sold", event_id=str(uuid4()), sku=DUCK, location="FAR-01", quantity="1"
        ),
    ]
    batch = nearby.post(
        "/v1/inventory-events/batch", json={"events": [row(location="FAR-01", sku=DUCK)]}
    )
    assert batch.json()["results"][0]["problem"]["status"] == 403
    assert {answer.status_code for answer in tries} <= {403, 404, 409, 422}, [
        (answer.request.url.path, answer.status_code) for answer in tries
    ]
    assert shop.state_of_the_other() == before


def test_a_role_for_no_site_at_all_reaches_nothing(shop: Shop) -> None:
    with with_token(shop.address) as admin:
        made = {"username": "nowhere", "role": "manager", "sites": NEAR, "password": PASSWORD}
        assert admin.post("/v1/users", json=made).status_code == 201
    execute(
        shop.database_url,
        "delete from identity.actor_sites using identity.users"
        " where actor_sites.actor_id = users.actor_id and username = 'nowhere'",
    )
    with with_token(shop.address, "nowhere") as nowhere:
        for path in ("/v1/stock-levels", "/v1/sites", "/v1/alerts", "/v1/inventory-events"):
            assert nowhere.get(path).json()["items"] == [], path

"""How good forecasts were and which plans wait, over HTTP and on the page of the plan."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from api.database import make_pool
from api.deps import Role
from api.identity.service import create_user
from db.connect import connect
from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import shared_shop
from tests.serving import PASSWORD, let_in, serving, with_token

_MEASURED = """
insert into planning.forecast_accuracy
select
    site_id, category, day::date, horizon, 10, 20, 22, 8, 9, 10, 16, 9, 10, 7, 8, 9
from catalog.sites
cross join (values ('toys'), ('games')) as categories (category)
cross join generate_series(date '2026-11-01', '2026-11-20', interval '1 day') as days (day)
cross join (values (1), (7)) as horizons (horizon);
insert into planning.blocked_sites (site_id, reason, refresh_id)
select site_id, 'It waits at ' || code, 1 from catalog.sites;
insert into planning.forecast_totals
(site_id, category, first_date, products, mean, q0025, q0100, q0500, q0900, q0975, refresh_id)
select
    site_id, category, '2026-11-21', 3, array[3, 4], array[1, 1], array[1, 2],
    array[3, 4], array[5, 6], array[6, 7], 1
from catalog.sites cross join (values (''), ('toys')) as categories (category)
"""


@pytest.fixture(scope="module")
def address(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    with shared_shop(postgres, template) as (database_url, _):
        let_in(database_url)
        with connect(database_url) as connection:
            connection.execute(_MEASURED)
        asyncio.run(_let_in_far(database_url))
        with serving(database_url) as address:
            yield address


async def _let_in_far(database_url: str) -> None:
    pool = make_pool(database_url, size=1, connect_timeout_s=10, statement_timeout_s=10)
    async with pool, pool.acquire() as connection:
        await create_user(connection, "far", PASSWORD, Role.VIEWER, sites=["far"])


@pytest.fixture(scope="module")
def far(address: str) -> Iterator[httpx.Client]:
    """A viewer of the site "far" alone."""
    with with_token(address, "far") as client:
        yield client


@pytest.fixture(scope="module")
def api(address: str) -> Iterator[httpx.Client]:
    with with_token(address) as client:
        yield client


def test_accuracy_is_told_by_site_and_horizon_over_the_last_days(api: httpx.Client) -> None:
    asked = {"days": "5", "site": "near"}
    first, second = api.get("/v1/forecast-accuracy", params=asked).json()["items"]
    assert (first["horizon_days"], second["horizon_days"]) == (1, 7)
    assert (first["first_day"], first["last_day"]) == ("2026-11-16", "2026-11-20")
    assert first["observations"] == 100
    assert first["wape"] == pytest.approx(0.4)
    assert first["wape_of_week_before"] == pytest.approx(0.5)
    assert first["bias"] == pytest.approx(0.1)
    assert first["coverage_80"] == pytest.approx(0.8)
    assert first["plan_waits_because"] == "It waits at near"
    of_toys = api.get("/v1/forecast-accuracy", params={**asked, "category": "toys"}).json()
    assert of_toys["items"][0]["observations"] == 50


def test_totals_come_site_first_and_page_by_page(api: httpx.Client) -> None:
    asked = {"site": "near", "limit": "3"}
    page = api.get("/v1/forecast-totals", params=asked).json()
    rest = api.get("/v1/forecast-totals", params={**asked, "cursor": page["next_cursor"]}).json()
    told = [(day["category"], day["date"]) for day in [*page["items"], *rest["items"]]]
    assert told == [
        (None, "2026-11-21"),
        (None, "2026-11-22"),
        ("toys", "2026-11-21"),
        ("toys", "2026-11-22"),
    ]
    assert page["items"][1]["q0.9"] == 6


def test_why_a_plan_waits_is_told_where_the_plan_is(api: httpx.Client) -> None:
    waiting = api.get("/v1/waiting-plans").json()["items"]
    assert {"site": "near", "reason": "It waits at near"} in waiting


def test_a_role_for_one_site_learns_nothing_of_another(far: httpx.Client) -> None:
    for path in ("forecast-accuracy", "forecast-totals", "waiting-plans"):
        told = far.get(f"/v1/{path}").json()["items"]
        assert {each["site"] for each in told} == {"far"}, path

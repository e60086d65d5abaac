"""What policies came to, over HTTP and on its page."""

import asyncio
from collections.abc import Iterator

import pytest

from api.database import make_pool
from api.deps import Role
from api.identity.service import create_user
from db.connect import connect
from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import shared_shop
from tests.serving import PASSWORD, Browser, browser, let_in, serving, with_token

_REPLAYED = """
insert into planning.backtests
select
    sites.site_id, held.currency, policies.policy, '2026-08-30', '2026-11-21', 3,
    case when held.currency <> '' then 123450 * policies.factor end,
    case when held.currency <> '' then 100000 * policies.factor end,
    case when held.currency <> '' then 23450 * policies.factor end,
    case when held.currency <> '' then 777700 end,
    1000, 40, 0.96, 250, 12, array[policies.factor, 2, 3]
from catalog.sites
cross join (values ('EUR'), ('')) as held (currency)
cross join (
    values ('simulation', 2), ('service_level', 3), ('fixed_min_max', 4), ('perfect_foresight', 1)
) as policies (policy, factor)
where sites.code in ('near', 'far')
"""


@pytest.fixture(scope="module")
def address(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    with shared_shop(postgres, template) as (database_url, _):
        let_in(database_url)
        asyncio.run(_let_in_far(database_url))
        with connect(database_url) as connection:
            connection.execute(_REPLAYED)
        with serving(database_url) as address:
            yield address


async def _let_in_far(database_url: str) -> None:
    pool = make_pool(database_url, size=1, connect_timeout_s=10, statement_timeout_s=10)
    async with pool, pool.acquire() as connection:
        await create_user(connection, "far", PASSWORD, Role.VIEWER, sites=["far"])


@pytest.fixture
def far_browser(address: str) -> Iterator[Browser]:
    signed_in = browser(address)
    with signed_in.client:
        assert signed_in.sign_in("far").status_code == 303
        yield signed_in


@pytest.fixture
def staff(address: str) -> Iterator[Browser]:
    signed_in = browser(address)
    with signed_in.client:
        assert signed_in.sign_in().status_code == 303
        yield signed_in


def test_every_policy_of_a_site_is_told_page_by_page(address: str) -> None:
    with with_token(address) as api:
        asked = {"site": "near", "limit": "5"}
        page = api.get("/v1/backtests", params=asked).json()
        rest = api.get("/v1/backtests", params={**asked, "cursor": page["next_cursor"]}).json()
    told = [*page["items"], *rest["items"]]
    assert len(told) == 8
    assert {each["policy"] for each in told if each["currency"] is None} == {
        "simulation", "service_level", "fixed_min_max", "perfect_foresight"
    }  # fmt: skip
    assert all(each["cost_minor"] is None for each in told if each["currency"] is None)
    (foresight,) = (
        each for each in told if each["currency"] == "EUR" and each["policy"] == "perfect_foresight"
    )
    assert foresight["cost_minor"] == 123450
    assert foresight["by_week"] == [1, 2, 3]


def test_the_page_draws_and_lists_the_cheapest_policy_first(staff: Browser) -> None:
    assert 'href="/plan/backtest"' in staff.get("/plan").text
    shown = staff.get("/plan/backtest?site=near").text
    assert "EUR 1,234.50" in shown
    assert "without a unit cost, counted in units" in shown
    assert shown.count("<polyline") == 8
    assert shown.index('<th scope="row">Perfect') < shown.index('<th scope="row">By simulation')


def test_one_site_learns_nothing_of_another(far_browser: Browser, address: str) -> None:
    with with_token(address, "far") as api:
        assert {each["site"] for each in api.get("/v1/backtests").json()["items"]} == {"far"}
        asked = api.get("/v1/backtests", params={"site": "near"})
    assert asked.json()["items"] == []
    assert "polyline" in far_browser.get("/plan/backtest").text
    other = far_browser.get("/plan/backtest?site=near").text
    assert "polyline" not in other
    assert "Near" not in other


def test_before_the_first_replay_the_page_says_when_it_comes(
    postgres: EmbeddedPostgres, template: str
) -> None:
    with shared_shop(postgres, template) as (database_url, _):
        let_in(database_url)
        with serving(database_url) as address:
            signed_in = browser(address)
            with signed_in.client:
                signed_in.sign_in()
                assert "every Sunday" in signed_in.get("/plan/backtest").text

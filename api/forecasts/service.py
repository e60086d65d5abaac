"""Read what was measured of forecasts and policies, and the totals of forecasts."""

from datetime import date

import asyncpg

from api.catalog.writing import fetch, listed
from api.database import DatabaseConnection
from api.deps import Sites
from api.forecasts.schemas import Backtest, ForecastAccuracy, TotalForecastDay, WaitingPlan
from api.pagination import Paging, page_of, parse_part
from db.sql import load_queries

_queries = load_queries(__file__)


async def list_accuracy(
    connection: DatabaseConnection,
    *,
    paging: Paging,
    sites: Sites,
    site: str | None,
    category: str | None,
    days: int,
) -> tuple[list[ForecastAccuracy], str | None]:
    """A row a site and horizon, over the last days that were measured."""
    after_site, after_horizon = paging.after(str, int) or ("", 0)
    rows = await fetch(
        connection,
        _queries.list_accuracy,
        sites=listed(sites),
        site=site,
        category=category,
        days=days,
        after_site=after_site,
        after_horizon=after_horizon,
        limit=paging.limit + 1,
    )
    shown, cursor = page_of(rows, paging.limit, lambda row: (row["site"], row["horizon_days"]))
    return [ForecastAccuracy(**dict(row)) for row in shown], cursor


async def list_totals(
    connection: DatabaseConnection, *, paging: Paging, sites: Sites, site: str | None
) -> tuple[list[TotalForecastDay], str | None]:
    """The whole site first, then its categories, a day an item."""
    after = paging.after(str, str, str) or ("", "", date.min.isoformat())
    rows = await fetch(
        connection,
        _queries.list_totals,
        sites=listed(sites),
        site=site,
        after_site=after[0],
        after_category=after[1],
        after_date=parse_part(date.fromisoformat, after[2]),
        limit=paging.limit + 1,
    )
    shown, cursor = page_of(
        rows,
        paging.limit,
        lambda row: (row["site"], row["category"] or "", row["forecast_date"].isoformat()),
    )
    days = []
    for row in shown:
        fields = dict(row)
        fields["date"] = fields.pop("forecast_date")
        days.append(TotalForecastDay(**fields))
    return days, cursor


async def list_waiting_plans(
    connection: DatabaseConnection, *, sites: Sites, site: str | None = None
) -> list[WaitingPlan]:
    """The sites whose plan is left as it is, with the reason in words."""
    rows = await fetch(connection, _queries.list_waiting_plans, sites=listed(sites), site=site)
    return [WaitingPlan(**dict(row)) for row in rows]


async def list_backtests(
    connection: DatabaseConnection, *, paging: Paging, sites: Sites, site: str | None
) -> tuple[list[Backtest], str | None]:
    """What each policy came to when a site's last weeks were replayed."""
    after_site, after_currency, after_policy = paging.after(str, str, str) or ("", "", "")
    rows = await fetch(
        connection,
        _queries.list_backtests,
        sites=listed(sites),
        site=site,
        after_site=after_site,
        after_currency=after_currency,
        after_policy=after_policy,
        limit=paging.limit + 1,
    )
    shown, cursor = page_of(
        rows, paging.limit, lambda row: (row["site"], row["currency"], row["policy"])
    )
    return [Backtest(**{**row, "currency": row["currency"] or None}) for row in shown], cursor


async def list_replayed_sites(
    connection: DatabaseConnection, *, sites: Sites
) -> list[asyncpg.Record]:
    """Code and name of each site that has been replayed."""
    return await fetch(connection, _queries.list_replayed_sites, sites=listed(sites))

"""Read what planning left: the forecasts that stand, and the open lines of the plan."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import asyncpg

from api.database import DatabaseConnection
from api.deps import Sites
from api.pagination import Paging, page_of, parse_part
from api.purchasing.schemas import ExplainedLine, ForecastDay, Kind
from db.sql import load_queries

_queries = load_queries(__file__)
_BEFORE_ALL_IDS = UUID(int=0)


async def list_forecasts(
    connection: DatabaseConnection,
    *,
    paging: Paging,
    sites: Sites,
    sku: str | None,
    site: str | None,
) -> tuple[list[ForecastDay], str | None]:
    """The current forecasts, a day an item, by product, site and day."""
    product_id, site_id, day = paging.after(int, int, str) or (0, 0, date.min.isoformat())
    query = _queries.list_forecasts
    values = {
        "sites": sites,
        "sku": sku,
        "site": site,
        "after_product_id": product_id,
        "after_site_id": site_id,
        "after_date": parse_part(date.fromisoformat, day),
        "limit": paging.limit + 1,
    }
    rows = await connection.fetch(query.positional, *query.arguments(values))
    shown, next_cursor = page_of(
        rows,
        paging.limit,
        lambda row: (row["product_id"], row["site_id"], row["forecast_date"].isoformat()),
    )
    return [_forecast_day(row) for row in shown], next_cursor


async def list_plan(
    connection: DatabaseConnection,
    *,
    paging: Paging,
    sites: Sites,
    site: str | None = None,
    sku: str | None = None,
    kinds: Sequence[Kind] | None = None,
) -> tuple[list[ExplainedLine], str | None]:
    """The open lines, the most pressing first; refills last, in the order of their places.

    A transfer is told to who sees both of its sites, since it says what the other one holds.
    """
    urgency, days, place, last_id = paging.after(int, str, str, str) or (
        0,
        "0",
        "",
        str(_BEFORE_ALL_IDS),
    )
    query = _queries.list_suggestions
    values = {
        "sites": sites,
        "site": site,
        "sku": sku,
        "kinds": None if kinds is None else list(kinds),
        "after_urgency": urgency,
        "after_days": parse_part(float, days),
        "after_place": place,
        "after_id": parse_part(UUID, last_id),
        "limit": paging.limit + 1,
    }
    rows = await connection.fetch(query.positional, *query.arguments(values))
    shown, next_cursor = page_of(
        rows,
        paging.limit,
        lambda row: (row["urgency"], repr(row["days"]), row["walk"], str(row["suggestion_id"])),
    )
    return [_line(row) for row in shown], next_cursor


def _forecast_day(row: asyncpg.Record) -> ForecastDay:
    return ForecastDay(
        sku=row["sku"],
        site=row["site"],
        date=row["forecast_date"],
        mean=row["mean"],
        q0025=row["q0025"],
        q0100=row["q0100"],
        q0500=row["q0500"],
        q0900=row["q0900"],
        q0975=row["q0975"],
        model=row["model"],
        issued_at=row["issued_at"],
    )


def _line(row: asyncpg.Record) -> ExplainedLine:
    return ExplainedLine(**{name: row[name] for name in ExplainedLine.model_fields})

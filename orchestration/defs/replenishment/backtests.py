"""planning.backtests: the last weeks of each site, replayed with several policies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import dagster as dg
import numpy as np
import psycopg

from db.sql import Queries
from orchestration.defs.forecast.history import day_numbers, history_of, site_facts
from orchestration.defs.forecast.picture import lines_picture
from orchestration.planning.own_past import (
    POLICIES,
    WEEK_DAYS,
    Bought,
    Outcome,
    Span,
    replay_site,
    span_of,
)
from orchestration.planning.rolling import Array, History
from orchestration.resources import Database
from orchestration.settings import settings

_QUERIES = Queries(Path(__file__).with_name("backtests.sql"))
# A year to learn from before the replay, as the forecast has it.
_LEARNED_DAYS: Final = 400
# Of so many sites the costs are drawn, too; the table has them all.
_DRAWN: Final = 3
_SO_FAR: Final = "cost so far in {}, minor units"
_LAST_QUARTER: Final = (
    "Last quarter's policy is not among them: a policy is kept as it stands, and not as it stood."
)

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class _Replayed:
    site: str
    first_day: date
    last_day: date
    outcomes: Sequence[Outcome]


@dg.asset(
    key=["planning", "backtests"],
    deps=[["marts", "fct_daily_demand"], ["planning", "policies"]],
    group_name="replenishment",
    owners=["team:planning"],
    kinds={"python", "postgres"},
    description=(
        "What the policies would have cost over the last weeks of each site, replayed day by day "
        "on its own demand: by simulation, at the service level, a fixed minimum and maximum, and "
        "with perfect foresight. Made once a week; no plan goes by it."
    ),
)
def backtests(database: Database) -> dg.MaterializeResult[None]:
    """Replay site after site, each in a transaction of its own, as it takes its time."""
    chosen = settings()
    replayed, too_new = {}, []
    asked = {"history_days": _LEARNED_DAYS + chosen.backtest_weeks * WEEK_DAYS}
    with database.connect() as connection:
        sites = connection.execute(_QUERIES.sites_to_replay.text, asked).fetchall()
    for site_id, code, first_day, last_day in sites:
        with database.connect() as connection:
            found = _replay(connection, site_id, code, first_day, last_day)
            if found is None:
                too_new.append(code)
                continue
            replayed[site_id] = found
            connection.execute(_QUERIES.forget_site.text, {"site_id": site_id})
            with connection.cursor() as cursor:
                rows = [_row(site_id, found, outcome) for outcome in found.outcomes]
                cursor.executemany(_QUERIES.store_backtest.text, rows)
    with database.connect() as connection:
        connection.execute(_QUERIES.forget_other_sites.text, {"site_ids": list(replayed)})
    metadata: dict[str, Any] = {
        "sites_replayed": len(replayed),
        "sites_too_new": too_new,
        "holding_percent_a_year": chosen.holding_percent_a_year,
        "shortage_percent": chosen.shortage_percent,
        "left_out": _LAST_QUARTER,
    }
    if replayed:
        metadata["policies"] = dg.MetadataValue.md(_table(list(replayed.values())))
        metadata["cost_so_far"] = dg.MetadataValue.md(_pictures(list(replayed.values())))
    return dg.MaterializeResult(metadata=metadata)


def _replay(
    connection: Connection, site_id: int, code: str, first_day: date, last_day: date
) -> _Replayed | None:
    """The outcomes at one site; None where it has too few days."""
    chosen = settings()
    rows = connection.execute(_QUERIES.bought_at.text, {"site_id": site_id}).fetchall()
    products = [int(product_id) for product_id, *_ in rows]
    bought = Bought(
        lead_time_days=[int(row[1]) for row in rows],
        review_period_days=chosen.review_period_days,
        service_level=np.array([row[2] for row in rows], dtype=float),
        unit_cost=np.array([np.nan if row[3] is None else row[3] for row in rows], dtype=float),
        currency=[row[4] for row in rows],
    )
    numbers = day_numbers(first_day, last_day)
    span = span_of(len(numbers), bought, weeks=chosen.backtest_weeks)
    if span is None:
        return None
    facts = site_facts(connection, site_id=site_id, first_day=first_day)
    known = history_of(facts, days=numbers, categories=dict.fromkeys(products, ""))
    outcomes = replay_site(
        History(demand=known.demand, exposure=known.exposure, first_day=first_day, period="day"),
        bought,
        _stock_at_open(connection, site_id, products, first_day + timedelta(days=span.first)),
        span,
        holding_share_a_year=chosen.holding_percent_a_year / 100,
        shortage_share=chosen.shortage_percent / 100,
    )
    return _Replayed(code, _first_counted_day(last_day, span), last_day, outcomes)


def _stock_at_open(
    connection: Connection, site_id: int, products: Sequence[int], day: date
) -> Array:
    found: dict[int, int] = dict(
        connection.execute(_QUERIES.stock_at_open.text, {"site_id": site_id, "day": day}).fetchall()
    )
    return np.array([found.get(product_id, 0) for product_id in products], dtype=np.float64)


def _first_counted_day(last_day: date, span: Span) -> date:
    return last_day - timedelta(days=span.weeks * WEEK_DAYS - 1)


def _row(site_id: int, replayed: _Replayed, outcome: Outcome) -> dict[str, object]:
    measures, is_charged = outcome.measures, outcome.currency != ""
    return {
        "site_id": site_id,
        "currency": outcome.currency,
        "policy": outcome.policy,
        "first_day": replayed.first_day,
        "last_day": replayed.last_day,
        "products": outcome.products,
        "cost_minor": measures.cost if is_charged else None,
        "holding_cost_minor": measures.holding if is_charged else None,
        "shortage_cost_minor": measures.shortage if is_charged else None,
        "capital_minor": measures.capital if is_charged else None,
        "demand": outcome.demand,
        "lost": outcome.lost,
        "fill_rate": measures.fill_rate,
        "average_stock": measures.average_stock,
        "stockout_days": measures.stockout_periods,
        "by_week": outcome.by_week.tolist(),
    }


def _table(replayed: Sequence[_Replayed]) -> str:
    lines = [
        "| site | currency | policy | cost, minor units | fill rate | average stock"
        " | stockout days | capital, minor units |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for at in replayed:
        for each in at.outcomes:
            held = each.measures
            cost = f"{held.cost:.0f}" if each.currency else "not known"
            capital = f"{held.capital:.0f}" if each.currency else "not known"
            lines.append(
                f"| {at.site} | {each.currency or 'no unit cost'} | {each.policy} | {cost}"
                f" | {held.fill_rate:.1%} | {held.average_stock:.1f}"
                f" | {held.stockout_periods} | {capital} |"
            )
    return "\n".join(lines)


def _pictures(replayed: Sequence[_Replayed]) -> str:
    """The cost so far of each policy, or the units lost so far, at the sites that sell most."""
    largest = sorted(replayed, key=lambda at: -sum(each.demand for each in at.outcomes))
    return "\n\n".join(
        lines_picture(
            np.array([np.cumsum(each.by_week) for each in at.outcomes if each.currency == of]),
            names=[policy.replace("_", " ") for policy in POLICIES],
            title=f"{at.site}: {_SO_FAR.format(of) if of else 'units lost so far'}",
        )
        for at in largest[:_DRAWN]
        for of in sorted({each.currency for each in at.outcomes})
    )

"""planning.forecast_totals: categories and whole sites, from the product forecasts that stand."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import psycopg

from db.sql import Queries
from orchestration.planning.forecasting import SiteHistory
from orchestration.planning.rollup import WHOLE_SITE, rolled_up, total_forecasts

_QUERIES = Queries(Path(__file__).with_name("totals.sql"))
_SHOWN: Final = 40
_QUANTILE_COLUMNS: Final = ("q0025", "q0100", "q0500", "q0900", "q0975")

Connection = psycopg.Connection[tuple[Any, ...]]


def store_totals(
    connection: Connection,
    history: SiteHistory,
    *,
    categories: Sequence[str],
    site_id: int,
    first_day: date,
    refresh_id: int,
) -> int:
    """Sum what stands for the site from `first_day` on; answers how many totals that makes."""
    found = connection.execute(
        _QUERIES.sums_of_forecasts.text, {"site_id": site_id, "first_day": first_day}
    ).fetchall()
    products = {name: count for name, count, _ in found}
    sums = {name: np.array(mean) for name, _, mean in found}
    if not sums:
        return 0
    names, rolled = rolled_up(history, categories)
    known = [row for row, name in enumerate(names) if name == WHOLE_SITE or name in sums]
    sums[WHOLE_SITE] = np.sum(list(sums.values()), axis=0)
    products[WHOLE_SITE] = sum(products.values())
    names = [names[row] for row in known]
    rolled = SiteHistory(
        rolled.first_day, rolled.demand[known], rolled.exposure[known], np.arange(len(known))
    )
    said = total_forecasts(rolled, names, np.stack([sums[name] for name in names]))
    mean, quantiles = np.round(said.mean, 4), np.round(said.quantiles, 4)
    connection.execute(_QUERIES.forget_totals.text, {"site_id": site_id})
    with connection.cursor() as cursor:
        cursor.executemany(
            _QUERIES.store_total.text,
            [
                {
                    "site_id": site_id,
                    "category": name,
                    "first_day": first_day,
                    "products": products[name],
                    "mean": mean[row].tolist(),
                    "refresh_id": refresh_id,
                    **{
                        column: quantiles[row, :, q].tolist()
                        for q, column in enumerate(_QUANTILE_COLUMNS)
                    },
                }
                for row, name in enumerate(names)
            ],
        )
    return len(names)


def totals_table(connection: Connection) -> str:
    """Markdown: what is expected of sites and of their largest categories."""
    rows = connection.execute(_QUERIES.totals_of_sites.text, {"limit": _SHOWN}).fetchall()
    lines = [
        "| site | of | products | next 7 days | next day | 80 % between |",
        "|---|---|---:|---:|---:|---|",
        *(
            f"| {site} | {category} | {products} | {week:.0f} | {day:.1f}"
            f" | {low:.1f} to {high:.1f} |"
            for site, category, products, week, day, low, high in rows
        ),
    ]
    return "\n".join(lines)

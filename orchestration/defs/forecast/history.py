"""The demand facts of one site, as the arrays that the forecast learns from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.rows import class_row

from db.sql import load_queries
from orchestration.planning.forecasting import HORIZON_DAYS, SiteHistory
from orchestration.planning.known_days import (
    KnownEvent,
    known_factors,
    public_holidays,
    without_known_effects,
)

_QUERIES = load_queries(__file__)
# A year, so that each weekday has met each season, and as much again as a forecast reaches.
_LEARNED_DAYS = 400
_EPOCH = date(2000, 1, 1)
_COPY_HEADER_BYTES = 19
_COPY_TRAILER_BYTES = 2
# Postgres' binary copy: the number of fields, then each one's length and value, big-endian.
_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("_1", ">i4"),
        ("product_id", ">i4"),
        ("_2", ">i4"),
        ("day_number", ">i4"),
        ("_3", ">i4"),
        ("demand", ">f8"),
        ("_4", ">i4"),
        ("exposure", ">f8"),
    ]
)

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class KnownHistory:
    """What was asked for as on usual days, and what is known of the days ahead.

    ahead: factors, N products by HORIZON_DAYS; what a forecast of usual days is multiplied by.
    """

    usual: SiteHistory
    ahead: NDArray[np.float64]


def read_history(
    connection: Connection, *, site_id: int, categories: Mapping[int, str]
) -> KnownHistory | None:
    """The closed days of the products named in `categories`, in its order; None without any.

    A site that slept (it has no facts of those days) is taken as if it had slept for less than a
    week, so that what it sold before is still recent; weekdays stay what they are.
    """
    found = connection.execute(_QUERIES.site_calendar.text, {"site_id": site_id}).fetchall()
    found = found[-_LEARNED_DAYS:]
    if not found:
        return None
    days = [day for day, _ in found]
    numbers = [int((day - _EPOCH).days) for day in days]
    rows = _copy(connection, {"site_id": site_id, "first_day": days[0]})
    history = history_of(rows, days=numbers, categories=categories)
    ahead = [days[-1] + timedelta(days=n + 1) for n in range(HORIZON_DAYS)]
    events = _known_events(connection, site_id=site_id, first_day=days[0], last_day=ahead[-1])
    columns = calendar_columns(numbers)
    factors = known_factors(
        events,
        products=categories,
        days=[*days, *ahead],
        is_open=np.array([is_open for _, is_open in found]),
        demand=history.demand[:, columns],
        exposure=history.exposure[:, columns],
    )
    demand = history.demand.copy()
    demand[:, columns] = without_known_effects(demand[:, columns], factors[:, : len(days)])
    return KnownHistory(replace(history, demand=demand), factors[:, len(days) :])


def _known_events(
    connection: Connection, *, site_id: int, first_day: date, last_day: date
) -> list[KnownEvent]:
    """What people entered, and the public holidays of the country that the site is in."""
    with connection.cursor(row_factory=class_row(KnownEvent)) as cursor:
        events = cursor.execute(
            _QUERIES.calendar_events.text,
            {"site_id": site_id, "first_day": first_day, "last_day": last_day},
        ).fetchall()
    found = connection.execute(_QUERIES.site_country.text, {"site_id": site_id}).fetchone()
    country = found[0] if found is not None else None
    if country is not None:
        events += public_holidays(country, first_day, last_day)
    return events


def history_of(
    rows: NDArray[Any], *, days: Sequence[int], categories: Mapping[int, str]
) -> SiteHistory:
    """Facts (product_id, day_number, demand, exposure) as products x days.

    A day that says nothing about a product has no demand, and counts as exposed: a closed site
    served nobody, which is not the same as an empty shelf.
    """
    columns = calendar_columns(days)
    products = np.array(list(categories), dtype=np.int64)
    order = np.argsort(products)
    place = np.minimum(np.searchsorted(products, rows["product_id"], sorter=order), len(order) - 1)
    row = order[place]
    kept = (products[row] == rows["product_id"]) & ~np.isnan(rows["demand"])
    row, column = row[kept], columns[np.searchsorted(days, rows["day_number"][kept])]
    shape = (len(products), int(columns[-1]) + 1)
    demand, exposure = np.full(shape, np.nan), np.ones(shape)
    demand[row, column] = rows["demand"][kept]
    exposure[row, column] = rows["exposure"][kept]
    return SiteHistory(
        first_day=_EPOCH + timedelta(days=days[-1] - int(columns[-1])),
        demand=demand,
        exposure=exposure,
        category=np.unique(list(categories.values()), return_inverse=True)[1].astype(np.int64),
    )


def calendar_columns(days: Sequence[int]) -> NDArray[np.int64]:
    """The column of each day: gaps are shortened by whole weeks to less than eight days."""
    steps = (np.diff(days) - 1) % 7 + 1
    return np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)


def _copy(connection: Connection, values: Mapping[str, object]) -> NDArray[Any]:
    with connection.cursor() as cursor, cursor.copy(_QUERIES.site_demand.text, values) as copy:
        sent = b"".join(bytes(block) for block in copy)
    return np.frombuffer(sent[_COPY_HEADER_BYTES:-_COPY_TRAILER_BYTES], dtype=_ROW)

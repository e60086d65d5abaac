"""The demand facts of one site, as the arrays that the forecast learns from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.rows import class_row

from db.sql import Queries, load_queries
from orchestration.planning.bulk import bulk_caps, within_bounds
from orchestration.planning.forecasting import HORIZON_DAYS, SiteHistory
from orchestration.planning.known_days import (
    KnownEvent,
    known_factors,
    public_holidays,
    without_known_effects,
)

_QUERIES = load_queries(__file__)
_ANOMALIES = Queries(Path(__file__).with_name("anomalies.sql"))
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
class AdjustedDay:
    """A day that counts as `counted` instead of `demand`; the difference is quoted, not learned."""

    product_id: int
    day: date
    demand: float
    counted: float
    reason: str


@dataclass(frozen=True)
class KnownHistory:
    """What was asked for as on usual days, and what is known of the days ahead.

    ahead: factors, N products by HORIZON_DAYS; what a forecast of usual days is multiplied by.
    adjusted: the days that the level counts otherwise than they were.
    """

    usual: SiteHistory
    ahead: NDArray[np.float64]
    adjusted: list[AdjustedDay]


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
    rows = site_facts(connection, site_id=site_id, first_day=days[0])
    rows = with_predecessors(rows, _predecessors(connection))
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
    told = history.demand[:, columns]
    usual = without_known_effects(told, factors[:, : len(days)])
    caps = bulk_caps(usual)
    counted = within_bounds(usual, *_anomaly_bounds(connection, site_id, categories, numbers))
    capped = np.minimum(counted, caps[:, np.newaxis])
    demand = history.demand.copy()
    demand[:, columns] = capped
    known = replace(history, demand=demand)
    adjusted = [
        AdjustedDay(
            product_id=list(categories)[row],
            day=days[column],
            demand=float(told[row, column]),
            counted=round(float(capped[row, column]), 4),
            reason="anomaly" if counted[row, column] != usual[row, column] else "bulk",
        )
        for row, column in np.argwhere(~np.isnan(usual) & (capped != usual)).tolist()
    ]
    return KnownHistory(known, factors[:, len(days) :], adjusted)


def _predecessors(connection: Connection) -> list[tuple[int, int, int]]:
    found = connection.execute(_ANOMALIES.predecessors.text).fetchall()
    return [(int(older), int(newer), int(from_day)) for older, newer, from_day in found]


def _anomaly_bounds(
    connection: Connection, site_id: int, categories: Mapping[int, str], numbers: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far out each day counts; only a day that was found to be an anomaly has bounds."""
    shape = (len(categories), len(numbers))
    low, high = np.full(shape, -np.inf), np.full(shape, np.inf)
    rows = {product_id: row for row, product_id in enumerate(categories)}
    columns = {number: column for column, number in enumerate(numbers)}
    found = connection.execute(_ANOMALIES.standing_anomalies.text, {"site_id": site_id})
    for product_id, number, least, most in found:
        if product_id in rows and number in columns:
            low[rows[product_id], columns[number]] = least
            high[rows[product_id], columns[number]] = most
    return low, high


def store_adjusted(
    connection: Connection, *, site_id: int, adjusted: Sequence[AdjustedDay]
) -> None:
    """Keep which days of a site count otherwise than they were, for people to see."""
    connection.execute(_ANOMALIES.forget_adjusted_days.text, {"site_id": site_id})
    with (
        connection.cursor() as cursor,
        cursor.copy(_ANOMALIES.store_adjusted_days.text) as copy,
    ):
        for each in adjusted:
            copy.write_row(
                (each.product_id, site_id, each.day, each.demand, each.counted, each.reason)
            )


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


def with_predecessors(
    rows: NDArray[Any], predecessors: Sequence[tuple[int, int, int]]
) -> NDArray[Any]:
    """The facts with those that each successor inherits: its predecessor's before its first day.

    predecessors: (product_id, successor_product_id, first day number of the successor), by date,
    so that a chain hands on what it inherited. A day that both have is the sum of both demands,
    seen as long as the longer of them.
    """
    for older, newer, from_day in predecessors:
        inherited = rows[(rows["product_id"] == older) & (rows["day_number"] < from_day)].copy()
        if inherited.size == 0:
            continue
        inherited["product_id"] = newer
        own = rows[(rows["product_id"] == newer) & (rows["day_number"] < from_day)]
        at = {int(day): place for place, day in enumerate(inherited["day_number"])}
        for day, demand, exposure in zip(
            own["day_number"], own["demand"], own["exposure"], strict=True
        ):
            place = at.get(int(day))
            if place is not None and not np.isnan(demand):
                inherited["demand"][place] = np.nan_to_num(inherited["demand"][place]) + demand
                inherited["exposure"][place] = max(inherited["exposure"][place], exposure)
        replaced = (rows["product_id"] == newer) & np.isin(
            rows["day_number"], inherited["day_number"]
        )
        rows = np.concatenate([rows[~replaced], inherited])
    return rows


def day_numbers(first_day: date, last_day: date) -> list[int]:
    """Every day of a span as the facts count days."""
    first = (first_day - _EPOCH).days
    return list(range(first, first + (last_day - first_day).days + 1))


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


def site_facts(connection: Connection, *, site_id: int, first_day: date) -> NDArray[Any]:
    """The facts (product_id, day_number, demand, exposure) of a site from a day on."""
    values = {"site_id": site_id, "first_day": first_day}
    with connection.cursor() as cursor, cursor.copy(_QUERIES.site_demand.text, values) as copy:
        sent = b"".join(bytes(block) for block in copy)
    return np.frombuffer(sent[_COPY_HEADER_BYTES:-_COPY_TRAILER_BYTES], dtype=_ROW)

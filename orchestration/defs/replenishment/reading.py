"""What the plan is made from, out of the database."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import psycopg
from psycopg.rows import class_row

from db.sql import load_queries
from orchestration.defs.forecast.distributions import totals_from_json
from orchestration.planning.expected import Array, expected_totals
from orchestration.planning.forecasting import TotalDemand
from orchestration.planning.lead_times import ENOUGH
from orchestration.planning.lines import Key, Shown
from orchestration.planning.outlook import Outlook, outlooks
from orchestration.planning.planned import PlaceStock, ProductSite, Terms
from orchestration.planning.replenishment import Policy, Stock
from orchestration.settings import settings

_QUERIES = load_queries(__file__)

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class _Row:
    product_id: int
    site_id: int
    site: str
    is_simulated: bool
    supplier_id: int | None
    lead_time_days: int
    review_period_days: int
    service_level: float
    mean_daily_demand: float
    reorder_point: int
    order_up_to_level: int
    selling_minimum: int
    refill_minimum: int
    pack_size: int
    minimum_order_quantity: int
    arithmetic: dict[str, Any]
    on_hand_selling: int
    on_hand_behind: int
    reserved: int
    on_order: int
    unit_cost_minor: int | None
    currency: str | None
    price_breaks: dict[str, int]
    shelf_life_days: int | None
    mean: list[float]

    def with_demand(
        self,
        mean: Array,
        *,
        outlook: Outlook,
        lead_times_taken: tuple[int, ...],
        overstock_demand: int,
        on_its_way: int,
    ) -> ProductSite:
        return ProductSite(
            product_id=self.product_id,
            site_id=self.site_id,
            site=self.site,
            is_simulated=self.is_simulated,
            supplier_id=self.supplier_id,
            policy=self._policy(),
            stock=Stock(
                on_hand_selling=self.on_hand_selling,
                on_hand_behind=self.on_hand_behind,
                reserved=self.reserved,
                on_order=self.on_order,
            ),
            mean=mean,
            on_hand_here=self.on_hand_selling + self.on_hand_behind - on_its_way,
            overstock_demand=overstock_demand,
            outlook=outlook,
            lead_times_taken=lead_times_taken,
            shelf_life_days=self.shelf_life_days,
            unit_cost_minor=self.unit_cost_minor,
            currency=self.currency,
            price_breaks={int(least): cost for least, cost in self.price_breaks.items()},
        )

    def _policy(self) -> Policy:
        return Policy(
            lead_time_days=self.lead_time_days,
            review_period_days=self.review_period_days,
            service_level=self.service_level,
            mean_daily_demand=self.mean_daily_demand,
            lead_time_demand=self.arithmetic["lead_time_demand"],
            protection_demand=self.arithmetic["protection_demand"],
            reorder_point=self.reorder_point,
            order_up_to_level=self.order_up_to_level,
            selling_minimum=self.selling_minimum,
            refill_minimum=self.refill_minimum,
            pack_size=self.pack_size,
            minimum_order_quantity=self.minimum_order_quantity,
            demand_class=self.arithmetic.get("demand_class", ""),
        )


@dataclass(frozen=True)
class _Live:
    suggestion_id: Any
    status: Any
    kind: Any
    product_id: int
    site_id: int
    location_id: int
    quantity: int
    priority: Any
    from_site_id: int | None
    from_location_id: int | None
    is_within_budget: bool


def terms() -> Terms:
    """What the user chose."""
    chosen = settings()
    return Terms(
        transfer_lead_time_days=chosen.transfer_lead_time_days,
        transfer_cost_minor=chosen.transfer_cost_minor,
        refill_round_days=chosen.refill_round_days,
        refill_cover_days=chosen.refill_cover_days,
        overstock_weeks=chosen.overstock_weeks,
        dead_stock_days=chosen.dead_stock_days,
        slow_seller_weeks=chosen.slow_seller_weeks,
        order_budget_minor=chosen.order_budget_minor,
    )


def read_places(connection: Connection) -> list[PlaceStock]:
    """Every planned product at each place that held it or has a par for it."""
    with connection.cursor(row_factory=class_row(PlaceStock)) as cursor:
        return cursor.execute(_QUERIES.stock_at_places.text).fetchall()


def read_product_sites(
    connection: Connection, places: list[PlaceStock], *, to_position: int
) -> list[ProductSite]:
    """Every planned product at each site, with what it may need at most in the coming weeks.

    What is on order is what was so at this position of the ledger.
    """
    totals: dict[int, TotalDemand] = {
        site_id: totals_from_json(stored)
        for site_id, stored in connection.execute(_QUERIES.distributions.text).fetchall()
    }
    taken: dict[int | None, tuple[int, ...]] = {
        supplier_id: tuple(sorted(days))
        for supplier_id, _, days in connection.execute(
            _QUERIES.lead_times_as_taken.text, {"enough": ENOUGH}
        ).fetchall()
    }
    on_its_way: dict[tuple[int, int], int] = {}
    for place in places:
        if place.is_in_transit:
            key = (place.product_id, place.site_id)
            on_its_way[key] = on_its_way.get(key, 0) + place.on_hand
    with connection.cursor(row_factory=class_row(_Row)) as cursor:
        rows = cursor.execute(
            _QUERIES.stock_and_policy.text, {"to_position": to_position}
        ).fetchall()
    made = []
    for site_id, here in groupby(rows, key=lambda row: row.site_id):
        of_site = list(here)
        mean = np.array([row.mean for row in of_site])
        level = np.array([row.service_level for row in of_site])
        outlook = _outlooks(of_site, mean, totals[site_id], level)
        upper = _upper_demand(mean, totals[site_id], level)
        made += [
            row.with_demand(
                mean[at],
                outlook=outlook[at],
                lead_times_taken=taken.get(row.supplier_id, ()),
                overstock_demand=int(upper[at]),
                on_its_way=on_its_way.get((row.product_id, site_id), 0),
            )
            for at, row in enumerate(of_site)
        ]
    return made


def _outlooks(rows: list[_Row], mean: Array, totals: TotalDemand, level: Array) -> list[Outlook]:
    """The outlook of each row; one review period after another, as order days make several."""
    lead_times = np.array([row.lead_time_days for row in rows])
    review_periods = np.array([row.review_period_days for row in rows])
    made: dict[int, Outlook] = {}
    for days in np.unique(review_periods):
        these = np.flatnonzero(review_periods == days)
        found = outlooks(
            mean[these],
            totals,
            lead_time_days=lead_times[these],
            review_period_days=int(days),
            service_level=level[these],
        )
        made.update(zip(these.tolist(), found, strict=True))
    return [made[at] for at in range(len(rows))]


def _upper_demand(mean: Array, totals: TotalDemand, level: Array) -> Array:
    """Units that demand stays below, with the chance of its service level, until it is too much."""
    days = 7 * settings().overstock_weeks
    expected = expected_totals(mean, np.full(len(mean), days))
    upper = np.zeros(len(mean))
    for one in np.unique(level):
        rows = level == one
        upper[rows] = totals.quantile(expected[rows], days, float(one))
    rounded: Array = np.ceil(np.round(upper, 6))
    return rounded


def read_waiting_sites(connection: Connection) -> frozenset[int]:
    """The sites whose plan is left as it is, because of their forecast."""
    return frozenset(site_id for (site_id,) in connection.execute(_QUERIES.waiting_sites.text))


def read_shown(connection: Connection) -> dict[Key, Shown]:
    """The lines that people see or turned down, by what they are about; locked."""
    with connection.cursor(row_factory=class_row(_Live)) as cursor:
        live = cursor.execute(_QUERIES.live_suggestions.text).fetchall()
    return {
        (line.kind, line.product_id, line.site_id, line.location_id): Shown(
            suggestion_id=line.suggestion_id,
            status=line.status,
            quantity=line.quantity,
            priority=line.priority,
            from_site_id=line.from_site_id,
            from_location_id=line.from_location_id,
            is_within_budget=line.is_within_budget,
        )
        for line in live
    }

"""The small shop with what planning would leave: forecasts, lines of the plan, alerts."""

import json
from uuid import UUID

from tests.integration.small_shop import BEAR, DUCK, SmallShop, small_shop

_FORECAST = """
insert into planning.forecasts
select
    product_id, site_id, %s::timestamptz, 1, '2026-11-21', 'ses',
    %s, %s, %s, %s, %s, %s
from catalog.products, catalog.sites where sku = %s
"""

_SUGGESTION = """
insert into planning.suggestions (
    kind, product_id, site_id, supplier_id, quantity, priority, inventory_position,
    reorder_point, order_up_to_level, days_until_stockout, reason, arithmetic, refresh_id, status
)
select
    'purchase', product_id, site_id, supplier_id, %s, %s, 20, 40, 60, %s,
    'Twenty are left.', %s, 1, %s
from catalog.products, catalog.sites where sku = %s
returning suggestion_id
"""

_REFILL = """
insert into planning.suggestions (
    kind, product_id, site_id, from_location_id, location_id, quantity, priority,
    inventory_position, reorder_point, order_up_to_level, days_until_stockout, reason, arithmetic,
    refresh_id
)
select
    'refill', product_id, places.site_id, sources.location_id, places.location_id, %s, %s,
    20, 40, 60, 0.5, places.code || ' holds 2.', '{"par": 8}', 1
from catalog.products, catalog.locations as places, catalog.locations as sources
where sources.code = 'BACK-01' and places.code = %s and sku = %s
"""

_ALERT = """
insert into alerts.alerts
(kind, severity, product_id, site_id, message, recommendation, position, opened_at)
select %s, %s, product_id, site_id, %s, 'Refill 10 from BACK-01.', 1, %s::timestamptz
from catalog.products, catalog.sites where sku = %s
returning alert_id
"""


class PlannedShop(SmallShop):
    """Puts into the tables of planning and alerts what their owners would."""

    def forecast(self, sku: str, *, days: int = 3, issued_at: str = "2026-11-20T00:00Z") -> None:
        levels = [[factor * (day + 1) for day in range(days)] for factor in (4, 0, 1, 3, 8, 12)]
        self.execute(_FORECAST, (issued_at, *levels, sku))

    def suggest(
        self,
        sku: str,
        *,
        quantity: int = 48,
        priority: str = "high",
        days: float | None = 2.5,
        status: str = "open",
        more: dict[str, object] | None = None,
    ) -> UUID:
        terms = json.dumps({"mean_daily_demand": 4, "pack_size": 12, **(more or {})})
        (row,) = self.rows(_SUGGESTION, (quantity, priority, days, terms, status, sku))
        return UUID(str(row[0]))

    def refill(self, sku: str, *, to: str, quantity: int = 6, priority: str = "low") -> None:
        """A line of today's walk, from the back room to `to`."""
        self.execute(_REFILL, (quantity, priority, to, sku))

    def alert(
        self,
        sku: str,
        *,
        kind: str = "critical_low",
        severity: str = "critical",
        message: str = "It is low.",
        opened_at: str = "2026-11-20T08:00Z",
    ) -> UUID:
        (row,) = self.rows(_ALERT, (kind, severity, message, opened_at, sku))
        return UUID(str(row[0]))


def planned_shop(database_url: str) -> PlannedShop:
    """Bears and ducks with a policy each, and nothing told of them yet."""
    small_shop(database_url)
    return PlannedShop(database_url)


__all__ = ["BEAR", "DUCK", "PlannedShop", "planned_shop"]

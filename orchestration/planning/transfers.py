"""What one site has too much of and another needs: transfers before anything is bought."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestration.planning.replenishment import is_worth_a_change


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """What one site holds of a product and needs of it, in base units.

    can_leave: on hand and not reserved. keeps: what its position may not fall below by giving, at
    least its own order-up-to level. days_until_stockout: infinite where the end is not in sight.
    """

    site_id: int
    position: int
    can_leave: int
    keeps: int
    reorder_point: int
    order_up_to_level: int
    days_until_stockout: float = math.inf

    @property
    def wants(self) -> int:
        """Units up to S where the position is at or below s; else 0."""
        if self.position > self.reorder_point:
            return 0
        return max(0, self.order_up_to_level - self.position)

    @property
    def spares(self) -> int:
        """Units that can go without the site falling short of its own need."""
        return max(0, min(self.can_leave, self.position - self.keeps))


@dataclass(frozen=True, slots=True)
class Transfer:
    """Units of one product from one site to another."""

    from_site_id: int
    to_site_id: int
    quantity: int


def transfers(
    holdings: Iterable[Holding],
    *,
    shown: Mapping[int, Transfer] | None = None,
    pack_size: int = 1,
    unit_cost: float | None = None,
    cost: float = 0.0,
) -> list[Transfer]:
    """Transfers of one product, one a needing site at most, the most pressing need first.

    A need is met by the one site that can cover most of it, the lowest number where two cover the
    same. `shown` has, by needing site, what people see: it stays while its giver can spare it and
    it is not worth a change. With a `unit_cost`, a transfer whose `cost` (both in minor units of
    one currency) is not below what the units would cost to buy is left out.
    """
    shown = shown or {}
    sites = list(holdings)
    spare = {site.site_id: site.spares for site in sites if site.wants == 0}
    needs = sorted(
        (site for site in sites if site.wants > 0),
        key=lambda site: (site.days_until_stockout, site.site_id),
    )
    planned = []
    for need in needs:
        before = shown.get(need.site_id)
        giver = _giver(need, spare, before)
        if giver is None:
            continue
        quantity = min(need.wants, spare[giver])
        if (
            before is not None
            and before.from_site_id == giver
            and before.quantity <= spare[giver]
            and not is_worth_a_change(shown=before.quantity, wanted=quantity, pack_size=pack_size)
        ):
            quantity = before.quantity
        if unit_cost is not None and cost > 0 and cost >= quantity * unit_cost:
            continue
        spare[giver] -= quantity
        planned.append(Transfer(giver, need.site_id, quantity))
    return planned


def _giver(need: Holding, spare: Mapping[int, int], before: Transfer | None) -> int | None:
    def covers(site_id: int) -> int:
        return min(need.wants, spare.get(site_id, 0))

    best = max(spare, key=lambda site_id: (covers(site_id), -site_id), default=None)
    if best is None or covers(best) == 0:
        return None
    if before is not None and covers(before.from_site_id) == covers(best):
        return before.from_site_id
    return best

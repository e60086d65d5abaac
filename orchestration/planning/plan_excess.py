"""What is too much: overstock, dead stock, slow sellers, and minimums of places that are too high.

Each line carries its evidence. A product that came lately has none, and is left alone.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestration.planning.expected import expected_demand
from orchestration.planning.lines import Key, Kind, Line, Shown
from orchestration.planning.planned import PlaceStock, ProductSite, Terms, cost_to_buy
from orchestration.planning.replenishment import Priority

# Before this many days nobody knows how fast it goes.
_KNOWN_AFTER_DAYS = 28
_QUARTER_DAYS = 91
_FOR_YEARS_WEEKS = 260


def excess_lines(
    sites: Iterable[ProductSite],
    at_places: Mapping[tuple[int, int], Sequence[PlaceStock]],
    shown: Mapping[Key, Shown],
    *,
    given: Mapping[tuple[int, int], int],
    terms: Terms,
) -> Iterable[Line]:
    """What each site has too much of after giving away what is in `given`.

    Dead stock is told as that alone; else a product can be too much, slow, and kept at too high a
    minimum, each of which is another thing to do.
    """
    for site in sites:
        here = at_places.get((site.product_id, site.site_id), ())
        held_days = max((place.days_held for place in here), default=0)
        if held_days < _KNOWN_AFTER_DAYS:
            continue
        away = given.get((site.product_id, site.site_id), 0)
        free = site.on_hand_here - site.stock.reserved - away
        dead = _dead_stock(site, here, free, held_days, terms)
        if dead is not None:
            yield dead
            continue
        told = (
            _overstock(site, free, away, shown, terms),
            _slow_seller(site, here, free, held_days, terms),
            *(_lower_minimum(site, place, here, terms) for place in here),
        )
        yield from (line for line in told if line is not None)


def _dead_stock(
    site: ProductSite, here: Sequence[PlaceStock], free: int, held_days: int, terms: Terms
) -> Line | None:
    """Held, and neither used nor brought in, for as long as the user chose."""
    days = terms.dead_stock_days
    quiet = _least(place.days_since_use for place in here)
    delivered = _least(place.days_since_receipt for place in here)
    still_moves = any(known is not None and known < days for known in (quiet, delivered))
    if free <= 0 or held_days < days or still_moves:
        return None
    since = f"{held_days} days, for as long as it is held" if quiet is None else f"{quiet} days"
    return _line(
        site,
        "dead_stock",
        free,
        priority="medium",
        reason=(
            f"Nobody asked for it in {since}, and none came in the last {days}. {free} are free at "
            f"{site.site}{_worth(site, free)}: send them back, mark them down, or drop it."
        ),
        terms={
            "days_since_use": quiet,
            "days_since_delivery": delivered,
            "days_held": held_days,
            "dead_after_days": days,
        },
    )


def _overstock(
    site: ProductSite, free: int, away: int, shown: Mapping[Key, Shown], terms: Terms
) -> Line | None:
    """Stock and what is coming, above the upper quantile of what the next weeks will use.

    It opens at a pack too much, and stays until nothing is.
    """
    weeks = terms.overstock_weeks
    position = site.stock.inventory_position - away
    excess = position - max(site.overstock_demand, site.policy.order_up_to_level)
    quantity = min(free, excess)
    is_shown = ("overstock", site.product_id, site.site_id, 0) in shown
    if quantity < (1 if is_shown else site.policy.pack_size):
        return None
    expected = expected_demand(site.mean)(7 * weeks)
    coming = site.stock.on_order
    cancel = f" {coming} more are on order." if coming else ""
    return _line(
        site,
        "overstock",
        quantity,
        priority="low",
        reason=(
            f"In {weeks} weeks {expected:.1f} are expected to be used at {site.site}, and with a "
            f"chance of {site.policy.service_level:.0%} not more than {site.overstock_demand}. "
            f"With {free} free, {quantity} are too much{_worth(site, quantity)}: move them, send "
            f"them back or mark them down.{cancel}{_lasting(site, free)}"
        ),
        terms={
            "weeks": weeks,
            "expected_in_these_weeks": round(expected, 1),
            "at_most_in_these_weeks": site.overstock_demand,
            "free": free,
            "on_order": coming,
            "given_to_other_sites": away,
            "counterfactuals": {
                "by the expected demand alone": max(
                    0, min(free, position - math.ceil(round(expected, 6)))
                )
            },
        },
    )


def _slow_seller(
    site: ProductSite, here: Sequence[PlaceStock], free: int, held_days: int, terms: Terms
) -> Line | None:
    """Asked for now and then, but the least that can be ordered would last too long."""
    used = sum(place.used_91_days for place in here)
    if free <= 0 or used == 0 or held_days < _QUARTER_DAYS:
        return None
    pack = site.policy.pack_size
    least = math.ceil(site.policy.minimum_order_quantity / pack) * pack
    weeks = least / (used * 7 / _QUARTER_DAYS)
    if weeks < terms.slow_seller_weeks:
        return None
    return _line(
        site,
        "slow_seller",
        free,
        priority="low",
        reason=(
            f"{used} were used in {_QUARTER_DAYS} days at {site.site}. One order is {least} or "
            f"more, which lasts {weeks:.0f} weeks at this rate: consider dropping it once the "
            f"{free} that are left are gone{_worth(site, free)}."
        ),
        terms={
            "used_91_days": used,
            "least_order": least,
            "weeks_that_it_lasts": round(weeks, 1),
            "slow_from_weeks": terms.slow_seller_weeks,
            "counterfactuals": (
                {"weeks that one unit at a time would last": round(weeks / least, 1)}
                if least > 1
                else {}
            ),
        },
    )


def _lower_minimum(
    site: ProductSite, place: PlaceStock, here: Sequence[PlaceStock], terms: Terms
) -> Line | None:
    """A fixed minimum above what its place may use in all of the weeks."""
    used = sum(one.used_28_days for one in here if one.is_selling)
    if place.minimum == 0 or not place.is_selling or used == 0:
        return None
    share = place.used_28_days / used
    enough = max(1, math.ceil(round(share * site.overstock_demand, 6)))
    if place.minimum <= enough:
        return None
    return _line(
        site,
        "lower_minimum",
        place.minimum - enough,
        priority="low",
        location_id=place.location_id,
        reason=(
            f"{place.code} is refilled at {place.minimum} or fewer. {place.used_28_days} of the "
            f"{used} that {site.site} used in 28 days were used there; by that share "
            f"{enough} are enough for {terms.overstock_weeks} weeks, with a chance of "
            f"{site.policy.service_level:.0%}: lower the minimum by {place.minimum - enough}."
        ),
        terms={
            "minimum": place.minimum,
            "used_28_days_there": place.used_28_days,
            "share_of_the_site": round(share, 4),
            "enough": enough,
            "weeks": terms.overstock_weeks,
        },
    )


def _line(
    site: ProductSite,
    kind: Kind,
    quantity: int,
    *,
    priority: Priority,
    reason: str,
    terms: Mapping[str, Any],
    location_id: int | None = None,
) -> Line:
    return Line(
        kind=kind,
        product_id=site.product_id,
        site_id=site.site_id,
        location_id=location_id,
        supplier_id=site.supplier_id,
        quantity=quantity,
        priority=priority,
        inventory_position=site.stock.inventory_position,
        reorder_point=site.policy.reorder_point,
        order_up_to_level=site.policy.order_up_to_level,
        days_until_stockout=site.days_until_stockout,
        reason=reason,
        arithmetic={
            **terms,
            "mean_daily_demand": round(site.policy.mean_daily_demand, 4),
            "cost": cost_to_buy(site, quantity),
            "quantity": quantity,
        },
        change_from=site.policy.pack_size,
    )


def _worth(site: ProductSite, quantity: int) -> str:
    cost = cost_to_buy(site, quantity)
    return "" if cost is None else f", {cost} at cost"


def _lasting(site: ProductSite, free: int) -> str:
    weekly = 7 * site.policy.mean_daily_demand
    if free > _FOR_YEARS_WEEKS * weekly:
        return " At this rate it lasts more than five years."
    return f" At this rate it lasts {free / weekly:.0f} weeks."


def _least(known: Iterable[int | None]) -> int | None:
    return min((days for days in known if days is not None), default=None)

"""The whole plan from what stands where: transfers first, then purchases, then today's walk."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from orchestration.planning.expected import expected_demand
from orchestration.planning.lines import Key, Line, Shown
from orchestration.planning.plan_refills import refill_lines
from orchestration.planning.plan_transfers import transfer_lines
from orchestration.planning.planned import PlaceStock, ProductSite, Terms
from orchestration.planning.replenishment import suggest


def plan(
    sites: Iterable[ProductSite],
    places: Iterable[PlaceStock],
    *,
    shown: Mapping[Key, Shown],
    terms: Terms,
) -> list[Line]:
    """Every line that is wanted; planned again over what it led to as `shown`, it is the same."""
    held = list(sites)
    at_places: dict[tuple[int, int], list[PlaceStock]] = defaultdict(list)
    for place in places:
        at_places[place.product_id, place.site_id].append(place)
    moved = transfer_lines(held, shown, terms)
    proposed = {(line.product_id, line.site_id): line.quantity for line in moved}
    lines = [
        *moved,
        *_purchase_lines(held, proposed),
        *refill_lines(held, at_places, shown, terms),
    ]
    return [_with_trend(line, at_places[line.product_id, line.site_id]) for line in lines]


def _purchase_lines(
    sites: Iterable[ProductSite], proposed: Mapping[tuple[int, int], int]
) -> Iterable[Line]:
    for site in sites:
        coming = proposed.get((site.product_id, site.site_id), 0)
        stock = replace(site.stock, transfer_proposed=coming)
        if stock.inventory_position > site.policy.reorder_point:
            continue
        line = suggest(policy=site.policy, stock=stock, mean_demand=expected_demand(site.mean))
        if line is None:
            continue
        yield Line(
            kind="purchase",
            product_id=site.product_id,
            site_id=site.site_id,
            supplier_id=site.supplier_id,
            quantity=line.quantity,
            priority=line.priority,
            inventory_position=line.inventory_position,
            reorder_point=line.reorder_point,
            order_up_to_level=line.order_up_to_level,
            days_until_stockout=line.days_until_stockout,
            reason=line.reason,
            arithmetic=line.arithmetic,
            change_from=site.policy.pack_size,
        )


def _with_trend(line: Line, places: Sequence[PlaceStock]) -> Line:
    """The line with what was used lately at the site, and in the four weeks before."""
    lately = sum(place.used_28_days for place in places)
    before = sum(place.used_28_days_before for place in places)
    trend = round(lately / before - 1, 3) if before else None
    sales = {"used_28_days": lately, "used_28_days_before": before, "trend_of_use": trend}
    return replace(line, arithmetic={**line.arithmetic, **sales})

"""The whole plan from what stands where: transfers, then purchases, today's walk, and excess."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from orchestration.planning.lines import Key, Line, Shown
from orchestration.planning.plan_excess import excess_lines
from orchestration.planning.plan_purchases import purchase_lines
from orchestration.planning.plan_refills import refill_lines
from orchestration.planning.plan_transfers import transfer_lines
from orchestration.planning.planned import PlaceStock, ProductSite, Terms, space_left


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
    space = space_left(at_places.values())
    moved = transfer_lines(held, shown, terms)
    proposed = {(line.product_id, line.site_id): line.quantity for line in moved}
    given: dict[tuple[int, int], int] = defaultdict(int)
    for line in moved:
        if line.from_site_id is not None:
            given[line.product_id, line.from_site_id] += line.quantity
    lines = [
        *moved,
        *purchase_lines(held, at_places, proposed=proposed, space=space, terms=terms),
        *refill_lines(held, at_places, shown, space=space, terms=terms),
        *excess_lines(held, at_places, shown, given=given, terms=terms),
    ]
    return [_with_trend(line, at_places[line.product_id, line.site_id]) for line in lines]


def _with_trend(line: Line, places: Sequence[PlaceStock]) -> Line:
    """The line with what was used lately at the site, and in the four weeks before."""
    lately = sum(place.used_28_days for place in places)
    before = sum(place.used_28_days_before for place in places)
    trend = round(lately / before - 1, 3) if before else None
    sales = {"used_28_days": lately, "used_28_days_before": before, "trend_of_use": trend}
    return replace(line, arithmetic={**line.arithmetic, **sales})

"""Refill lines: today's walk from the back room to the places that sell."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestration.planning.lines import Key, Line, Shown
from orchestration.planning.planned import PlaceStock, ProductSite, Terms
from orchestration.planning.refills import WALKS_TO_LAST, Refill, Shelf, refill_walk


def refill_lines(
    sites: Iterable[ProductSite],
    at_places: Mapping[tuple[int, int], Sequence[PlaceStock]],
    shown: Mapping[Key, Shown],
    *,
    space: Mapping[int, int],
    terms: Terms,
) -> Iterable[Line]:
    """Today's walk of every site."""
    by_site: dict[int, list[ProductSite]] = defaultdict(list)
    for site in sites:
        by_site[site.site_id].append(site)
    for of_site in by_site.values():
        products = {site.product_id: site for site in of_site}
        codes: dict[int, str] = {}
        held: dict[tuple[int, int], int] = {}
        shelves: list[Shelf] = []
        for site in of_site:
            here = at_places.get((site.product_id, site.site_id), [])
            codes.update((place.location_id, place.code) for place in here)
            held.update(
                ((place.product_id, place.location_id), max(0, place.on_hand - place.reserved))
                for place in here
            )
            shelves += _shelves(site, here)
        seen = {
            (product_id, location_id): line.quantity
            for product_id in products
            for location_id in codes
            if (line := shown.get(("refill", product_id, of_site[0].site_id, location_id)))
            is not None
            and line.status == "open"
        }
        walk = refill_walk(
            shelves,
            held=held,
            room=space,
            shown=seen,
            round_days=terms.refill_round_days,
            cover_days=terms.refill_cover_days,
        )
        for refill in walk:
            yield _refill_line(products[refill.shelf.product_id], refill, codes, terms)


def _shelves(site: ProductSite, here: Sequence[PlaceStock]) -> Iterable[Shelf]:
    """Where one product sells with stock behind it, each place with its share of the use."""
    selling = [place for place in here if place.is_selling]
    behind = [place for place in here if not place.is_selling and not place.is_in_transit]
    fullest = max(behind, key=lambda place: (place.on_hand, -place.location_id), default=None)
    used = sum(place.used_28_days for place in selling)
    for place in selling:
        source = place.refilled_from_location_id
        if source is None and fullest is not None:
            source = fullest.location_id
        if source is None:
            continue
        share = place.used_28_days / used if used else 1 / len(selling)
        yield Shelf(
            product_id=site.product_id,
            location_id=place.location_id,
            code=place.code,
            on_hand=place.on_hand,
            daily_use=share * site.policy.mean_daily_demand,
            source_location_id=source,
            par=place.par,
            minimum=place.minimum,
            pack_size=1,
        )


def _refill_line(site: ProductSite, refill: Refill, codes: Mapping[int, str], terms: Terms) -> Line:
    shelf = refill.shelf
    days = None if math.isinf(shelf.days_left) else round(shelf.days_left, 1)
    source = codes.get(shelf.source_location_id, "the back")
    until = WALKS_TO_LAST * terms.refill_round_days
    expected = shelf.daily_use * until
    if shelf.par is not None:
        fill = f"Filling it to its par of {refill.fill_to}"
    else:
        fill = f"Filling it to {refill.fill_to}, {terms.refill_cover_days:g} days of use,"
    caps = ""
    if refill.source_held < refill.wanted:
        caps = f"; {source} has only {refill.source_held}"
    if refill.room is not None and refill.room < refill.wanted:
        caps += f"; it has room for {refill.room} more"
    return Line(
        kind="refill",
        product_id=site.product_id,
        site_id=site.site_id,
        from_location_id=shelf.source_location_id,
        location_id=shelf.location_id,
        quantity=refill.quantity,
        priority=refill.priority,
        inventory_position=site.stock.inventory_position,
        reorder_point=site.policy.reorder_point,
        order_up_to_level=site.policy.order_up_to_level,
        days_until_stockout=days,
        reason=(
            f"{shelf.code} holds {shelf.on_hand}; {expected:.1f} are expected to be used there in "
            f"{until:g} days, until the walk after next. {fill} takes {refill.wanted}{caps}."
        ),
        arithmetic={
            "on_hand_there": shelf.on_hand,
            "expected_use_a_day": round(shelf.daily_use, 4),
            "par": shelf.par,
            "minimum": shelf.minimum,
            "fill_to": refill.fill_to,
            "wanted": refill.wanted,
            "on_hand_at_source": refill.source_held,
            "room": refill.room,
            "quantity": refill.quantity,
            "next_walk_in_days": terms.refill_round_days,
            **_counterfactual_walks(shelf, refill, terms),
        },
        change_from=None,
    )


def _counterfactual_walks(shelf: Shelf, refill: Refill, terms: Terms) -> dict[str, Any]:
    """What the line would be with a walk half as often, where no par says what to fill to."""
    if shelf.par is not None:
        return {}
    days = 2 * terms.refill_cover_days
    fill_to = max(1, shelf.minimum, math.ceil(round(shelf.daily_use * days, 6)))
    most = [fill_to - shelf.on_hand, refill.source_held]
    if refill.room is not None:
        most.append(refill.room)
    return {"counterfactuals": {f"filled for {days:g} days": min(most)}}

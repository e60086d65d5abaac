"""Purchase lines: at or below s, what is needed, within what fits, keeps and can be paid."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestration.planning.expected import expected_demand
from orchestration.planning.explaining import explain_purchase, up_to_level
from orchestration.planning.lines import Line
from orchestration.planning.needs import Need, Supply, needs
from orchestration.planning.outlook import OtherTerms
from orchestration.planning.planned import (
    PlaceStock,
    ProductSite,
    Terms,
    amount,
    cost_to_buy,
)
from orchestration.planning.price_breaks import cheaper_quantity
from orchestration.planning.replenishment import Policy, Stock, suggest


@dataclass(frozen=True, slots=True)
class Cap:
    """No more than `units` are of use, and why."""

    units: int
    reason: str


def purchase_lines(
    sites: Iterable[ProductSite],
    at_places: Mapping[tuple[int, int], Sequence[PlaceStock]],
    *,
    proposed: Mapping[tuple[int, int], int],
    space: Mapping[int, int],
    terms: Terms,
) -> list[Line]:
    """What to buy after the transfers in `proposed`; `space` is what each place still takes."""
    by_key = {(site.product_id, site.site_id): site for site in sites}
    due = []
    for key, site in by_key.items():
        stock = replace(site.stock, transfer_proposed=proposed.get(key, 0))
        if stock.inventory_position <= site.policy.reorder_point:
            due.append((site, stock, _caps(site, stock, at_places.get(key, ()), space)))
    supplies = [
        _supply(site, stock, other, terms)
        for site, stock, _ in due
        for other in (None, *_that_order(site, stock).values())
    ]
    simulated = iter(needs(supplies))
    lines = []
    for site, stock, caps in due:
        need = next(simulated)
        others = {said: next(simulated) for said in _that_order(site, stock)}
        line = _purchase_line(site, stock, caps, need, others)
        if line is not None:
            lines.append(line)
    return within_budget(lines, by_key, terms)


def capped(quantity: int, *, policy: Policy, caps: Iterable[Cap]) -> tuple[int, list[str]]:
    """The quantity within the caps in whole packs, and the reasons that made it less.

    Never below one minimum order, because a need that is not ordered is a shelf that stays empty.
    """
    least = math.ceil(policy.minimum_order_quantity / policy.pack_size) * policy.pack_size
    reasons = []
    for cap in sorted(caps, key=lambda one: one.units):
        allowed = max(least, cap.units // policy.pack_size * policy.pack_size)
        if allowed < quantity:
            quantity = allowed
            reasons.append(cap.reason)
    return quantity, reasons


def within_budget(
    lines: Sequence[Line], sites: Mapping[tuple[int, int], ProductSite], terms: Terms
) -> list[Line]:
    """Which lines the budget pays, in each currency: greedily, the most risk taken away a unit of
    money first; a line that does not fit is passed over for a cheaper one behind it.

    Lines without a cost take nothing from it. The greedy order is not always the best set, but is
    never worse by more than what the first line that does not fit would have taken away.
    """
    if terms.order_budget_minor is None:
        return list(lines)
    costs: dict[int, tuple[int, str]] = {}
    by_purse: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for at, line in enumerate(lines):
        site = sites[line.product_id, line.site_id]
        cost = site.cost_minor(line.quantity)
        if cost and site.currency is not None:
            costs[at] = (cost, site.currency)
            by_purse[site.is_simulated, site.currency].append(at)
    marked = list(lines)
    for (_, currency), purse in by_purse.items():
        left = terms.order_budget_minor
        ranked = sorted(purse, key=lambda at: (-_risk_taken_away(lines[at]) / costs[at][0], at))
        for rank, at in enumerate(ranked, start=1):
            fits = costs[at][0] <= left
            left -= costs[at][0] if fits else 0
            marked[at] = _marked(lines[at], fits, rank, terms.order_budget_minor, currency)
    return marked


def _that_order(site: ProductSite, stock: Stock) -> dict[str, OtherTerms]:
    """The other terms under which the position is at or below s, too."""
    return {
        said: other
        for said, other in site.outlook.what_if.items()
        if stock.inventory_position <= other.reorder_point
    }


def _supply(site: ProductSite, stock: Stock, other: OtherTerms | None, terms: Terms) -> Supply:
    """What serves the demand, after what was promised; `other` terms or its own.

    What is on order is taken to have half of its lead time before it.
    """
    lead = site.policy.lead_time_days
    lead_times = site.lead_times_taken or (lead,)
    level = site.policy.service_level
    if other is not None:
        level = other.service_level
        lead_times = lead_times if other.lead_time_days is None else (other.lead_time_days,)
    moving = stock.on_hand - site.on_hand_here + stock.in_transit + stock.transfer_proposed
    owed = max(stock.reserved - site.on_hand_here, 0)
    return Supply(
        mean=site.mean,
        low=site.outlook.low,
        high=site.outlook.high,
        total_days=lead + site.policy.review_period_days,
        lead_times=lead_times,
        review_period_days=site.policy.review_period_days,
        service_level=level,
        free=max(site.on_hand_here - stock.reserved, 0),
        arriving=(
            (terms.transfer_lead_time_days, max(moving - owed, 0)),
            (lead // 2, max(stock.on_order - max(owed - moving, 0), 0)),
        ),
    )


def _purchase_line(
    site: ProductSite,
    stock: Stock,
    caps: Sequence[Cap],
    need: Need,
    other_needs: Mapping[str, Need],
) -> Line | None:
    level = up_to_level(stock.inventory_position, need, reorder_point=site.policy.reorder_point)
    wanted = suggest(
        policy=replace(site.policy, order_up_to_level=level),
        stock=stock,
        mean_demand=expected_demand(site.mean),
    )
    if wanted is None:
        return None
    quantity, reasons = capped(wanted.quantity, policy=site.policy, caps=caps)
    why = explain_purchase(
        policy=site.policy,
        outlook=site.outlook,
        need=need,
        other_needs=other_needs,
        position=wanted.inventory_position,
        quantity=quantity,
        uncapped=wanted.quantity,
    )
    cost = cost_to_buy(site, quantity)
    said = [wanted.reason, *(f"Only {quantity}: {reason}." for reason in reasons), why.sentences]
    cheaper = _cheaper(site, quantity, caps)
    if cheaper is not None:
        said.append(
            f"{cheaper['quantity']} would cost {cheaper['cost']} in total and {quantity} cost "
            f"{cost}: larger orders have a lower price."
        )
    return Line(
        kind="purchase",
        product_id=site.product_id,
        site_id=site.site_id,
        supplier_id=site.supplier_id,
        quantity=quantity,
        priority=wanted.priority,
        inventory_position=wanted.inventory_position,
        reorder_point=wanted.reorder_point,
        order_up_to_level=wanted.order_up_to_level,
        days_until_stockout=wanted.days_until_stockout,
        reason=" ".join(said),
        arithmetic={
            **wanted.arithmetic,
            **why.terms,
            "caps": reasons,
            "quantity": quantity,
            "cost": cost,
            "cheaper_in_total": cheaper,
        },
        change_from=site.policy.pack_size,
    )


def _cheaper(site: ProductSite, quantity: int, caps: Sequence[Cap]) -> dict[str, Any] | None:
    """A larger order within the caps that costs less in total, where there is one."""
    if site.unit_cost_minor is None:
        return None
    more = cheaper_quantity(
        quantity,
        pack_size=site.policy.pack_size,
        unit_cost=site.unit_cost_minor,
        price_breaks=site.price_breaks,
        most=min((cap.units for cap in caps), default=math.inf),
    )
    return None if more is None else {"quantity": more, "cost": cost_to_buy(site, more)}


def _caps(
    site: ProductSite, stock: Stock, places: Sequence[PlaceStock], space: Mapping[int, int]
) -> list[Cap]:
    caps = []
    here = [place for place in places if not place.is_in_transit]
    if here and all(place.location_id in space for place in here):
        room = sum(space[place.location_id] for place in here)
        sold_before = math.floor(site.policy.lead_time_demand)
        caps.append(
            Cap(
                max(0, room + sold_before - stock.on_order - stock.in_transit),
                f"its places have room for {room}, and {sold_before} more should be gone by then",
            )
        )
    if site.shelf_life_days is not None:
        days = site.policy.lead_time_days + site.shelf_life_days
        used = math.floor(expected_demand(site.mean)(days))
        caps.append(
            Cap(
                max(0, used - stock.inventory_position),
                f"it keeps for {site.shelf_life_days} days, as its lots show, and {used} are "
                "expected to be used by then",
            )
        )
    return caps


def _risk_taken_away(line: Line) -> float:
    risks = line.arithmetic["risk_of_running_out"]
    return float(risks["without_the_order"] - risks["with_the_order"])


def _marked(line: Line, fits: bool, rank: int, budget: int, currency: str) -> Line:
    said = ""
    if not fits:
        said = (
            f" Beyond the budget of {amount(budget, currency)}: other lines take more risk away "
            "for the money."
        )
    told = {"limit": amount(budget, currency), "rank": rank, "within": fits}
    return replace(
        line,
        reason=line.reason + said,
        arithmetic={**line.arithmetic, "budget": told},
        is_within_budget=fits,
    )

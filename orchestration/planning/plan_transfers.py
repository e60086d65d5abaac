"""Transfer lines: goods that another site has too much of, before anything is bought."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from orchestration.planning.lines import Key, Line, Shown, asks_again
from orchestration.planning.planned import ProductSite, Terms, cost_to_buy
from orchestration.planning.replenishment import priority
from orchestration.planning.transfers import Holding, Transfer, transfers


def transfer_lines(
    sites: Iterable[ProductSite], shown: Mapping[Key, Shown], terms: Terms
) -> list[Line]:
    """Simulated goods and real ones do not mix, nor do sites that count in other currencies."""
    by_product: dict[tuple[int, bool], list[ProductSite]] = defaultdict(list)
    for site in sites:
        by_product[site.product_id, site.is_simulated].append(site)
    return [
        line
        for of_product in by_product.values()
        if len(of_product) > 1
        for line in _transfers_of(of_product, shown, terms)
    ]


def _transfers_of(
    sites: Sequence[ProductSite], shown: Mapping[Key, Shown], terms: Terms
) -> Iterable[Line]:
    by_site = {site.site_id: site for site in sites}
    product_id = sites[0].product_id
    seen: dict[int, Shown] = {}
    for site_id in by_site:
        before = shown.get(("transfer", product_id, site_id, 0))
        if before is not None:
            seen[site_id] = before
    planned = transfers(
        [_holding(site) for site in sites],
        shown={
            site_id: Transfer(before.from_site_id, site_id, before.quantity)
            for site_id, before in seen.items()
            if before.status == "open" and before.from_site_id is not None
        },
        pack_size=sites[0].policy.pack_size,
        unit_cost=sites[0].unit_cost_minor,
        cost=terms.transfer_cost_minor,
    )
    for transfer in planned:
        line = _transfer_line(by_site, transfer, terms)
        refused = seen.get(transfer.to_site_id)
        is_refused = (
            refused is not None
            and refused.status == "dismissed"
            and not asks_again(refused, quantity=line.quantity, priority=line.priority)
        )
        # What was turned down is wanted still, so that it stays so, and brings nothing.
        yield replace(line, quantity=0) if is_refused else line


def _holding(site: ProductSite) -> Holding:
    days = site.days_until_stockout
    return Holding(
        site_id=site.site_id,
        position=site.stock.inventory_position,
        can_leave=max(0, site.on_hand_here - site.stock.reserved),
        keeps=max(site.policy.order_up_to_level, site.overstock_demand),
        reorder_point=site.policy.reorder_point,
        order_up_to_level=site.policy.order_up_to_level,
        days_until_stockout=math.inf if days is None else days,
    )


def _transfer_line(sites: Mapping[int, ProductSite], transfer: Transfer, terms: Terms) -> Line:
    taker, giver = sites[transfer.to_site_id], sites[transfer.from_site_id]
    days, position = taker.days_until_stockout, taker.stock.inventory_position
    keeps = max(giver.policy.order_up_to_level, giver.overstock_demand)
    level = taker.policy.order_up_to_level
    cost = cost_to_buy(taker, transfer.quantity)
    instead = "" if cost is None else f" Buying them would cost {cost}."
    return Line(
        kind="transfer",
        product_id=taker.product_id,
        site_id=taker.site_id,
        from_site_id=giver.site_id,
        quantity=transfer.quantity,
        priority=priority(policy=taker.policy, stock=taker.stock, days_until_stockout=days),
        inventory_position=position,
        reorder_point=taker.policy.reorder_point,
        order_up_to_level=level,
        days_until_stockout=days,
        reason=(
            f"The position of {position} at {taker.site} is at or below the reorder point of "
            f"{taker.policy.reorder_point}; up to {level} takes {level - position}. {giver.site} "
            f"has {giver.stock.inventory_position} and keeps {keeps}, which is what it may need "
            f"itself in {terms.overstock_weeks} weeks.{instead}"
        ),
        arithmetic={
            **taker.policy.arithmetic,
            **asdict(taker.stock),
            "wanted": level - position,
            "giver": {
                "inventory_position": giver.stock.inventory_position,
                "on_hand": giver.on_hand_here,
                "keeps": keeps,
                "order_up_to_level": giver.policy.order_up_to_level,
                "position_after": giver.stock.inventory_position - transfer.quantity,
            },
            "transfer_lead_time_days": terms.transfer_lead_time_days,
            "transfer_cost_minor": terms.transfer_cost_minor,
            "cost_to_buy_instead": cost,
            "quantity": transfer.quantity,
        },
        change_from=None,
    )

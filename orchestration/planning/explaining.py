"""What stands behind a purchase line: risks, range, caps, cost, and what other terms would give."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestration.planning.outlook import Outlook
from orchestration.planning.replenishment import Policy, order_quantity


@dataclass(frozen=True, slots=True)
class Explanation:
    """Sentences for the reason, and terms for the arithmetic, of one line."""

    sentences: str
    terms: Mapping[str, Any] = field(default_factory=dict)


def explain_purchase(
    *, policy: Policy, outlook: Outlook, position: int, quantity: int, uncapped: int | None = None
) -> Explanation:
    """Why `quantity` units, when the inventory position is `position`.

    The risk with the order is at least that of running out before it can arrive, which no order
    changes. `uncapped`: what the counterfactuals are compared with where caps made less of it.
    """
    before = outlook.risk_before_arrival(position)
    without = max(before, outlook.risk_before_next_chance(position))
    with_it = max(before, outlook.risk_before_next_chance(position + quantity))
    counterfactuals = {
        said: order_quantity(
            inventory_position=position,
            reorder_point=levels.reorder_point,
            order_up_to_level=levels.order_up_to_level,
            pack_size=policy.pack_size,
            minimum_order_quantity=policy.minimum_order_quantity,
        )
        for said, levels in outlook.what_if.items()
    }
    days = policy.lead_time_days + policy.review_period_days
    return Explanation(
        sentences=(
            f"In 8 of 10 such periods of {days} days between {outlook.low:.0f} and "
            f"{outlook.high:.0f} are asked for; without the order the stock would not last in "
            f"{in_a_hundred(without)}, with it in {in_a_hundred(with_it)}."
        ),
        terms={
            "range_until_next_chance": {
                "low": round(outlook.low, 1),
                "high": round(outlook.high, 1),
            },
            "risk_of_running_out": {
                "before_it_can_arrive": before,
                "without_the_order": without,
                "with_the_order": with_it,
            },
            "quantity_before_caps": quantity if uncapped is None else uncapped,
            "counterfactuals": counterfactuals,
        },
    )


def in_a_hundred(share: float) -> str:
    """A measured share in words: 0.034 is `3 of 100`; the ends are not known any closer."""
    if share <= 0.01:
        return "at most 1 of 100"
    if share >= 0.99:
        return "at least 99 of 100"
    return f"{share * 100:.0f} of 100"

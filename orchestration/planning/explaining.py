"""What stands behind a purchase line: risks, range, caps, cost, and what other terms would give."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestration.planning.needs import PATHS, Need
from orchestration.planning.outlook import Outlook
from orchestration.planning.replenishment import Policy, order_quantity

# Of so few courses nothing is told beyond one in a hundred.
_LEAST_RISK = 0.01


@dataclass(frozen=True, slots=True)
class Explanation:
    """Sentences for the reason, and terms for the arithmetic, of one line."""

    sentences: str
    terms: Mapping[str, Any] = field(default_factory=dict)


def explain_purchase(
    *,
    policy: Policy,
    outlook: Outlook,
    need: Need,
    other_needs: Mapping[str, Need],
    position: int,
    quantity: int,
    uncapped: int | None = None,
) -> Explanation:
    """Why `quantity` units, when the inventory position is `position`.

    need: what was simulated; other_needs: the same under the other terms that would order, by
    those in words.
    `uncapped`: what the counterfactuals are compared with where caps made less of it.
    """
    before = _told(need.short_before)
    without, with_it = _told(need.risk_with(0)), _told(need.risk_with(quantity))
    counterfactuals = {
        said: order_quantity(
            inventory_position=position,
            reorder_point=other.reorder_point,
            order_up_to_level=up_to_level(
                position, other_needs[said], reorder_point=other.reorder_point
            ),
            pack_size=policy.pack_size,
            minimum_order_quantity=policy.minimum_order_quantity,
        )
        if said in other_needs
        else 0
        for said, other in outlook.what_if.items()
    }
    days = policy.lead_time_days + policy.review_period_days
    return Explanation(
        sentences=(
            f"In 8 of 10 such periods of {days} days between {outlook.low:.0f} and "
            f"{outlook.high:.0f} are asked for. {_enough(policy, need, position)} Of the {PATHS} "
            f"courses, the stock runs out before the order arrives in {in_a_hundred(before)}, "
            f"which no order changes; after that, in {in_a_hundred(without)} without the order and "
            f"in {in_a_hundred(with_it)} with it."
        ),
        terms={
            "simulated_need": need.quantity,
            "range_until_next_chance": {
                "low": round(outlook.low, 1),
                "high": round(outlook.high, 1),
            },
            "risk_of_running_out": {
                "before_it_can_arrive": before,
                "without_the_order": without,
                "with_the_order": with_it,
            },
            "simulated_courses": PATHS,
            "quantity_before_caps": quantity if uncapped is None else uncapped,
            "counterfactuals": counterfactuals,
        },
    )


def up_to_level(position: int, need: Need, *, reorder_point: int) -> int:
    """S of one order: the position with the need, and with what was promised and is not there.

    At least a unit above s, or the same need would be ordered again at once.
    """
    return max(max(position, 0) + need.quantity, reorder_point + 1)


def _enough(policy: Policy, need: Need, position: int) -> str:
    """Which of the two the order-up-to level came from."""
    level = up_to_level(position, need, reorder_point=policy.reorder_point)
    lasts = (
        f"until the order after next arrives in {policy.service_level:.0%} of them, "
        "unserved sales being lost"
    )
    if level > max(position, 0) + need.quantity:
        return (
            f"In simulated courses of the days to come {need.quantity} would last {lasts}; "
            f"{level} is the least above the reorder point."
        )
    return f"In simulated courses of the days to come, up to {level} lasts {lasts}."


def in_a_hundred(share: float) -> str:
    """A share in words: 0.034 is `3 of 100`; the ends are not known any closer."""
    if share <= _LEAST_RISK:
        return "at most 1 of 100"
    if share >= 1 - _LEAST_RISK:
        return "at least 99 of 100"
    return f"{share * 100:.0f} of 100"


def _told(share: float) -> float:
    return round(min(max(share, _LEAST_RISK), 1 - _LEAST_RISK), 3)

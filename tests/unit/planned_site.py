"""A product at a site for tests: two a day are expected, three a day at worst."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from orchestration.planning.outlook import OtherTerms, Outlook
from orchestration.planning.planned import ProductSite
from orchestration.planning.replenishment import Policy, Stock, policy

LEAD, REVIEW = 5, 7


def terms_of_buying(**more: Any) -> Policy:
    """s is 36, S is 50: 12 days at three a day, and a week at two."""
    return policy(
        mean_demand=lambda days: 2.0 * days,
        demand_quantile=lambda days, probability: 3.0 * days,
        lead_time_days=LEAD,
        review_period_days=REVIEW,
        service_level=0.95,
        **more,
    )


def site(
    on_hand: int,
    *,
    site_id: int = 1,
    product_id: int = 7,
    buying: Policy | None = None,
    **more: Any,
) -> ProductSite:
    """Everything stands where it sells, and nothing is on its way."""
    made = ProductSite(
        product_id=product_id,
        site_id=site_id,
        site=f"site-{site_id}",
        is_simulated=False,
        supplier_id=3,
        policy=buying or terms_of_buying(pack_size=6),
        stock=Stock(on_hand_selling=on_hand, on_hand_behind=0),
        mean=np.full(28, 2.0),
        on_hand_here=on_hand,
        overstock_demand=math.ceil(84 * 2.5),
        outlook=Outlook(
            low=18.0,
            high=30.0,
            what_if={"with a lead time of 2 days": OtherTerms(27, 0.95, 2)},
        ),
        unit_cost_minor=250,
        currency="EUR",
    )
    return replace(made, **more)

"""ledger.movements: what each event did."""

import dagster as dg

movements = dg.AssetSpec(
    key=["ledger", "movements"],
    deps=[["ledger", "inventory_events"]],
    group_name="ledger",
    owners=["team:operations"],
    kinds={"postgres"},
    description=(
        "What each event did to a level: the change of on hand and of reserved, and the values "
        "after it. A transfer has two legs; a count is an absolute, so its effect is known only "
        "here."
    ),
)

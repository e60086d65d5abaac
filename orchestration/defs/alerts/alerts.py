"""alerts.alerts: what staff are told. Written by the sensors that wait for the ledger."""

import dagster as dg

alerts = dg.AssetSpec(
    key=["alerts", "alerts"],
    deps=[
        ["ledger", "inventory_events"],
        ["ledger", "stock_levels"],
        ["catalog", "locations"],
        ["planning", "policies"],
        ["planning", "suggestions"],
    ],
    group_name="alerts",
    owners=["team:operations"],
    kinds={"postgres", "slack"},
    description=(
        "The lives of alerts: a product at a site that is critically low where it sells, or whose "
        "inventory position is at or below its reorder point; promises that cannot be kept, places "
        "to count, sources that are often short, lots near their day. Opened and ended within "
        "seconds of the event, from the ledger and the last stored policy, by the sensors `alerts` "
        "and `alerts_relief`; each opening commits together with the message that tells of it."
    ),
)

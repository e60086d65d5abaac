"""catalog.*: what is kept, where, and from whom. Written by the API and by imports."""

import dagster as dg


def _catalog(table: str, description: str, deps: tuple[str, ...] = ()) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=["catalog", table],
        deps=[["catalog", name] for name in deps],
        group_name="ledger",
        owners=["team:operations"],
        kinds={"postgres"},
        description=description,
    )


suppliers = _catalog("suppliers", "Who delivers, and in how many days.")
sites = _catalog("sites", "Shops, arcades and warehouses; each has its own day.")
location_kinds = _catalog("location_kinds", "The kinds of place, and which of them sell.")
locations = _catalog(
    "locations",
    "Every place that holds stock: of which site and kind, whether it sells, whether its sales "
    "are metered, and from where it is refilled.",
    ("sites", "location_kinds"),
)
products = _catalog(
    "products",
    "What is sold: price and cost in minor units, the supplier, packs and minimum order.",
    ("suppliers",),
)
calendar_events = _catalog(
    "calendar_events",
    "What people know of days ahead and past at a site: closures, promotions, price changes and "
    "events, with the effect that was stated.",
    ("sites",),
)

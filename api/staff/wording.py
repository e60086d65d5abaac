"""Events in the words of the people who made them."""

from collections.abc import Mapping
from typing import Any

_VERBS = {
    "received": "Received",
    "sold": "Sold",
    "returned": "Returned",
    "counted": "Counted",
    "transferred": "Moved",
    "dispatched": "Sent off",
    "arrived": "Arrived",
    "reserved": "Reserved",
    "released": "Released",
    "shipped": "Shipped",
    "reversed": "Undone",
}
_REASONS = {
    "damaged": "Damaged",
    "expired": "Expired",
    "lost": "Lost",
    "theft": "Stolen",
    "found": "Found",
    "book_shortage": "Book was short",
    "reordered": "Put in order",
    "opening_balance": "Opening balance",
}
SYSTEM_REASONS = frozenset({"book_shortage", "reordered", "opening_balance"})


def title(event: Mapping[str, Any]) -> str:
    """What happened, without the place: `Sold 3`."""
    if event["event_type"] == "reversed" and event.get("original_event_type"):
        names = ("event_type", "reason", "quantity", "quantity_change")
        return "Undone: " + title({name: event[f"original_{name}"] for name in names})
    if event["event_type"] == "adjusted":
        change = event.get("quantity_change")
        verb = _REASONS.get(event["reason"], "Adjusted")
        return verb if change is None else f"{verb} {abs(change):,}"
    verb = _VERBS.get(event["event_type"], event["event_type"].capitalize())
    return verb if event["quantity"] is None else f"{verb} {event['quantity']:,}"


def where(event: Mapping[str, Any]) -> str:
    """The place, or both places of a move."""
    if event["to_location"]:
        return f"{event['location']} → {event['to_location']}"
    return str(event["location"] or "")


def can_be_undone(event: Mapping[str, Any]) -> bool:
    """Only what a client told, once."""
    return (
        event["event_type"] not in ("reversed", "reserved", "released")
        and event["reason"] not in SYSTEM_REASONS
        and event["caused_by"] is None
        and not event["is_reversed"]
    )


def below_zero(*, on_hand: int, taken: int, place: str) -> str:
    """The warning before a book goes below zero."""
    have = "nothing" if on_hand == 0 else f"only {on_hand:,}"
    return f"The book has {have} at {place}, and you took {taken:,}."


_WARNINGS = {
    "book_shortage": "The book had less than that, so it was put right.",
    "implied_transfer": "The book had less than that; the rest was booked as moved from behind it.",
    "reordered": "It happened before what was recorded already, so the stock was put in order.",
    "over_promised": "More was promised than there is now, so the newest promise was broken.",
    "counted_since": "It was counted since, so the count stands and nothing was taken back.",
}


def warnings(kept: Any) -> list[Mapping[str, Any]]:
    """The warnings kept with an event, each in words and with the level that it is about."""
    return [
        {**warning, "words": _WARNINGS.get(warning["code"], warning["detail"])}
        for warning in kept or ()
    ]

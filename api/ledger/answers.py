"""The first answer again: what was said when the event came first, and whether it is the same."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from api.ledger.errors import EventConflict
from api.ledger.events import AnyEvent
from api.ledger.known import Entry, Told
from api.ledger.schemas import WARNING_FIELDS, Notice, Recorded, StockLevel

# What a repeat may say anew: the sender's clock, and the expiry, which belongs to the lot.
_NOT_COMPARED = frozenset({"sent_at", "expires_on"})


def told_of(row: Mapping[str, Any]) -> Told:
    """An event that is there, from a row of `read_told`."""
    levels = zip(
        row["level_skus"],
        row["level_locations"],
        row["level_sites"],
        row["level_on_hands"],
        row["level_reserveds"],
        row["level_positions"],
        strict=True,
    )
    answer = Recorded(
        row["event_id"],
        "recorded",
        row["position"],
        row["recorded_at"],
        tuple(
            StockLevel(sku, place, site, on_hand, reserved, on_hand - reserved, position)
            for sku, place, site, on_hand, reserved, position in levels
        ),
        tuple(
            Notice(*(warning[name] for name in WARNING_FIELDS)) for warning in row["warnings"] or ()
        ),
    )
    fields = dict(row)
    fields["occurred_at"] = row["occurred_at_sent"]
    if row["event_type"] == "reversed":
        fields["quantity"] = row["reversed_quantity"]
    return Told(fields, answer)


def first_answer(entry: Entry, told: Told) -> Recorded:
    """What was answered when the event came first; a conflict where it says something else."""
    different = differing_fields(entry.event, told.fields)
    if different:
        raise EventConflict(entry.event.event_id, different)
    return replace(told.answer, is_repeat=not entry.attempted)


def differing_fields(event: AnyEvent, said: Mapping[str, Any]) -> list[str]:
    """The fields that the client sent and that were not sent so before."""
    if event.event_type != said["event_type"]:
        return ["event_type"]
    return sorted(
        name
        for name in event.model_fields_set - _NOT_COMPARED
        if not _same(getattr(event, name), said.get(name))
    )


def _same(one: Any, other: Any) -> bool:
    """Equality; of JSON by value, since the database writes 1e300 as a whole number."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
        case list(), list():
            return len(one) == len(other) and all(map(_same, one, other))
        case (float(), int() | float()) | (int(), float()) if not isinstance(one, bool):
            return float(one) == float(other)
        case (bool(), _) | (_, bool()):
            return one is other
        case _:
            return bool(one == other)

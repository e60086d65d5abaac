"""A form on a phone becomes an event of the ledger; what is wrong with it is said by field."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import asyncpg
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from api.ledger.events import MAXIMUM_QUANTITY, AnyEvent, inventory_event
from api.staff.service import PLACES_TO_CHOOSE

REASONS = {
    "damaged": "Damaged",
    "expired": "Expired",
    "lost": "Lost",
    "theft": "Stolen",
    "found": "Found",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event as a form asks for it."""

    name: str
    title: str
    question: str
    place: str
    button: str
    to_place: str | None = None

    def places(self, entry: "Entry") -> list[tuple[str, str, str]]:
        """The places that the form asks for: field, question, what is chosen."""
        asked = [("location", self.place, entry.location)]
        if self.to_place is not None:
            asked.append(("to_location", self.to_place, entry.to_location))
        return asked


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("sold", "Sold", "How many were sold?", "From which place?", "Record the sale"),
        Kind("received", "Received", "How many came in?", "Into which place?", "Record receipt"),
        Kind("transferred", "Moved", "How many were moved?", "From", "Record the move", "To"),
        Kind("counted", "Counted", "How many are there?", "Where?", "Record the count"),
        Kind("returned", "Returned", "How many came back?", "Put where?", "Record the return"),
        Kind("adjusted", "Adjusted", "How many?", "Where?", "Record it"),
    )
}
Typed = Annotated[str, StringConstraints(max_length=200)]
_TAKES_AWAY = {"sold", "transferred"}


class Entry(BaseModel):
    """The fields as they were typed, kept whole so that a refusal loses none of them."""

    model_config = ConfigDict(frozen=True)

    sku: Typed = ""
    location: Typed = ""
    to_location: Typed = ""
    quantity: Typed = ""
    reason: Typed = "damaged"
    event_id: UUID = Field(default_factory=uuid4)
    anyway: Typed = ""

    @property
    def warned_of(self) -> str:
        """What a warning was about: with other fields it must be given anew."""
        return f"{self.quantity.strip()} from {self.location}"


@dataclass(frozen=True, slots=True)
class PlaceChoices:
    """The places of a form: in groups to choose from, or typed where they are too many."""

    holding: Sequence[asyncpg.Record]
    others: Sequence[asyncpg.Record]

    @property
    def typed(self) -> bool:
        return len(self.holding) + len(self.others) > PLACES_TO_CHOOSE

    @property
    def groups(self) -> list[tuple[str, Sequence[asyncpg.Record]]]:
        by_site: dict[str, list[asyncpg.Record]] = {}
        for place in self.others:
            by_site.setdefault(f"Other places at {place['site']}", []).append(place)
        holding = [("Holds it now", self.holding)] if self.holding else []
        return [*holding, *by_site.items()]


class FormError(Exception):
    """What was typed cannot be an event; `errors` says why, by field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = dict(errors)


def choices(places: Sequence[asyncpg.Record]) -> PlaceChoices:
    return PlaceChoices(
        holding=[place for place in places if place["on_hand"] > 0],
        others=[place for place in places if place["on_hand"] == 0],
    )


def event_of(kind: Kind, entry: Entry) -> AnyEvent:
    """The event that the form tells of, as of now; raises FormError."""
    errors: dict[str, str] = {}
    quantity = whole_number(entry.quantity)
    if quantity is None:
        errors["quantity"] = "Give a whole number, for example 3."
    elif quantity == 0 and kind.name != "counted":
        errors["quantity"] = "Give at least 1."
    elif quantity > MAXIMUM_QUANTITY:
        errors["quantity"] = f"That is too many: at most {MAXIMUM_QUANTITY:,} at once."
    for name, _, chosen in kind.places(entry):
        if not chosen.strip():
            errors[name] = "Choose a place."
    if kind.name == "transferred" and not errors and entry.location == entry.to_location:
        errors["to_location"] = "Choose another place than the one it comes from."
    if quantity is None or errors:
        raise FormError(errors)
    try:
        return inventory_event.validate_python(_fields(kind, entry, quantity))
    except ValidationError as error:
        raise FormError(_in_words(error.errors())) from error


def whole_number(text: str) -> int | None:
    """What was typed as a number; spaces and thousands separators are what people type."""
    digits = re.sub(r"(?<=\d)[\s,.'](?=\d{3}(\D|$))", "", text.strip())
    return int(digits) if re.fullmatch(r"[0-9]{1,15}", digits) else None


def taken_away(event: AnyEvent) -> int:
    """How many leave the event's own place by it."""
    if event.event_type in _TAKES_AWAY:
        return int(getattr(event, "quantity", 0))
    return max(0, -int(getattr(event, "quantity_change", 0)))


def by_field(errors: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The errors of a problem under the names of the form's fields."""
    named = {error["pointer"].removeprefix("#/"): error["detail"] for error in errors}
    if "quantity_change" in named:
        named["quantity"] = named.pop("quantity_change")
    return {name: detail.rstrip(".") + "." for name, detail in named.items()}


def _fields(kind: Kind, entry: Entry, quantity: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "event_type": kind.name,
        "event_id": entry.event_id,
        "sku": entry.sku,
        "location": entry.location.strip(),
        "occurred_at": datetime.now(UTC),
        "source": "staff",
    }
    match kind.name:
        case "adjusted":
            change = quantity if entry.reason == "found" else -quantity
            return {**fields, "reason": entry.reason, "quantity_change": change}
        case "transferred":
            return {**fields, "quantity": quantity, "to_location": entry.to_location.strip()}
        case _:
            return {**fields, "quantity": quantity}


def _in_words(errors: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    named: dict[str, str] = {}
    for error in errors:
        name = str(error["loc"][-1]) if error["loc"] else "quantity"
        known = name == "reason"
        named[name] = "Choose one of the reasons." if known else f"{error['msg']}."
    return named

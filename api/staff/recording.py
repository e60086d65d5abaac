"""From a filled-in form to the ledger: warn first, record once, and say a refusal in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from api.database import DatabaseConnection
from api.deps import Actor, Sites
from api.ledger.errors import EventConflict
from api.ledger.events import AnyEvent
from api.ledger.service import Ledger
from api.problems import Problem
from api.staff import service, wording
from api.staff.forms import Entry, FormError, Kind, by_field, event_of, taken_away, whole_number


@dataclass(frozen=True, slots=True)
class Done:
    """It is in the ledger."""

    event_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYet:
    """It is not: what to show above the same form."""

    entry: Entry
    status: int = 422
    errors: Mapping[str, str] = field(default_factory=dict)
    warning: str = ""
    refusal: str = ""


async def record(
    connection: DatabaseConnection, ledger: Ledger, kind: Kind, entry: Entry, *, actor: Actor
) -> Done | NotYet:
    """Record what the form tells, once however often it is sent."""
    told = await _told_before(connection, kind, entry, actor.sites)
    if told is not None:
        return told
    try:
        event = event_of(kind, entry)
    except FormError as error:
        return NotYet(entry=entry, errors=error.errors)
    if entry.anyway != entry.warned_of:
        warning = await _warning(connection, event, actor.sites)
        if warning:
            return NotYet(entry=entry, status=409, warning=warning)
    try:
        await ledger.record(event, recorded_by=actor.actor_id, sites=actor.sites)
    except EventConflict as conflict:
        # The same form was sent twice at the same moment; the other one was first.
        told = await _told_before(connection, kind, entry, actor.sites)
        return told or NotYet(entry=entry, status=409, refusal=conflict.detail)
    except Problem as problem:
        errors = by_field(problem.errors)
        refusal = "" if errors else problem.detail
        return NotYet(entry=entry, status=problem.status, errors=errors, refusal=refusal)
    return Done(entry.event_id)


async def _told_before(
    connection: DatabaseConnection, kind: Kind, entry: Entry, sites: Sites
) -> Done | NotYet | None:
    """What became of this form if it was sent before."""
    event = await service.read_event(connection, entry.event_id, sites=sites)
    if event is None:
        return None
    if _is_the_same(event, kind, entry):
        return Done(entry.event_id)
    return NotYet(
        entry=entry.model_copy(update={"event_id": uuid4()}),
        status=409,
        refusal=(
            f"This form was recorded before, as “{wording.title(event)}” at "
            f"{wording.where(event)}. Send it again to record this as well."
        ),
    )


def _is_the_same(event: Mapping[str, Any], kind: Kind, entry: Entry) -> bool:
    quantity = whole_number(entry.quantity)
    stored = event["quantity"]
    if kind.name == "adjusted":
        stored = abs(event["quantity_change"] or 0)
        if event["reason"] != entry.reason:
            return False
    to_location = entry.to_location.strip() if kind.to_place else ""
    return (
        event["event_type"] == kind.name
        and event["sku"] == entry.sku
        and event["location_code"] == entry.location.strip()
        and (event["to_location_code"] or "") == to_location
        and stored == quantity
    )


async def _warning(connection: DatabaseConnection, event: AnyEvent, sites: Sites) -> str:
    """What to say before the book goes below zero; empty where it does not."""
    taken = taken_away(event)
    if taken == 0 or event.sku is None or event.location is None:
        return ""
    book = await service.read_on_hand(
        connection, sites=sites, sku=event.sku, location=event.location
    )
    if book is None or book["on_hand"] >= taken:
        return ""
    return wording.below_zero(on_hand=book["on_hand"], taken=taken, place=book["name"])

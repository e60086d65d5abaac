"""Refusals of the ledger.

UnknownSku, UnknownLocation (422)     the code names nothing
OtherSite (422)                       a transfer to another site
TooFarAhead (422)                     it has not happened yet
SystemReason (422)                    a reason that only Parstock gives
UnknownEvent, NotReversible, ReversalMismatch (422)
UnknownReservation (422)              the reservation names nothing
SameSite, InTransit, NotInTransit, KitNotStocked, ParentNotStocked (422)
ForeignSite (403)                     a place of a site that the actor has no part in
TooLate (422)                         it happened too long ago to be taken without a manager
BeforeAClosedCount (422)              likewise, before a count that is closed
EventConflict (409)                   the event_id is taken by another event
AlreadyReversed (409)
InsufficientStock (409)               a reservation beyond what is available
ReservationSpent (409)                a release beyond what is still reserved
NothingInTransit (409)                more is closed as lost than is under way
EventRefused (422)                    the database's own constraints, the second wall
LedgerBusy, LedgerUnavailable (503)
"""

from datetime import datetime
from uuid import UUID

import asyncpg

from api.problems import (
    Conflict,
    Forbidden,
    Problem,
    Unavailable,
    UnprocessableContent,
    field_error,
)


class UnknownSku(UnprocessableContent):
    slug = "unknown-sku"
    title = "There is no such product"

    def __init__(self, sku: str, *, places: dict[str, str] | None = None) -> None:
        errors = [field_error("#/sku", f"There is no product {sku}")]
        errors += _unknown_places(places or {})
        super().__init__(f"There is no product {sku}.", errors=errors)


class UnknownLocation(UnprocessableContent):
    slug = "unknown-location"
    title = "There is no such location"

    def __init__(self, places: dict[str, str]) -> None:
        errors = _unknown_places(places)
        super().__init__(f"{errors[0]['detail']}.", errors=errors)


def _unknown_places(places: dict[str, str]) -> list[dict[str, str]]:
    return [
        field_error(f"#/{field}", f"There is no location {code}") for field, code in places.items()
    ]


class _OneField(UnprocessableContent):
    field: str

    def __init__(self, detail: str) -> None:
        super().__init__(f"{detail}.", errors=[field_error(f"#/{self.field}", detail)])


class OtherSite(_OneField):
    slug = "other-site"
    title = "A transfer stays within its site"
    field = "to_location"

    def __init__(self, location: str, to_location: str) -> None:
        super().__init__(f"{to_location} is at another site than {location}")


class SameSite(_OneField):
    slug = "same-site"
    title = "A dispatch goes to another site"
    field = "to_location"

    def __init__(self, location: str, to_location: str) -> None:
        super().__init__(f"{to_location} is at the site of {location}: record it as transferred")


class InTransit(_OneField):
    slug = "in-transit"
    title = "What is in transit moves by dispatch and arrival"
    field = "location"

    def __init__(self, location: str) -> None:
        super().__init__(f"{location} holds what is in transit; expected a place")


class NotInTransit(_OneField):
    slug = "not-in-transit"
    title = "A transfer is closed where it is in transit"
    field = "location"

    def __init__(self, location: str) -> None:
        super().__init__(f"{location} is no in-transit place; a transfer's answers name it")


class ParentNotStocked(_OneField):
    slug = "parent-not-stocked"
    title = "A parent of variants has no stock of its own"
    field = "sku"

    def __init__(self, sku: str) -> None:
        super().__init__(f"{sku} comes in variants: name one of them")


class KitNotStocked(_OneField):
    slug = "kit-not-stocked"
    title = "A kit has no stock of its own"
    field = "sku"

    def __init__(self, sku: str, event_type: str) -> None:
        super().__init__(f"{sku} is a kit: record {event_type} of its components")


class ForeignSite(Forbidden):
    slug = "foreign-site"
    title = "That place is at a site that you have no part in"

    def __init__(self, location: str) -> None:
        super().__init__(f"{location} is at a site that you have no part in.")


class TooLate(_OneField):
    slug = "too-late"
    title = "It happened too long ago"
    field = "occurred_at"

    def __init__(self, days: float) -> None:
        super().__init__(f"It is older than {days:g} days: a manager may record it")


class BeforeAClosedCount(_OneField):
    slug = TooLate.slug
    title = TooLate.title
    field = "occurred_at"

    def __init__(self, sku: str, location: str, counted_at: datetime) -> None:
        super().__init__(
            f"{sku} at {location} was counted at {counted_at:%Y-%m-%dT%H:%M:%SZ}, and that count is"
            " closed: a manager may record what happened before it"
        )


class TooFarAhead(_OneField):
    slug = "too-far-ahead"
    title = "It has not happened yet"
    field = "occurred_at"

    def __init__(self) -> None:
        super().__init__("Expected a time that is at most 5 minutes ahead")


class SystemReason(_OneField):
    slug = "system-reason"
    title = "Only an import of history opens a balance"
    field = "reason"

    def __init__(self) -> None:
        super().__init__("Expected one of damaged, expired, lost, theft, found")


class UnknownEvent(_OneField):
    slug = "unknown-event"
    title = "There is no such event"
    field = "reverses"

    def __init__(self, event_id: UUID) -> None:
        super().__init__(f"There is no event {event_id}")


class UnknownReservation(_OneField):
    slug = "unknown-reservation"
    title = "There is no such reservation"
    field = "reservation"

    def __init__(self, reservation: UUID) -> None:
        super().__init__(f"There is no reservation {reservation}")


class NotReversible(_OneField):
    slug = "not-reversible"
    title = "That event cannot be reversed"
    field = "reverses"


class ReversalMismatch(UnprocessableContent):
    slug = "reversal-mismatch"
    title = "It differs from the event that it reverses"

    def __init__(self, fields: dict[str, object]) -> None:
        errors = [
            field_error(f"#/{field}", f"The event to reverse has {value}")
            for field, value in fields.items()
        ]
        super().__init__("What is sent beside `reverses` must match that event.", errors=errors)


class EventConflict(Conflict):
    slug = "event-id-taken"
    title = "The event_id is taken by another event"

    def __init__(self, event_id: UUID, fields: list[str]) -> None:
        super().__init__(
            f"The event {event_id} was recorded with another content.",
            errors=[
                field_error(f"#/{field}", "differs from what was recorded") for field in fields
            ],
        )


class AlreadyReversed(Conflict):
    slug = "already-reversed"
    title = "That event is reversed already"

    def __init__(self, event_id: UUID) -> None:
        super().__init__(
            f"The event {event_id} is reversed already.",
            errors=[field_error("#/reverses", "Expected an event that is not reversed yet")],
        )


class InsufficientStock(Conflict):
    slug = "insufficient-stock"
    title = "That much is not available"

    def __init__(self, sku: str, location: str, available: int) -> None:
        available = max(0, available)
        super().__init__(
            f"{available} of {sku} are available at {location}.",
            errors=[field_error("#/quantity", f"Expected at most {available}")],
        )


class ReservationSpent(Conflict):
    slug = "reservation-spent"
    title = "That much is not reserved any more"

    def __init__(self, reservation: UUID, remaining: int) -> None:
        super().__init__(
            f"{remaining} of the reservation {reservation} are left.",
            errors=[field_error("#/quantity", f"Expected at most {remaining}")],
        )


class NothingInTransit(Conflict):
    slug = "nothing-in-transit"
    title = "That much is not in transit"

    def __init__(self, transfer_id: UUID, remaining: int) -> None:
        super().__init__(
            f"{remaining} of the transfer {transfer_id} are in transit.",
            errors=[field_error("#/quantity_change", f"Expected at least {-remaining}")],
        )


class EventRefused(UnprocessableContent):
    slug = "event-refused"
    title = "The ledger cannot hold that"

    def __init__(self, rule: str) -> None:
        super().__init__(f"The event goes against {rule}.")


class LedgerBusy(Unavailable):
    slug = "ledger-busy"
    title = "The ledger has more to write than it can take"

    def __init__(self) -> None:
        super().__init__("Too many events are waiting; send it again in a moment.")


class LedgerUnavailable(Unavailable):
    slug = "ledger-unavailable"
    title = "The ledger does not answer"

    def __init__(self) -> None:
        super().__init__(
            "Whether it was recorded is not known; send it again, it counts once.",
            retry_after_s=2,
        )


def refusal_of(error: asyncpg.PostgresError, event_id: UUID, reverses: UUID | None) -> Problem:
    """A constraint of the database as the error that it stands for."""
    match getattr(error, "constraint_name", None):
        case "inventory_events_reverses_key" if reverses is not None:
            return AlreadyReversed(reverses)
        case "inventory_events_event_id_key":
            return EventConflict(event_id, ["event_id"])
        case str(name):
            return EventRefused(name)
        case _ if isinstance(error, asyncpg.DataError):
            return EventRefused(f"what the database can keep ({error})")
        case _:
            return Problem("This is a fault of the server; it has been logged.")

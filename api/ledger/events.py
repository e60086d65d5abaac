"""What can happen to stock: one frozen model an event type, told apart by `event_type`."""

import json
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from api.text import NewCode, ShortText, SoughtCode

MAXIMUM_QUANTITY = 10_000_000
METADATA_BYTES = 2048
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def _only_rfc_3339(value: Any) -> Any:
    if isinstance(value, datetime) or (isinstance(value, str) and value[4:5] == "-"):
        return value
    raise PydanticCustomError(
        "rfc_3339", "Expected an RFC 3339 time with a zone, as in 2026-01-31T12:00:00Z"
    )


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is not UTC:
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            value = datetime.min.replace(tzinfo=UTC)
    if not _EARLIEST <= value < _LATEST:
        raise PydanticCustomError("moment", "Expected a time from 1970 to 9998")
    return value


def _storable(value: Any) -> None:
    """Postgres keeps no NUL, no lone surrogate and no infinity in JSON."""
    match value:
        case str():
            if "\x00" in value:
                raise PydanticCustomError("nul_in_text", "Expected text without NUL characters")
            try:
                value.encode()
            except UnicodeEncodeError:
                raise PydanticCustomError(
                    "string_unicode", "Expected text without lone surrogates"
                ) from None
        case dict():
            for key, part in value.items():
                _storable(key)
                _storable(part)
        case list():
            for part in value:
                _storable(part)
        case float():
            if value - value != 0:
                raise PydanticCustomError("finite_number", "Expected finite numbers")
        case None | bool() | int():
            pass
        case _:
            raise PydanticCustomError("json", "Expected values that JSON knows")


def _bounded_metadata(value: dict[str, Any]) -> dict[str, Any]:
    try:
        _storable(value)
        size = len(json.dumps(value, ensure_ascii=False).encode())
    except (RecursionError, ValueError):
        raise PydanticCustomError("metadata", "Expected metadata that is less deep") from None
    if size > METADATA_BYTES:
        raise PydanticCustomError(
            "metadata_too_large", f"Expected at most {METADATA_BYTES} bytes of metadata"
        )
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_only_rfc_3339), AfterValidator(_in_utc)]
Quantity = Annotated[int, Field(strict=True, ge=1, le=MAXIMUM_QUANTITY)]
CountedQuantity = Annotated[int, Field(strict=True, ge=0, le=MAXIMUM_QUANTITY)]
QuantityChange = Annotated[int, Field(strict=True, ge=-MAXIMUM_QUANTITY, le=MAXIMUM_QUANTITY)]
Metadata = Annotated[
    dict[str, Any],
    AfterValidator(_bounded_metadata),
    WithJsonSchema({"type": "object", "description": f"At most {METADATA_BYTES} bytes."}),
]
Reason = Literal["damaged", "expired", "lost", "theft", "found"]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: UUID = Field(description="Chosen by the client; a repeat counts once.")
    occurred_at: Moment = Field(description="When it happened, with a zone.")
    sent_at: Moment | None = Field(default=None, description="The sender's clock as it sent.")
    source: ShortText | None = Field(default=None, description="The system that tells it.")
    reference: ShortText | None = Field(default=None, description="Its number there.")
    metadata: Metadata | None = Field(default=None, description="No personal data.")


class _AtPlace(_Event):
    sku: SoughtCode
    location: SoughtCode


class _OfLot(_AtPlace):
    lot: NewCode | None = Field(default=None, description="A batch of the product.")


class _MayExpire(_OfLot):
    expires_on: date | None = Field(default=None, description="When the lot expires.")

    @field_validator("expires_on")
    @classmethod
    def _is_of_a_lot(cls, value: date | None, given: ValidationInfo) -> date | None:
        if value is not None and given.data.get("lot") is None:
            raise PydanticCustomError("no_lot", "Expected a `lot` beside `expires_on`")
        return value


class Received(_MayExpire):
    """Goods came in."""

    event_type: Literal["received"] = "received"
    quantity: Quantity


class Sold(_OfLot):
    """A till sold it, or a player won it."""

    event_type: Literal["sold"] = "sold"
    quantity: Quantity


class Returned(_MayExpire):
    """A customer brought it back, fit to be sold again."""

    event_type: Literal["returned"] = "returned"
    quantity: Quantity


class Counted(_MayExpire):
    """Someone counted what is there: an absolute, not a change. With `lot`, that lot alone."""

    event_type: Literal["counted"] = "counted"
    quantity: CountedQuantity


class Adjusted(_OfLot):
    """Stock went or was found without a sale or a delivery."""

    event_type: Literal["adjusted"] = "adjusted"
    reason: Reason
    transfer_id: UUID | None = Field(
        default=None, description="Closes what is missing of a transfer as lost."
    )
    quantity_change: QuantityChange

    @field_validator("transfer_id")
    @classmethod
    def _is_lost(cls, value: UUID | None, given: ValidationInfo) -> UUID | None:
        if value is not None and given.data.get("reason") not in (None, "lost"):
            raise PydanticCustomError("reason", "Expected the reason lost beside `transfer_id`")
        return value

    @field_validator("quantity_change")
    @classmethod
    def _goes_the_way_of_its_reason(cls, value: int, given: ValidationInfo) -> int:
        reason = given.data.get("reason")
        if reason == "found" and value < 1:
            raise PydanticCustomError("sign", "Expected more than 0, since it was found")
        if reason in ("damaged", "expired", "lost", "theft") and value > -1:
            raise PydanticCustomError(
                "sign", "Expected less than 0 for the reason {reason}", {"reason": reason}
            )
        return value


class Transferred(_OfLot):
    """Goods moved to another place of the same site."""

    event_type: Literal["transferred"] = "transferred"
    to_location: SoughtCode
    quantity: Quantity

    @field_validator("to_location")
    @classmethod
    def _moves_somewhere_else(cls, value: str, given: ValidationInfo) -> str:
        if value == given.data.get("location"):
            raise PydanticCustomError("same_place", "Expected another place than `location`")
        return value


class Dispatched(_OfLot):
    """Goods left for another site; until they arrive they are in transit there."""

    event_type: Literal["dispatched"] = "dispatched"
    to_location: SoughtCode = Field(description="Where they go, at another site.")
    transfer_id: UUID = Field(description="What this dispatch and its arrivals share.")
    quantity: Quantity


class Arrived(_MayExpire):
    """Goods of a transfer came in, all or a part, whether their dispatch is told yet or not."""

    event_type: Literal["arrived"] = "arrived"
    transfer_id: UUID
    quantity: Quantity


class Reserved(_AtPlace):
    """Units are promised, if they are available; the event_id names the reservation."""

    event_type: Literal["reserved"] = "reserved"
    quantity: Quantity
    expires_at: Moment | None = Field(default=None, description="Until when it holds.")


class _OfReservation(_Event):
    reservation: UUID = Field(description="The event_id of the `reserved` event.")
    sku: SoughtCode | None = None
    location: SoughtCode | None = None


class Released(_OfReservation):
    """A promise is given back, in part or, without `quantity`, all that is left of it."""

    event_type: Literal["released"] = "released"
    quantity: Quantity | None = None


class Shipped(_OfReservation):
    """What was promised has left."""

    event_type: Literal["shipped"] = "shipped"
    quantity: Quantity
    lot: NewCode | None = Field(default=None, description="Of the product in `sku`.")

    @field_validator("lot")
    @classmethod
    def _names_its_product(cls, value: str | None, given: ValidationInfo) -> str | None:
        if value is not None and given.data.get("sku") is None:
            raise PydanticCustomError("no_sku", "Expected a `sku` beside `lot`")
        return value


class Expired(Released):
    """A reservation's time is over; the writer says so itself."""


class Reversed(_Event):
    """One earlier event is undone, once. What else is sent must match it."""

    event_type: Literal["reversed"] = "reversed"
    reverses: UUID = Field(description="The event_id of the event to undo.")
    sku: SoughtCode | None = None
    location: SoughtCode | None = None
    quantity: CountedQuantity | None = None


class OpeningBalance(_MayExpire):
    """What was there before history begins; only an import of history may say so."""

    event_type: Literal["adjusted"] = "adjusted"
    reason: Literal["opening_balance"] = "opening_balance"
    quantity_change: Quantity


# What a client may send.
InventoryEvent = Annotated[
    Received
    | Sold
    | Returned
    | Counted
    | Adjusted
    | Transferred
    | Dispatched
    | Arrived
    | Reserved
    | Released
    | Shipped
    | Reversed,
    Field(discriminator="event_type"),
]
# What the writer takes: an import of history also opens balances.
AnyEvent = (
    Received
    | Sold
    | Returned
    | Counted
    | Adjusted
    | Transferred
    | Dispatched
    | Arrived
    | Reserved
    | Released
    | Shipped
    | Reversed
    | OpeningBalance
)

inventory_event: TypeAdapter[AnyEvent] = TypeAdapter(InventoryEvent)


def opening_balance(
    event_id: UUID,
    sku: str,
    location: str,
    quantity: int,
    occurred_at: datetime,
    source: str | None = None,
) -> OpeningBalance:
    """The event that opens a balance of `quantity`, for `record_batch(history=True)`."""
    return OpeningBalance(
        event_id=event_id,
        sku=sku,
        location=location,
        quantity_change=quantity,
        occurred_at=occurred_at,
        source=source,
    )

"""What the API says of lots."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.pagination import DEFAULT_LIMIT, MAXIMUM_LIMIT
from api.text import SoughtCode


class LotQuestion(BaseModel):
    """Which lots at which places; what is not said is not asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: SoughtCode | None = None
    lot: SoughtCode | None = None
    location: SoughtCode | None = None
    site: SoughtCode | None = None
    expires_to: date | None = Field(default=None, description="on this day or before")
    on_hand_only: bool = Field(default=False, description="without places that it has left")
    cursor: str | None = Field(default=None, description="`next_cursor` of the last page")
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAXIMUM_LIMIT, description="items a page")


class LotAtPlace(BaseModel):
    """What a place has of a lot, or once had."""

    sku: str
    lot: str
    expires_on: date | None
    location: str
    site: str
    on_hand: int


class TraceQuestion(BaseModel):
    """Which part of a trace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cursor: str | None = Field(default=None, description="`next_cursor` of the last page")
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAXIMUM_LIMIT, description="movements")


class PlaceOfLot(BaseModel):
    """A lot at a place, from first to last."""

    location: str
    site: str
    came_in: int
    went_out: int
    sold: int = Field(description="of what went out: sold or shipped, less what was undone")
    on_hand: int
    first_at: datetime
    last_at: datetime


class LotMovement(BaseModel):
    """What an event did to the lot at one place."""

    position: int
    event_id: UUID
    event_type: str
    reason: str | None
    occurred_at: datetime
    recorded_at: datetime
    recorded_by: int
    source: str | None
    reference: str | None
    transfer_id: UUID | None = Field(description="shared by a dispatch and its arrivals")
    reverses: UUID | None
    caused_by: int | None
    location: str
    site: str
    on_hand_change: int
    on_hand: int = Field(description="of the lot, after the event")


class LotTrace(BaseModel):
    """A lot, every place that it was at, and the movements there in order of position."""

    sku: str
    lot: str
    expires_on: date | None
    on_hand: int
    places: list[PlaceOfLot]
    movements: list[LotMovement]
    next_cursor: str | None = Field(description="of `movements`; null where there are no more")

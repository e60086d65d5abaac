"""What the feed is asked, and what it tells."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from api.ledger.events import Moment
from api.pagination import DEFAULT_LIMIT, MAXIMUM_LIMIT
from api.text import ShortText, SoughtCode

EventType = Literal[
    "received",
    "sold",
    "returned",
    "counted",
    "adjusted",
    "transferred",
    "dispatched",
    "arrived",
    "reserved",
    "released",
    "shipped",
    "reversed",
]
Order = Literal["oldest", "newest"]


class Filters(BaseModel):
    """Which events; what is not said is not asked for. From is inclusive, to is not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_type: list[EventType] = Field(default=[], max_length=12, description="any of these")
    sku: SoughtCode | None = Field(default=None, description="whose stock moved")
    location: SoughtCode | None = Field(default=None, description="where, from or to")
    site: SoughtCode | None = None
    recorded_by: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    source: ShortText | None = None
    reference: ShortText | None = None
    occurred_from: Moment | None = None
    occurred_to: Moment | None = None
    recorded_from: Moment | None = None
    recorded_to: Moment | None = None


class StreamQuestion(Filters):
    """What a stream is asked for."""

    after: str | None = Field(default=None, description="a cursor; `Last-Event-ID` goes before it")


class FeedQuestion(Filters):
    """What one answer of the feed is asked for."""

    after: str | None = Field(default=None, description="`next_cursor` of the last answer")
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAXIMUM_LIMIT, description="events at most")
    order: Order = Field(default="oldest", description="`newest` first is for people")
    wait: float = Field(default=0, ge=0, le=300, description="seconds, while there is nothing new")

    @field_validator("wait")
    @classmethod
    def _waits_for_what_comes(cls, value: float, given: ValidationInfo) -> float:
        if value and given.data.get("order") == "newest":
            raise PydanticCustomError("wait", "Expected no wait where the newest come first")
        return value


class Movement(BaseModel):
    """What an event did to one level."""

    sku: str
    location: str
    site: str
    lot: str | None
    on_hand_change: int
    reserved_change: int
    on_hand: int = Field(description="of the product at the place, after the event")
    reserved: int = Field(description="likewise")


class ToldEvent(BaseModel):
    """An event as the feed tells it; what does not apply to its type is null."""

    position: int
    event_id: UUID
    event_type: str
    occurred_at: datetime
    recorded_at: datetime
    recorded_by: int
    sku: str
    location: str
    to_location: str | None
    lot: str | None = Field(description="that the client named; `movements` tell which moved")
    quantity: int | None
    quantity_change: int | None
    reason: str | None
    reservation: UUID | None = Field(description="the reservation that is released or shipped")
    expires_at: datetime | None = Field(description="until when a reservation holds")
    transfer_id: UUID | None = Field(description="shared by a dispatch and its arrivals")
    recipe_version: int | None = Field(description="by which a kit was taken apart")
    reverses: UUID | None
    caused_by: int | None = Field(description="position of the event that made this one follow")
    source: str | None
    reference: str | None
    metadata: dict[str, Any] | None
    movements: list[Movement]
    warnings: list[dict[str, Any]]


class Feed(BaseModel):
    """A stretch of the feed; `next_cursor` is given also when there is nothing new.

    It is null only with `order=newest`, where the beginning is reached.
    """

    items: list[ToldEvent]
    next_cursor: str | None

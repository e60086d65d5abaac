"""What the ledger answers."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter

from api.problems import Problem


# Made for each event, so not frozen: that takes four times as long to make.
@dataclass(slots=True)
class StockLevel:
    """What a product has at a place; version is the position of the last movement there."""

    sku: str
    location: str
    site: str
    on_hand: int
    reserved: int
    available: int
    version: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What the recorder should know although the event was recorded."""

    code: Literal[
        "book_shortage",
        "implied_transfer",
        "reordered",
        "counted_since",
        "over_promised",
        "arrived_ahead",
    ]
    detail: str
    sku: str
    location: str


# In the order in which they are answered; jsonb does not keep one.
WARNING_FIELDS = ("code", "detail", "sku", "location")


@dataclass(slots=True)
class Recorded:
    """The answer to an event, the first time and at each repeat."""

    event_id: UUID
    status: Literal["recorded", "duplicate"]
    position: int
    recorded_at: datetime
    stock_levels: tuple[StockLevel, ...]
    warnings: tuple[Notice, ...] = ()
    is_repeat: Annotated[bool, Field(exclude=True)] = field(default=False, compare=False)


recorded_json: TypeAdapter[Recorded] = TypeAdapter(Recorded)


@dataclass(slots=True)
class RowResult:
    """What became of one row of a list; a rejected one has a problem, the others `recorded`."""

    status: Literal["recorded", "duplicate", "rejected"]
    recorded: Recorded | None = None
    problem: Problem | None = None


class ProblemDocument(BaseModel):
    """A refusal as RFC 9457 writes it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[dict[str, str]] = []


class RowRecorded(BaseModel):
    event_id: UUID
    status: Literal["recorded", "duplicate"]
    position: int
    recorded_at: datetime
    stock_levels: list[StockLevel]
    warnings: list[Notice]


class RowRejected(BaseModel):
    event_id: str | None
    status: Literal["rejected"]
    problem: ProblemDocument


class BatchResults(BaseModel):
    """One result for each row, in the order of the rows."""

    results: list[RowRecorded | RowRejected]

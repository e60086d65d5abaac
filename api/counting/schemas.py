"""What the API says of count sessions, and what it is told."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.ledger.events import MAXIMUM_QUANTITY, CountedQuantity, Moment
from api.ledger.schemas import ProblemDocument
from api.pagination import DEFAULT_LIMIT, MAXIMUM_LIMIT
from api.text import Name, NewCode, SoughtCode

State = Literal["open", "review", "approving", "closed", "cancelled"]
Only = Literal["differing", "uncounted", "to_recount"]
Round: TypeAlias = Annotated[int, Field(strict=True, ge=1, lt=2**31)]
_MOST_PRODUCTS = 10_000


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CountSessionPlan(_Told):
    """What is to be counted, and how."""

    name: Name | None = None
    location: SoughtCode
    sub_places: bool = Field(default=False, description="also what stands in it")
    products: Annotated[list[SoughtCode], Field(min_length=1, max_length=_MOST_PRODUCTS)] | None = (
        Field(default=None, description="only these skus; null: whatever is there")
    )
    blind: bool = Field(
        default=False, description="until review only managers see what the book holds"
    )
    uncounted: Literal["left_alone", "zero"] = Field(
        default="left_alone", description="what the book has and nobody counted, at approval"
    )
    recount_tolerance: Annotated[int, Field(strict=True, ge=0, le=MAXIMUM_QUANTITY)] | None = Field(
        default=None,
        description="what differs by more units is counted again, once, before review",
    )


class CountLineEntry(_Told):
    """What a counter found of a product at a place."""

    sku: SoughtCode
    location: SoughtCode | None = Field(default=None, description="else that of the session")
    lot: NewCode | None = None
    quantity: CountedQuantity
    counted_at: Moment = Field(description="When it was counted, with a zone.")
    sent_at: Moment | None = Field(default=None, description="The sender's clock as it sent.")
    round: Round = 1


class RoundNamed(_Told):
    """Which round is meant, so that a late repeat is not taken for the next one."""

    round: Round = 1


class LevelNamed(_Told):
    """A product at a place, and the lot where it is counted lot by lot."""

    sku: SoughtCode
    location: SoughtCode | None = Field(default=None, description="else that of the session")
    lot: NewCode | None = None


class Recount(RoundNamed):
    """What is to be counted again; it ends this round and begins the next."""

    levels: Annotated[list[LevelNamed], Field(min_length=1, max_length=MAXIMUM_LIMIT)]


class Cancellation(_Told):
    reason: Name | None = None


class CountSessionQuestion(_Told):
    """Which count sessions; what is not said is not asked for."""

    state: State | None = None
    location: SoughtCode | None = None
    site: SoughtCode | None = None
    cursor: str | None = Field(default=None, description="`next_cursor` of the last page")
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAXIMUM_LIMIT, description="items a page")


class LevelQuestion(_Told):
    """Which levels of a session."""

    only: Only | None = None
    cursor: str | None = Field(default=None, description="`next_cursor` of the last page")
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAXIMUM_LIMIT, description="items a page")


class CountSession(BaseModel):
    """A count, from its opening to its end."""

    count_session_id: UUID
    name: str | None
    location: str
    site: str
    sub_places: bool
    blind: bool
    uncounted: Literal["left_alone", "zero"]
    recount_tolerance: int | None
    state: State = Field(description="approving: the counts are being recorded; approve again")
    round: int
    opened_at: datetime
    opened_by: int
    submitted_at: datetime | None = Field(description="when the last round ended")
    approved_by: int | None
    closed_at: datetime | None


class CountedLevel(BaseModel):
    """Which level: a product at a place, or a lot of it."""

    location: str
    sku: str
    lot: str | None


class CountStep(BaseModel):
    """Who did what with it."""

    step: Literal["opened", "submitted", "recount", "approved", "closed", "cancelled"]
    round: int
    done_at: datetime
    done_by: int
    reason: str | None


class WholeCountSession(CountSession):
    """With what it is limited to, what is to be counted again, and its history."""

    products: list[str] | None
    to_recount: list[CountedLevel] = Field(description="in this round; the first 1,000")
    left_alone: list[CountedLevel] = Field(
        description="once approved: what nobody counted and was left as it is; the first 1,000"
    )
    history: list[CountStep]


class CountLine(BaseModel):
    """What a counter entered; those of one round add up."""

    line_id: UUID
    round: int
    location: str
    sku: str
    lot: str | None
    quantity: int
    counted_at: datetime
    entered_at: datetime
    entered_by: int
    withdrawn_at: datetime | None
    withdrawn_by: int | None


class CountLevel(CountedLevel):
    """What was counted of a level beside what the book held at that moment."""

    round: int | None = Field(description="of the count; null where nobody counted")
    lines: int
    counted: int | None
    counted_at: datetime | None = Field(description="the last line's, which the count covers to")
    expected: int | None = Field(description="null while the count is blind")
    variance: int | None = Field(description="counted - expected")
    to_recount: bool = Field(description="asked for again, and not counted again yet")
    outcome: Literal["recorded", "zeroed", "left_alone", "refused"] | None
    event_id: UUID | None = Field(description="of the `counted` event")
    refused: ProblemDocument | None = Field(description="why the ledger did not take it")

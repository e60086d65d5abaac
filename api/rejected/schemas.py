"""What the API says of rejected events, and what it is told."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.ledger.schemas import ProblemDocument, Recorded
from api.pagination import DEFAULT_LIMIT, MAXIMUM_LIMIT
from api.text import Name, SoughtCode

Status = Literal["open", "recorded", "discarded"]
ProblemType = Annotated[
    str, StringConstraints(pattern=r"^(urn:parstock:problem:)?[a-z0-9-]{1,60}$")
]


class Which(BaseModel):
    """Which rejected events; what is not said is not asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem_type: ProblemType | None = Field(
        default=None, description="why it does not go now: `unknown-sku`, or the whole URN"
    )
    received_by: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    sku: SoughtCode | None = None


class RejectedQuestion(Which):
    """What a page of the list is asked for."""

    status: Status | None = None
    cursor: str | None = Field(default=None, description="`next_cursor` of the last page")
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAXIMUM_LIMIT, description="items a page")


class RejectedEvent(BaseModel):
    """What was sent once, why it was not taken, and what became of it."""

    rejected_id: int
    event_id: UUID | None
    status: Status
    problem: ProblemDocument = Field(description="why it was not taken")
    last_problem: ProblemDocument | None = Field(description="why the last try failed")
    received_at: datetime
    received_by: int
    settled_at: datetime | None
    settled_by: int | None = Field(description="who settled it; while it is open, who tried last")
    discarded_because: str | None


class WholeRejectedEvent(RejectedEvent):
    """With the payload as it was sent, and what was tried in its place."""

    payload: Any
    mended: Any


class Replay(BaseModel):
    """Try it again as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow_late: bool = Field(default=False, description="also where it comes too late")


class BulkReplay(Which):
    """Try again all that are open and match, in the order in which they came."""

    cursor: str | None = Field(default=None, description="`next_cursor` of the last answer")
    limit: int = Field(default=100, ge=1, le=1000, strict=True)
    allow_late: bool = False


class Discard(BaseModel):
    """It will not be recorded; it is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Name


class Replayed(BaseModel):
    """What became of one in a bulk replay."""

    rejected_id: int
    status: Literal["recorded", "open"]
    recorded: Recorded | None = None
    problem: ProblemDocument | None = None


class BulkReplayed(BaseModel):
    """One result for each that was tried; `next_cursor` is null where no more are open."""

    results: list[Replayed]
    next_cursor: str | None

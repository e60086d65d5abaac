"""What an import is asked to do and what it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints
from pydantic import Field as ModelField
from pydantic_core import PydanticCustomError

from api.text import NewCode, ShortText, SoughtCode

EventKind = Literal["sales", "counts", "opening-stock"]
MasterKind = Literal[
    "products", "suppliers", "locations", "sites", "packs", "barcodes", "par-levels", "recipes"
]
Kind = EventKind | MasterKind
Profile = Literal["invoice-lines", "plain"]

PROFILES: tuple[Profile, ...] = ("invoice-lines", "plain")
EVENT_KINDS: tuple[EventKind, ...] = ("sales", "counts", "opening-stock")
MASTER_KINDS: tuple[MasterKind, ...] = get_args(MasterKind)
KINDS: tuple[Kind, ...] = (*EVENT_KINDS, *MASTER_KINDS)


class Outcome(StrEnum):
    """What becomes of a line; each line has one."""

    SALE = "sale"
    CANCELLATION = "cancellation"
    RETURN = "return"
    COUNT = "count"
    OPENING = "opening"
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    NO_PRODUCT = "no product"
    WRITE_OFF = "write-off"
    ZERO_PRICE = "zero price"
    BAD_DEBT = "bad debt"
    REJECTED = "rejected"


_INVOICE_LINES = (
    Outcome.SALE,
    Outcome.CANCELLATION,
    Outcome.DUPLICATE,
    Outcome.NO_PRODUCT,
    Outcome.WRITE_OFF,
    Outcome.ZERO_PRICE,
    Outcome.BAD_DEBT,
    Outcome.REJECTED,
)


def outcomes_of(kind: EventKind, profile: Profile) -> tuple[Outcome, ...]:
    """The outcomes that a line of such a file can have, in the order of a report."""
    if kind == "counts":
        return (Outcome.COUNT, Outcome.REJECTED)
    if kind == "opening-stock":
        return (Outcome.OPENING, Outcome.REJECTED)
    if profile == "invoice-lines":
        return _INVOICE_LINES
    return (Outcome.SALE, Outcome.RETURN, Outcome.CANCELLATION, Outcome.REJECTED)


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """One file and what its user said about it; None is guessed or taken by default.

    `file_name` is what the user calls a file that lies elsewhere; `import_id` and `actor_id` are
    of an import that was uploaded.
    """

    path: Path
    file_name: str | None = None
    import_id: int | None = None
    actor_id: int | None = None
    kind: Kind | None = None
    profile: Profile | None = None
    sheet: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    date_format: str | None = None
    decimal_comma: bool = False
    product_code: str | None = None
    site: str | None = None
    location: str | None = None
    time_zone: str | None = None
    currency: str | None = None
    source: str | None = None
    counted_at: datetime | None = None
    shift_to_today: bool = False
    dry_run: bool = False
    opening_cover_days: int = 56
    mapping: str | None = None
    save_mapping: str | None = None

    @property
    def called(self) -> str:
        """The file's name in reports, and the one that its source is guessed from."""
        return self.file_name or self.path.name


@dataclass(frozen=True)
class Rejection:
    """Lines left out for one reason, with the first of their rows (the header is row 1)."""

    reason: str
    field: str
    expected: str
    lines: int
    first_rows: tuple[int, ...]
    example: str | None


@dataclass(frozen=True)
class RowError:
    """Why one line was left out."""

    row: int
    field: str
    reason: str


@dataclass(frozen=True)
class Overlap:
    """One thing counted over the whole file by itself; such counts overlap."""

    name: str
    lines: int


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What was read and what was recorded; the counts of `outcomes` add up to `lines`.

    `errors` are those of the first rejected rows; the file of rejected lines has all.
    """

    source: str
    kind: Kind
    columns: Mapping[str, str]
    lines: int
    outcomes: Mapping[Outcome, int]
    rejections: tuple[Rejection, ...]
    errors: tuple[RowError, ...]
    rejected_file: Path | None
    notes: tuple[str, ...]
    dry_run: bool
    profile: Profile = "plain"
    products_sold: int = 0
    overlaps: tuple[Overlap, ...] = ()
    first_day: date | None = None
    last_day: date | None = None
    shifted_days: int = 0
    site: str | None = None
    location: str | None = None
    time_zone: str | None = None
    codes_without_product: tuple[str, ...] = ()
    recorded: int = 0
    already_recorded: int = 0
    refused: int = 0
    products_made: int = 0
    locations_made: int = 0
    sites_made: int = 0
    openings: int = 0
    opening_units: int = 0


@dataclass(frozen=True)
class Progress:
    """How far a step has come; total is 0 where it is not known."""

    step: str
    done: int = 0
    total: int = 0


Tell = Callable[[Progress], None]


def _as_a_file_name(value: str) -> str:
    if not value.isprintable() or set(value) & set("/\\") or value.strip(" .") == "":
        raise PydanticCustomError("file_name", "Expected the name of a file, without its folder")
    return value


FileName = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(_as_a_file_name)
]


class UploadOptions(BaseModel):
    """What the sender of a file says of it, as parameters; what is left out is guessed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file_name: FileName = ModelField(description="Its source is known again by it.")
    dry_run: bool = ModelField(default=False, description="Check and report; write nothing.")
    kind: Kind | None = None
    profile: Profile | None = None
    mapping: SoughtCode | None = ModelField(default=None, description="The name of a mapping.")
    source: NewCode | None = None
    sheet: ShortText | None = ModelField(default=None, description="Of an Excel workbook.")
    date_format: ShortText | None = None
    decimal_comma: bool = False
    site: NewCode | None = None
    location: NewCode | None = None
    time_zone: ShortText | None = None
    currency: ShortText | None = None
    counted_at: AwareDatetime | None = None
    shift_to_today: bool = False


ImportStatus = Literal["queued", "started", "finished", "refused", "interrupted"]


class ImportSummary(BaseModel):
    """An import. Refused: nothing of it can be read. Interrupted: send the file again."""

    import_id: int
    file_name: str
    status: ImportStatus
    dry_run: bool
    source: str | None
    kind: Kind | None
    lines: int
    outcomes: dict[str, int]
    progress: dict[str, Any] | None = ModelField(description="step, done and total, while it runs")
    problem: str | None
    imported_by: int
    received_at: datetime
    finished_at: datetime | None


class Import(ImportSummary):
    """An import with its whole report: counts, and row, field and reason of the first errors."""

    report: dict[str, Any] | None

"""Approvals, purchase orders and receipts as they are asked for and answered."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from api.ledger.events import Moment, Quantity
from api.pagination import DEFAULT_LIMIT, Limit
from api.purchasing.minimums import ShortOrder
from api.text import NewCode, ShortText, SoughtCode

OrderStatus = Literal["draft", "sent", "received", "closed", "cancelled"]
LineState = Literal["proposed", "approved", "ordered", "received", "dismissed", "closed"]
Version = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
LineNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]

MOST_APPROVED = 1000
# One address and nothing that a header would read as more.
_EMAIL = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Approval(_Model):
    """One line of the plan, at the version that was read."""

    suggestion_id: UUID
    version: Version


class Approvals(_Model):
    """Lines to be ordered."""

    lines: list[Approval] = Field(min_length=1, max_length=MOST_APPROVED)


class ApprovalResult(_Model):
    """What became of one line: `duplicate` is one that was approved before."""

    suggestion_id: UUID
    status: Literal["approved", "duplicate", "refused"]
    purchase_order: str | None = None
    line: int | None = None
    problem: dict[str, Any] | None = None


class ApprovalResults(_Model):
    """A result a line, in the order in which they were sent."""

    results: list[ApprovalResult]


class Dismissal(_Model):
    """Not now; it stays dismissed until its reason changes."""

    version: Version
    reason: ShortText | None = None


class SuggestionLife(_Model):
    """Where a line of the plan stands, and the order that it became."""

    suggestion_id: UUID
    version: int
    kind: str
    sku: str
    site: str
    quantity: int
    state: LineState
    dismissed_because: str | None
    purchase_order: str | None
    line: int | None


class OrderQuestion(_Model):
    """Which orders."""

    status: OrderStatus | None = None
    supplier: SoughtCode | None = None
    site: SoughtCode | None = None
    limit: Limit = DEFAULT_LIMIT
    cursor: str | None = None


class PurchaseOrder(_Model):
    """An order to one supplier for one site; `units` and `outstanding` are in base units."""

    number: str
    version: int
    status: OrderStatus
    supplier: str
    supplier_name: str
    site: str
    site_name: str
    expected_on: date = Field(description="Of a draft, if it were sent today.")
    overdue_on: date | None
    is_overdue: bool = Field(description="Left the inventory position: is it still coming?")
    lines: int
    units: int
    outstanding: int
    created_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    ended_because: str | None
    mailed_at: datetime | None
    mail_problem: str | None


class OrderLine(_Model):
    """What is ordered of one product, and what came of it."""

    line: int
    sku: str
    product: str
    base_unit: str
    suggestion_id: UUID
    quantity: int = Field(description="In base units.")
    pack_size: int
    unit_cost: int | None = Field(description="Of a base unit, in minor units of the currency.")
    currency: str | None
    received: int
    damaged: int
    outstanding: int
    is_closed: bool

    @property
    def packs(self) -> int:
        return self.quantity // self.pack_size

    @property
    def cost(self) -> int | None:
        """Of the whole line, in minor units."""
        return None if self.unit_cost is None else self.unit_cost * self.quantity


class ReceiptLine(_Model):
    """What came of one line, and whether the ledger has it."""

    line: int
    sku: str
    lot: str | None
    expires_on: date | None
    quantity: int
    damaged: int
    received_event_id: UUID
    is_recorded: bool
    is_undone: bool
    problem: dict[str, Any] | None = None


class Receipt(_Model):
    """What came in at one time."""

    receipt_id: UUID
    location: str
    received_at: datetime
    lines: list[ReceiptLine]


class Total(_Model):
    """What the lines cost that have a price, in minor units of one currency."""

    currency: str
    amount: int


class WholePurchaseOrder(PurchaseOrder):
    """An order with its lines and receipts."""

    order_lines: list[OrderLine]
    totals: list[Total]
    lines_without_a_price: int
    receipts: list[Receipt]
    below_minimum: ShortOrder | None = Field(
        description="Of a draft whose lines are worth less than the supplier takes."
    )

    @property
    def open_lines(self) -> list[OrderLine]:
        """Those that the supplier is asked for."""
        return [line for line in self.order_lines if not line.is_closed]


class LineChange(_Model):
    """Another quantity, in base units and whole packs."""

    quantity: Quantity


class OrderChange(_Model):
    """It comes on another day than was thought."""

    expected_on: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2200, 1, 1))]


class Ending(_Model):
    """Why an order ends before everything came."""

    reason: ShortText | None = None


class SupplierMail(_Model):
    """Where the orders to a supplier are mailed."""

    supplier: str
    email: str | None
    version: int


class SupplierMailChange(_Model):
    """Another address, or none."""

    email: Annotated[str, StringConstraints(max_length=254, pattern=_EMAIL)] | None


class CameIn(_Model):
    """What came of one line of the order."""

    line: LineNumber
    quantity: Quantity = Field(description="All that came, in base units, damaged ones too.")
    lot: NewCode | None = None
    expires_on: date | None = Field(default=None, description="When the lot expires.")
    damaged: Annotated[int, Field(strict=True, ge=0, le=10_000_000)] = Field(
        default=0, description="What of it cannot be put away."
    )

    @field_validator("expires_on")
    @classmethod
    def _is_of_a_lot(cls, value: date | None, given: ValidationInfo) -> date | None:
        if value is not None and given.data.get("lot") is None:
            raise PydanticCustomError("no_lot", "Expected a `lot` beside `expires_on`")
        return value

    @field_validator("damaged")
    @classmethod
    def _is_of_what_came(cls, value: int, given: ValidationInfo) -> int:
        if value > given.data.get("quantity", value):
            raise PydanticCustomError("damaged", "Expected at most as many as came")
        return value


class Delivery(_Model):
    """What came in, and where it was put; the receipt's id is the client's."""

    location: SoughtCode
    received_at: Moment | None = Field(default=None, description="Now, if it is not said.")
    lines: list[CameIn] = Field(min_length=1, max_length=1000)

    @field_validator("lines")
    @classmethod
    def _names_each_line_once(cls, value: list[CameIn]) -> list[CameIn]:
        if len({line.line for line in value}) < len(value):
            raise PydanticCustomError("line_twice", "Expected each line of the order once")
        return value

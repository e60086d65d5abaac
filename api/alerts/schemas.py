"""Alerts and the summary, as the API answers them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

AlertStatus = Literal["open", "acknowledged", "snoozed", "resolved"]
Severity = Literal["critical", "high", "medium", "low"]


class _Item(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Alert(_Item):
    """One need that staff were told of, from its opening to its end."""

    alert_id: UUID
    kind: str
    severity: Severity
    status: AlertStatus
    sku: str | None = Field(description="null where it is about a source")
    location: str | None
    site: str
    source: str | None = Field(description="the system whose lines led to it")
    message: str
    recommendation: str
    opened_at: datetime
    resolved_at: datetime | None
    snoozed_until: datetime | None = Field(description="then it is open again")


class Snooze(_Item):
    """How long nobody wants to hear of an alert."""

    until: AwareDatetime = Field(description="a moment within the next 90 days")


class ShownAlert(Alert):
    """An alert with what a page shows beside it.

    `product` is the name of what it is about, product or source; `channel` is where Slack told it.
    """

    product: str
    channel: str | None

    def as_answered(self) -> Alert:
        """The alert as the API answers it."""
        return Alert.model_validate(self.model_dump(exclude={"product", "channel"}))


class CountRequest(_Item):
    """A product to count at a place, because its book was wrong there."""

    alert_id: UUID = Field(description="of the alert that asks for it")
    sku: str
    product: str
    location: str
    site: str
    reason: Literal["book_shortage"]
    short: int = Field(description="how many more left than the book held")
    since: datetime
    status: AlertStatus


class Summary(_Item):
    """The state of everything in a few numbers.

    `low` and `out_of_stock` count products at a site; `alerts_ready` is true once the rules have
    been evaluated for the first time.
    """

    products: int
    stock_value_minor: int
    currency: str | None
    open_alerts: int
    low: int
    out_of_stock: int
    refreshed_at: datetime | None
    alerts_ready: bool

"""What the plan and the forecast look like to whoever reads them."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Priority = Literal["critical", "high", "medium", "low"]
Kind = Literal[
    "purchase",
    "transfer",
    "refill",
    "overstock",
    "dead_stock",
    "slow_seller",
    "lower_minimum",
]


class _Item(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ForecastDay(_Item):
    """What one product is expected to sell at one site on one day, as a distribution."""

    sku: str
    site: str
    date: date
    mean: float
    q0025: float = Field(serialization_alias="q0.025")
    q0100: float = Field(serialization_alias="q0.1")
    q0500: float = Field(serialization_alias="q0.5")
    q0900: float = Field(serialization_alias="q0.9")
    q0975: float = Field(serialization_alias="q0.975")
    model: str
    issued_at: datetime


class PlanLine(_Item):
    """One open suggestion: what to do about a product at a site, and why, with each term."""

    suggestion_id: UUID
    version: int
    kind: Kind
    sku: str
    site: str
    supplier: str | None
    from_site: str | None = Field(description="of a transfer: the site that gives")
    from_location: str | None = Field(description="of a refill: where it is taken from")
    location: str | None = Field(description="the place that the line is about, if it is about one")
    quantity: int
    priority: Priority
    inventory_position: int
    reorder_point: int
    order_up_to_level: int
    days_until_stockout: float | None
    reason: str
    arithmetic: dict[str, Any] = Field(
        description="position, expected demand, risks, caps, cost and counterfactuals of the kind"
    )


class ExplainedLine(PlanLine):
    """A line with the name of its product, for the pages."""

    product: str

    def for_machines(self) -> PlanLine:
        """The line as the API answers it."""
        return PlanLine.model_validate(self.model_dump(exclude={"product"}))

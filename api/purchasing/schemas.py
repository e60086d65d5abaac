"""What the plan and the forecast look like to whoever reads them."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Priority = Literal["critical", "high", "medium", "low"]


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
    """One open suggestion: what to buy for a site, and why."""

    suggestion_id: UUID
    version: int
    kind: Literal["purchase"]
    sku: str
    site: str
    supplier: str | None
    quantity: int
    priority: Priority
    inventory_position: int
    reorder_point: int
    order_up_to_level: int
    days_until_stockout: float | None
    reason: str


class ExplainedLine(PlanLine):
    """A line with the name of its product and each term of its arithmetic, for the pages."""

    product: str
    arithmetic: dict[str, Any]

    def without_arithmetic(self) -> PlanLine:
        """The line as the API answers it."""
        return PlanLine.model_validate(self.model_dump(exclude={"product", "arithmetic"}))

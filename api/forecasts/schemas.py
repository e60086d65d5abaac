"""How good forecasts were as they were issued, and the totals of those that stand."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field


class _Item(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ForecastAccuracy(_Item):
    """What was said of a site's days so long before they ended, against what then happened.

    Over the last days that were seen in full; null where nothing was asked for.
    """

    site: str
    horizon_days: int
    first_day: date
    last_day: date
    observations: int = Field(description="product-days")
    demand: float
    bias: float | None
    wape: float | None
    wape_of_week_before: float | None = Field(description="of repeating the same weekday")
    wape_of_average: float | None = Field(description="of the mean of seven days")
    pinball_loss: float
    coverage_80: float
    coverage_95: float
    plan_waits_because: str | None


class TotalForecastDay(_Item):
    """What a category, or with null the whole site, is expected to sell on one day."""

    site: str
    category: str | None
    date: date
    products: int
    mean: float
    q0025: float = Field(serialization_alias="q0.025")
    q0100: float = Field(serialization_alias="q0.1")
    q0500: float = Field(serialization_alias="q0.5")
    q0900: float = Field(serialization_alias="q0.9")
    q0975: float = Field(serialization_alias="q0.975")
    issued_at: datetime


class WaitingPlan(_Item):
    """A site whose plan is left as it is, and why."""

    site: str
    reason: str

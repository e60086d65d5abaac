"""How good forecasts and policies were, and the totals of the forecasts that stand."""

from datetime import date, datetime
from typing import Literal

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


class Backtest(_Item):
    """What a policy would have come to over a site's last weeks, for products of one currency.

    Without a currency it is the products without a unit cost, counted in units alone.
    """

    site: str
    currency: str | None
    policy: Literal["simulation", "service_level", "fixed_min_max", "perfect_foresight"]
    first_day: date
    last_day: date
    products: int
    cost_minor: float | None = Field(description="holding and shortage, minor units")
    holding_cost_minor: float | None
    shortage_cost_minor: float | None
    capital_minor: float | None = Field(description="average stock at unit costs, minor units")
    demand: float
    lost: float
    fill_rate: float = Field(description="share of the demand that was served")
    average_stock: float = Field(description="units on hand at a day's end")
    stockout_days: int = Field(description="days of all products on which some demand was lost")
    by_week: list[float] = Field(
        description="cost of each week, minor units; units lost in it where there is no currency"
    )
    replayed_at: datetime


class WaitingPlan(_Item):
    """A site whose plan is left as it is, and why."""

    site: str
    reason: str

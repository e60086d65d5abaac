"""Orchestration's settings, from the environment, read on first use."""

import re
from functools import cache
from typing import Annotated
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from db.connect import ORCHESTRATION_ROLE

_SLACK_API = "https://slack.com/api/"


class Settings(BaseSettings):
    """What orchestration can be told; every field is an environment variable of that name."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    database_url: Annotated[
        str, Field(alias="DATABASE_URL", min_length=1, validate_default=True)
    ] = ""

    slack_bot_token: Annotated[SecretStr | None, Field(alias="SLACK_BOT_TOKEN")] = None
    slack_channel: Annotated[str, Field(alias="SLACK_CHANNEL")] = "#stock"
    slack_api_url: Annotated[str, Field(alias="SLACK_API_URL")] = _SLACK_API

    # Either lets the API take what is pressed in Slack, so that messages have buttons.
    slack_app_token: Annotated[SecretStr | None, Field(alias="SLACK_APP_TOKEN")] = None
    slack_signing_secret: Annotated[SecretStr | None, Field(alias="SLACK_SIGNING_SECRET")] = None
    public_url: Annotated[str, Field(alias="PARSTOCK_PUBLIC_URL")] = "http://127.0.0.1:8000"

    refresh_interval_seconds: Annotated[
        float, Field(alias="PARSTOCK_REFRESH_INTERVAL_SECONDS", ge=1)
    ] = 15.0
    review_period_days: Annotated[int, Field(alias="PARSTOCK_REVIEW_PERIOD_DAYS", ge=1)] = 7
    service_level: Annotated[float, Field(alias="PARSTOCK_SERVICE_LEVEL", gt=0, lt=1)] = 0.95

    # Targets of classes by value (A, B, C) and steadiness (X, Y, Z): A=0.98,CZ=0.9
    service_levels: Annotated[
        dict[str, float] | None, NoDecode, Field(alias="PARSTOCK_SERVICE_LEVELS")
    ] = None

    # Lines that are no purchase. The cost is a transfer's, in minor units, whatever it carries.
    transfer_lead_time_days: Annotated[
        int, Field(alias="PARSTOCK_TRANSFER_LEAD_TIME_DAYS", ge=0, le=90)
    ] = 2
    transfer_cost_minor: Annotated[int, Field(alias="PARSTOCK_TRANSFER_COST_MINOR", ge=0)] = 0
    refill_round_days: Annotated[float, Field(alias="PARSTOCK_REFILL_ROUND_DAYS", gt=0, le=60)] = (
        1.0
    )
    refill_cover_days: Annotated[float, Field(alias="PARSTOCK_REFILL_COVER_DAYS", gt=0, le=90)] = (
        7.0
    )
    # What one plan may spend, in minor units of each currency.
    order_budget_minor: Annotated[int | None, Field(alias="PARSTOCK_ORDER_BUDGET_MINOR", gt=0)] = (
        None
    )
    overstock_weeks: Annotated[int, Field(alias="PARSTOCK_OVERSTOCK_WEEKS", ge=1, le=104)] = 12
    dead_stock_days: Annotated[int, Field(alias="PARSTOCK_DEAD_STOCK_DAYS", ge=28, le=730)] = 90
    slow_seller_weeks: Annotated[int, Field(alias="PARSTOCK_SLOW_SELLER_WEEKS", ge=4, le=520)] = 26

    # What is replayed of a site's own past, and by what costs: shares of the unit cost.
    backtest_weeks: Annotated[int, Field(alias="PARSTOCK_BACKTEST_WEEKS", ge=2, le=52)] = 12
    holding_percent_a_year: Annotated[
        float, Field(alias="PARSTOCK_HOLDING_PERCENT_A_YEAR", gt=0, le=1000)
    ] = 25.0
    shortage_percent: Annotated[
        float, Field(alias="PARSTOCK_SHORTAGE_PERCENT", gt=0, le=10_000)
    ] = 30.0

    # Over how many days a forecast as issued is judged, and whether a bad one holds up the plan.
    accuracy_days: Annotated[int, Field(alias="PARSTOCK_ACCURACY_DAYS", ge=14, le=365)] = 28
    forecast_blocks_plan: Annotated[bool, Field(alias="PARSTOCK_FORECAST_BLOCKS_PLAN")] = True
    forecast_retention_days: Annotated[
        int, Field(alias="PARSTOCK_FORECAST_RETENTION_DAYS", ge=60)
    ] = 120

    # A refresh every few seconds leaves many runs; the failed and the full ones are kept longer.
    incremental_run_retention_hours: Annotated[
        float, Field(alias="PARSTOCK_INCREMENTAL_RUN_RETENTION_HOURS", gt=0)
    ] = 24.0
    run_retention_days: Annotated[float, Field(alias="PARSTOCK_RUN_RETENTION_DAYS", gt=0)] = 30.0

    check_retention_days: Annotated[float, Field(alias="PARSTOCK_CHECK_RETENTION_DAYS", gt=0)] = (
        30.0
    )

    @field_validator("service_levels", mode="before")
    @classmethod
    def _by_class(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return dict(_class_and_level(part) for part in value.split(",") if part.strip())

    @field_validator("slack_bot_token", "slack_app_token", "slack_signing_secret", mode="before")
    @classmethod
    def _blank_is_none(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("slack_channel", mode="before")
    @classmethod
    def _blank_is_the_default(cls, value: object) -> object:
        return "#stock" if isinstance(value, str) and not value.strip() else value

    @field_validator("slack_api_url", mode="before")
    @classmethod
    def _is_a_base_url(cls, value: object) -> object:
        if not isinstance(value, str) or not value.strip():
            return _SLACK_API
        if urlsplit(value).scheme not in ("http", "https"):
            raise ValueError("must begin with http:// or https://")
        return value if value.endswith("/") else value + "/"


def _class_and_level(part: str) -> tuple[str, float]:
    name, _, level = (half.strip() for half in part.partition("="))
    try:
        target = float(level)
    except ValueError:
        target = 0.0
    if not re.fullmatch(r"[ABC][XYZ]?|[XYZ]", name) or not 0 < target < 1:
        raise ValueError(
            f"{part.strip()!r} is no class with its service level, as A=0.98 or CZ=0.9"
        )
    return name, target


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()


def dagster_storage_url(database_url: str) -> str:
    """Where Dagster keeps its own tables: the same database, schema `dagster`, our role.

    dagster-postgres takes one address and nothing else, so schema and role travel in its options.
    """
    parts = urlsplit(database_url)
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    ours = f"-csearch_path=dagster -crole={ORCHESTRATION_ROLE}"
    parameters["options"] = f"{parameters.get('options', '')} {ours}".strip()
    # SQLAlchemy knows the scheme by its long name only.
    scheme = "postgresql" if parts.scheme == "postgres" else parts.scheme
    query = urlencode(parameters, quote_via=quote)
    return urlunsplit((scheme, parts.netloc, parts.path, query, ""))

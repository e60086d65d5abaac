"""What can be set by environment, typed; read on first use."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

_HTTPS_OR_THIS_MACHINE = r"^(https://\S+|http://(localhost|127\.0\.0\.1)(:\d+)?(/\S*)?)$"


class LedgerSettings(BaseModel):
    """How the ledger's writer groups, and where it says that it is full."""

    group_events: int = Field(
        default=250, ge=1, description="single events that share a transaction"
    )
    chunk_events: int = Field(
        default=1000, ge=1, description="events of a bulk list in a transaction"
    )
    chunk_events_beside_singles: int = Field(
        default=100, ge=1, description="of them at a time while single events come as well"
    )
    queue_events: int = Field(default=200_000, ge=1, description="events inside before a 503")
    queue_bytes: int = Field(default=64_000_000, ge=1, description="their size before a 503")
    answer_within_s: float = Field(
        default=15.0, gt=0, description="a request waits so long for its turn"
    )
    bulk_answer_within_s: float = Field(default=120.0, gt=0, description="a chunk of a list")
    statement_timeout_s: float = Field(default=20.0, gt=0)
    lock_timeout_s: float = Field(default=10.0, gt=0)
    lock_held_s: float = Field(
        default=0.05, ge=0, description="over many groups, before another process has its turn"
    )
    reconnect_within_s: float = Field(
        default=10.0, gt=0, description="then what waits is answered 503"
    )
    clock_tolerance_s: float = Field(
        default=5.0, ge=0, description="a device's clock may be so wrong before it is corrected"
    )
    late_days: float = Field(default=7.0, gt=0, description="what is older waits for a manager")
    promises_expire_every_s: float = Field(default=1.0, gt=0)
    keys_for_s: float = Field(
        default=5.0, ge=0, description="how long a looked-up code is remembered"
    )
    data_folder: Path | None = Field(
        default=None, description="where the database lies, if on this machine; set by `up`"
    )
    disk_reserve_bytes: int = Field(
        default=200_000_000, ge=0, description="with less free there, nothing is recorded"
    )
    disk_full_retry_s: float = Field(
        default=5.0, gt=0, description="after the database said that its disk is full"
    )


class FeedSettings(BaseModel):
    """How readers of the ledger wait, and how far one look reaches."""

    wait_limit_s: float = Field(default=30.0, gt=0, description="the longest `wait`")
    waiting_at_once: int = Field(default=200, ge=1, description="long polls and streams")
    reads_at_once: int = Field(default=2, ge=1, description="by those who were woken")
    wake_interval_s: float = Field(default=0.1, gt=0, description="at most one waking in it")
    recheck_s: float = Field(
        default=5.0, gt=0, description="look unwoken, and whether the key still holds"
    )
    heartbeat_s: float = Field(default=15.0, gt=0, description="a silent stream shows that it is")
    stalled_after_s: float = Field(default=30.0, gt=0, description="a client that takes nothing")
    stream_events: int = Field(default=100, ge=1, description="events a reading of a stream")
    scan_positions: int = Field(default=100_000, ge=1, description="a filter looks at, at a time")
    scan_for_s: float = Field(default=0.25, gt=0, description="then what was found is answered")


class SignInSettings(BaseModel):
    """How often a password may be wrong; right ones do not count."""

    tries_per_hour_of_account_at_address: int = Field(default=20, ge=1)
    tries_per_hour_of_account: int = Field(
        default=100, ge=1, description="from all addresses that it never signed in from"
    )
    tries_per_hour_at_address: int = Field(default=300, ge=1)


class CatalogSettings(BaseModel):
    """How much master data one request may bring."""

    batch_rows: int = Field(default=10_000, ge=1, description="rows of a batch")
    batch_chunk_rows: int = Field(default=250, ge=1, description="rows in a transaction")
    image_limit_bytes: int = Field(default=4_000_000, ge=1024, description="an image as sent")
    image_limit_pixels: int = Field(
        default=40_000_000, ge=1, description="an image before it is decoded"
    )
    image_side_px: int = Field(default=1600, ge=16, description="larger ones are kept smaller")
    images_at_once: int = Field(default=2, ge=1, description="images that are being decoded")


class ImportSettings(BaseModel):
    """Files that come and go."""

    upload_limit_bytes: int = Field(default=500_000_000, ge=1024, description="a file to import")
    upload_timeout_s: float = Field(default=900.0, gt=0, description="for it to arrive")
    waiting: int = Field(default=100, ge=1, description="files that wait before a 503")
    retry_s: float = Field(default=5.0, gt=0, description="after the database was away")
    files_days: float = Field(default=30.0, gt=0, description="rejected lines are kept so long")
    exports_at_once: int = Field(default=2, ge=1, description="then 503")
    export_statement_timeout_s: float = Field(default=600.0, gt=0)


class Settings(BaseSettings):
    """The API's settings; nested ones as PARSTOCK_LEDGER__GROUP_EVENTS."""

    model_config = SettingsConfigDict(
        env_prefix="PARSTOCK_", env_nested_delimiter="__", populate_by_name=True, extra="ignore"
    )

    database_url: str = Field(validation_alias="DATABASE_URL", min_length=1)
    pool_size: int = Field(default=10, ge=2, le=200)
    connect_timeout_s: float = Field(default=5.0, gt=0)
    statement_timeout_s: float = Field(default=15.0, gt=0)
    request_timeout_s: float = Field(default=60.0, gt=0)
    body_limit_bytes: int = Field(default=5_000_000, ge=1024)
    actors_for_s: float = Field(default=5.0, ge=0)
    token_hours: float = Field(default=12.0, gt=0)
    session_hours: float = Field(default=14 * 24.0, gt=0, description="of the pages")
    requests_per_second_and_key: float = Field(default=20_000.0, gt=0)
    requests_at_once_and_key: float = Field(default=40_000.0, ge=1)
    sign_in: SignInSettings = Field(default_factory=SignInSettings)
    password_min_characters: int = Field(
        default=15, ge=8, le=64, description="NIST SP 800-63B-4, where it is the only factor"
    )
    password_checks_at_once: int = Field(default=2, ge=1)
    password_checks_waiting: int = Field(default=4, ge=1)
    oidc_issuer: str | None = Field(default=None, pattern=_HTTPS_OR_THIS_MACHINE)
    oidc_client_id: str | None = Field(default=None, min_length=1)
    oidc_client_secret: SecretStr | None = None
    oidc_name: str = Field(default="your organisation", description="on the button")
    oidc_timeout_s: float = Field(default=5.0, gt=0)
    dagster_port: int = Field(default=3000, ge=1, le=65535, description="for links to lineage")
    slack_bot_token: SecretStr | None = Field(default=None, validation_alias="SLACK_BOT_TOKEN")
    slack_app_token: SecretStr | None = Field(default=None, validation_alias="SLACK_APP_TOKEN")
    slack_signing_secret: SecretStr | None = Field(
        default=None, validation_alias="SLACK_SIGNING_SECRET"
    )
    slack_api_url: str = Field(
        default="https://slack.com/api/",
        validation_alias="SLACK_API_URL",
        pattern=r"^https?://.+/$",
    )
    public_url: str = Field(
        default="http://127.0.0.1:8000",
        pattern=r"^https?://",
        description="where people open the pages; for links in Slack",
    )
    smtp_host: str | None = Field(default=None, min_length=1, description="mails orders")
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="`none` only where nobody listens"
    )
    smtp_username: str | None = Field(default=None, min_length=1)
    smtp_password: SecretStr | None = None
    smtp_from: str | None = Field(default=None, min_length=3, description="the sender's address")
    smtp_timeout_s: float = Field(default=15.0, gt=0)
    home: Path = Field(
        default=Path("~/.local/share/parstock"),
        validation_alias="PARSTOCK_HOME",
        description="where images and uploads lie",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_requests: bool = Field(default=False, description="a line for each request")
    ledger: LedgerSettings = Field(default_factory=LedgerSettings)
    catalog: CatalogSettings = Field(default_factory=CatalogSettings)
    imports: ImportSettings = Field(default_factory=ImportSettings)
    feed: FeedSettings = Field(default_factory=FeedSettings)


class SettingsError(Exception):
    """A setting is missing or malformed; the message names each in one sentence."""


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process."""
    try:
        return Settings.model_validate({})
    except ValidationError as error:
        raise SettingsError(" ".join(_sentence(problem) for problem in error.errors())) from error


def _sentence(problem: ErrorDetails) -> str:
    path = [str(part) for part in problem["loc"]]
    name = path[0] if path[0].isupper() else "PARSTOCK_" + "__".join(path).upper()
    if problem["type"] == "missing":
        return f"{name} must be set."
    return f"{name} is malformed: {problem['msg'].lower()}."

"""The settings that come from the environment: typed, and each malformed one named."""

import re
from pathlib import Path
from typing import IO, Annotated, Any

import click
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class StartError(click.ClickException):
    """Parstock cannot do this here and now; the message is for the person, without a traceback."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=True)


class SettingsError(StartError):
    """A setting, or what it points to, is not usable."""

    exit_code = 2


def _postgres_address(value: str) -> str:
    if not value.startswith(("postgresql://", "postgres://")):
        raise ValueError
    try:
        parts = conninfo_to_dict(value)
    except ProgrammingError as error:
        raise ValueError from error
    if not parts.get("host") or not parts.get("dbname"):
        raise ValueError
    if not re.fullmatch(r"\d+(,\d+)*", str(parts.get("port", "5432"))):
        raise ValueError
    return value


def _slack_api_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?/api/", value):
        raise ValueError
    return value


def _absolute(value: Path) -> Path:
    if "\0" in str(value):
        raise ValueError
    return value.expanduser().absolute()


def _without_spaces(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError
    return value


def _printable_password(value: SecretStr) -> SecretStr:
    secret = value.get_secret_value()
    if not 8 <= len(secret) <= 200 or not secret.isprintable():
        raise ValueError
    return value


Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseSettings):
    """What the environment says; an empty variable is an absent one.

    Each description completes the sentence "<NAME> must be ...".
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True, extra="ignore")

    database_url: Annotated[
        str | None, AfterValidator(lambda value: value and _postgres_address(value))
    ] = Field(
        default=None,
        validation_alias="DATABASE_URL",
        description="the address of a PostgreSQL database, "
        "postgresql://user:password@host:port/database",
    )
    slack_bot_token: Annotated[
        SecretStr | None, AfterValidator(lambda value: value and _without_spaces(value))
    ] = Field(
        default=None,
        validation_alias="SLACK_BOT_TOKEN",
        description="a bot token of Slack, without spaces",
    )
    slack_channel: str = Field(
        default="#stock",
        validation_alias="SLACK_CHANNEL",
        pattern=r"^\S+$",
        description="the name or id of a Slack channel, without spaces",
    )
    slack_api_url: Annotated[str, AfterValidator(_slack_api_address)] = Field(
        default="https://slack.com/api/",
        validation_alias="SLACK_API_URL",
        description="an http or https address that ends in /api/",
    )
    home: Annotated[Path, AfterValidator(_absolute)] = Field(
        default=Path("~/.local/share/parstock"),
        validate_default=True,
        validation_alias="PARSTOCK_HOME",
        description="the path of a folder",
    )
    api_host: str = Field(
        default="127.0.0.1",
        validation_alias="PARSTOCK_API_HOST",
        pattern=r"^[0-9A-Za-z.:_-]+$",
        description="a host name or an address to listen on",
    )
    api_port: Port = Field(
        default=8000, validation_alias="PARSTOCK_API_PORT", description="a port from 1 to 65535"
    )
    dagster_port: Port = Field(
        default=3000, validation_alias="PARSTOCK_DAGSTER_PORT", description="a port from 1 to 65535"
    )
    admin_password: Annotated[
        SecretStr | None, AfterValidator(lambda value: value and _printable_password(value))
    ] = Field(
        default=None,
        validation_alias="PARSTOCK_ADMIN_PASSWORD",
        description="8 to 200 printable characters",
    )
    backups_kept: int = Field(
        default=14,
        validation_alias="PARSTOCK_BACKUPS_KEPT",
        ge=0,
        le=3650,
        description="how many backups stay in PARSTOCK_HOME/backups, 0 (no nightly ones) to 3650",
    )
    backup_hour: int = Field(
        default=2,
        validation_alias="PARSTOCK_BACKUP_HOUR",
        ge=0,
        le=23,
        description="the hour (UTC) of the nightly backup, 0 to 23",
    )
    simulate: float = Field(
        default=10,
        validation_alias="PARSTOCK_SIMULATE",
        ge=0,
        le=60_000,
        allow_inf_nan=False,
        description="a number of events a minute, 0 (off) to 60000",
    )
    demo: bool = Field(
        default=True,
        validation_alias="PARSTOCK_DEMO",
        description="1, or 0 to leave an empty database empty",
    )

    @model_validator(mode="after")
    def _ports_differ(self) -> "Settings":
        if self.api_port == self.dagster_port:
            raise ValueError(
                f"PARSTOCK_API_PORT and PARSTOCK_DAGSTER_PORT are both {self.api_port}: "
                "they must differ."
            )
        return self


_SECRET = {"DATABASE_URL", "SLACK_BOT_TOKEN", "PARSTOCK_ADMIN_PASSWORD"}


def read_settings() -> Settings:
    """The settings, or a SettingsError with a sentence for each one that is malformed."""
    try:
        return Settings()
    except ValidationError as error:
        descriptions = {
            str(field.validation_alias): field.description
            for field in Settings.model_fields.values()
        }
        sentences = []
        for problem in error.errors():
            if not problem["loc"]:
                sentences.append(str(problem["msg"]).removeprefix("Value error, "))
                continue
            name = str(problem["loc"][0])
            said = "" if name in _SECRET else f"; it is {str(problem['input'])!r}"
            sentences.append(f"{name} must be {descriptions[name]}{said}.")
        raise SettingsError("\n".join(dict.fromkeys(sentences))) from error

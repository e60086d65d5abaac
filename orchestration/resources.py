"""What assets and sensors reach the world through: the database and Slack."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import psycopg
from dagster_slack import SlackResource
from slack_sdk.web.client import WebClient

from db.connect import ORCHESTRATION_ROLE, connect
from orchestration.settings import settings

_SLACK_TIMEOUT_S = 5


class Database(dg.ConfigurableResource[Any]):
    """The inventory database, as the role that may write planning and alerts."""

    url: str = ""
    """Empty: DATABASE_URL, read on first use."""

    @property
    def address(self) -> str:
        return self.url or settings().database_url

    @contextmanager
    def connect(self, *, autocommit: bool = False) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A connection as parstock_orchestration; commits at the end, rolls back on an error."""
        with connect(self.address, role=ORCHESTRATION_ROLE, autocommit=autocommit) as connection:
            yield connection


class Slack(SlackResource):
    """dagster-slack's resource, which can be pointed at another server than Slack's own."""

    token: str = ""
    base_url: str = ""
    channel: str = ""
    """Each empty: SLACK_BOT_TOKEN, SLACK_API_URL, SLACK_CHANNEL, read on first use."""

    pages_address: str = ""
    """Beside a token that is given here: where the pages are; empty for no buttons."""

    @property
    def bot_token(self) -> str | None:
        if self.token:
            return self.token
        secret = settings().slack_bot_token
        return None if secret is None else secret.get_secret_value()

    @property
    def to_channel(self) -> str:
        return self.channel or settings().slack_channel

    @property
    def pages(self) -> str | None:
        """Where the pages are, if someone takes the presses of buttons; else None."""
        if self.token:
            return self.pages_address or None
        found = settings()
        answers = found.slack_app_token is not None or found.slack_signing_secret is not None
        return found.public_url if answers else None

    def get_client(self) -> WebClient:
        """A client that never sends twice by itself: whoever sends decides about a retry."""
        return WebClient(
            self.bot_token,
            base_url=self.base_url or settings().slack_api_url,
            timeout=_SLACK_TIMEOUT_S,
            retry_handlers=[],
        )

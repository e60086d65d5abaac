"""Slack's part of the application, as its settings have it."""

from pydantic import SecretStr

from api.database import DatabasePool
from api.settings import Settings
from api.slack.calls import Calls
from api.slack.listening import Listener
from api.slack.service import Interactions


def slack_listener(pool: DatabasePool, settings: Settings) -> Listener:
    """Listens over a websocket where there is an app token, and takes what the routes are sent."""
    calls = Calls(
        settings.slack_api_url,
        bot_token=_told(settings.slack_bot_token),
        app_token=_told(settings.slack_app_token),
    )
    interactions = Interactions(pool, calls, public_url=settings.public_url)
    return Listener(interactions, calls, socket_mode=_told(settings.slack_app_token) is not None)


def _told(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() or None if secret is not None else None

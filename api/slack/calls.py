"""What is asked of Slack: an answer to a press, a form to be opened, a line to listen on."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from api.log import EventLog

log = EventLog(__name__)
_TIMEOUT_S = 5.0
_TRIES = 3
# Where Slack has the addresses that it lets us answer at.
_ANSWERS_AT = frozenset({"hooks.slack.com"})


class SlackError(Exception):
    """Slack refused, or could not be reached; the message says which."""


class Calls:
    """Slack's Web API at `api_url`, with the tokens of the app."""

    def __init__(self, api_url: str, *, bot_token: str | None, app_token: str | None) -> None:
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_S)
        self._api_url = api_url
        self._bot_token = bot_token
        self._app_token = app_token

    async def close(self) -> None:
        await self._client.aclose()

    async def respond(self, url: str, answer: Mapping[str, Any]) -> None:
        """Answer a press at the address that came with it; the decision stands without it, too."""
        host = urlsplit(url).hostname
        if host not in _ANSWERS_AT and host != urlsplit(self._api_url).hostname:
            log.warning("slack_answer_not_sent", reason=f"{host} is not Slack")
            return
        for turn in range(1, _TRIES + 1):
            try:
                (await self._client.post(url, json=answer)).raise_for_status()
                return
            except httpx.HTTPError as error:
                log.warning("slack_answer_not_sent", turn=turn, reason=repr(error))

    async def open_view(self, trigger_id: str, view: Mapping[str, Any]) -> None:
        """Show a form to whoever pressed. Raises SlackError."""
        await self._call("views.open", self._bot_token, {"trigger_id": trigger_id, "view": view})

    async def open_line(self) -> str:
        """The address of a websocket to listen on. Raises SlackError."""
        answer = await self._call("apps.connections.open", self._app_token, {})
        return str(answer["url"])

    async def _call(self, method: str, token: str | None, body: Mapping[str, Any]) -> Any:
        try:
            answer = await self._client.post(
                self._api_url + method, json=body, headers={"Authorization": f"Bearer {token}"}
            )
            said = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise SlackError(f"{method}: {error!r}") from error
        if not said.get("ok"):
            raise SlackError(f"{method}: {said.get('error')}")
        return said

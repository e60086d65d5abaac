"""Socket Mode: Slack over a websocket that we open, since a shop has no public address.

https://docs.slack.dev/apis/events-api/using-socket-mode: each envelope is acknowledged by its id,
a command with its answer; Slack says when a line is about to end, and we open another.
"""

import asyncio
import json
from collections.abc import Coroutine, Mapping
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect

from api.log import EventLog
from api.slack.calls import Calls, SlackError
from api.slack.service import Interactions

log = EventLog(__name__)
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


class Listener:
    """Takes what people of Slack do, over a websocket or a route, in tasks of their own."""

    def __init__(self, interactions: Interactions, calls: Calls, *, socket_mode: bool) -> None:
        self.interactions = interactions
        self._calls = calls
        self._socket_mode = socket_mode
        self._line: asyncio.Task[None] | None = None
        self._working: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        if self._socket_mode:
            self._line = asyncio.create_task(self._listen(), name="slack-line")

    async def stop(self) -> None:
        """Hang up, and let what was begun end within a few seconds."""
        if self._line is not None:
            self._line.cancel()
            await asyncio.wait({self._line})
        if self._working:
            await asyncio.wait(self._working, timeout=5.0)
        await self._calls.close()

    def take(self, payload: Mapping[str, Any]) -> None:
        """Do what was pressed or sent, soon."""
        self._begin(self.interactions.interact(payload))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("slack_work_failed", error=error)

    async def _listen(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                async with connect(await self._calls.open_line()) as line:
                    pause_s = _FIRST_PAUSE_S
                    await self._until_it_ends(line)
            except (SlackError, OSError, TimeoutError, websockets.WebSocketException) as error:
                log.warning("slack_line_lost", reason=repr(error), again_in_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _until_it_ends(self, line: ClientConnection) -> None:
        async for text in line:
            envelope = json.loads(text)
            match envelope:
                case {"type": "disconnect"}:
                    return
                case {"type": "interactive", "envelope_id": str(number), "payload": dict(payload)}:
                    await line.send(json.dumps({"envelope_id": number}))
                    self.take(payload)
                case {"type": "slash_commands", "envelope_id": str(number), "payload": dict(form)}:
                    self._begin(self._answer_command(line, number, form))
                case {"envelope_id": str(number)}:
                    await line.send(json.dumps({"envelope_id": number}))

    async def _answer_command(
        self, line: ClientConnection, number: str, form: Mapping[str, str]
    ) -> None:
        answer = await self.interactions.command(form)
        await line.send(json.dumps({"envelope_id": number, "payload": answer}))

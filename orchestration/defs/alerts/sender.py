"""Send the outbox to Slack: lease a row, look before a second try, keep channel and timestamp.

A sender can be killed anywhere. Before it sends, the lease runs out and another one sends; after
it sent and before it wrote that down, the next one finds the message by its metadata. Only where
Slack does not let us look (no `channels:history` scope) can a message appear twice.
"""

import http.client
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.client import WebClient

from db.sql import load_queries
from orchestration.defs.alerts.messages import (
    Decisions,
    Ordered,
    SlackMessage,
    ToldAlert,
    alert_message,
    digest_message,
    run_failed_message,
)

_QUERIES = load_queries(__file__)
_LOG = logging.getLogger(__name__)

# Longer than a look and a post may take together, each bounded by the client's timeout.
_LEASE_S: Final = 30.0
_PACE_S: Final = 1.0
_LONGEST_WAIT_S: Final = 120.0
_CLOCK_SKEW_S: Final = 60.0
_PAGES_TO_LOOK_THROUGH: Final = 5
_WORST_IN_DIGEST: Final = 10

# What Slack answers when a message cannot be changed any more: a person removed it.
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class _Leased:
    outbox_id: int
    kind: str
    alert_id: UUID | None
    payload: Mapping[str, Any]
    created_at: datetime
    attempts: int


@dataclass(frozen=True)
class _Alert:
    kind: str
    severity: str
    status: str
    message: str
    recommendation: str
    opened_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    snoozed_until: datetime | None
    is_baseline: bool
    position: int
    channel: str | None
    message_ts: str | None
    product: str
    newest_outbox_id: int
    attempts: int
    oldest_created_at: datetime
    told_by: str | None
    epoch: str
    offer: str | None
    offer_version: int | None
    offer_quantity: int | None
    ordered_on: str | None
    ordered_quantity: int | None
    ordered_at: datetime | None
    ordered_by: str | None


@dataclass(frozen=True)
class Posted:
    """Where a message stands in Slack."""

    channel: str
    ts: str


class Sender:
    """Sends what is in the outbox to one channel, at Slack's pace of a message a second.

    `pages` is the address of Parstock's pages, where someone takes the presses of buttons; None
    for messages without any.
    """

    def __init__(
        self,
        connection: Connection,
        client: WebClient | None,
        channel: str,
        *,
        pages: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._client = client
        self._channel = channel
        self._pages = pages
        self._clock = clock
        self._not_before = self._end_of_pause()
        self.sent = 0

    def send_due(self) -> float | None:
        """Send one message if one is due; the seconds until the next may be, None for no other."""
        if self._client is None:
            self._execute("mark_all_as_page_only", {})
            return None
        pause = self._not_before - self._clock()
        if pause > 0 and self._until_due() is not None:
            return pause
        row = self._lease()
        if row is not None:
            self._tell(self._client, row)
        return self._until_due()

    def _tell(self, client: WebClient, row: _Leased) -> None:
        try:
            if row.alert_id is not None:
                self._tell_alert(client, row.alert_id)
            else:
                self._tell_once(client, row)
        except SlackApiError as error:
            self._postpone(row, error)
        except (SlackClientError, OSError, http.client.HTTPException, ValueError) as error:
            # The connection was cut or made no sense: it may or may not have been posted.
            self._retry(row, f"{type(error).__name__}: {error}")

    def _tell_alert(self, client: WebClient, alert_id: UUID) -> None:
        alert = self._alert(alert_id)
        told = alert_message(_told(alert_id, alert, self._pages))
        # One of the first look was told in the digest and has no message of its own to change.
        stands = _where(alert)
        if stands is None and alert.attempts > 1 and not alert.is_baseline:
            stands = self._look(client, told, since=alert.oldest_created_at)
        if stands is not None:
            stands = self._change(client, stands, told)
        elif alert.status != "resolved" and not alert.is_baseline:
            stands = self._post(client, told)
        self._remember_alert(alert_id, alert.newest_outbox_id, stands)

    def _tell_once(self, client: WebClient, row: _Leased) -> None:
        told = self._digest(row) if row.kind == "digest" else _run_failed(row)
        stands = None
        if told is not None:
            if row.attempts > 1:
                stands = self._look(client, told, since=row.created_at)
            stands = stands or self._post(client, told)
        self._execute("mark_row_sent", {"outbox_id": row.outbox_id, **_columns(stands)})

    def _post(self, client: WebClient, told: SlackMessage) -> Posted:
        answer = client.chat_postMessage(
            channel=self._channel,
            text=told.text,
            blocks=list(told.blocks),
            metadata=dict(told.metadata),
            unfurl_links=False,
        )
        self._spoke()
        return Posted(str(answer["channel"]), str(answer["ts"]))

    def _change(self, client: WebClient, stands: Posted, told: SlackMessage) -> Posted:
        try:
            client.chat_update(
                channel=stands.channel,
                ts=stands.ts,
                text=told.text,
                blocks=list(told.blocks),
                metadata=dict(told.metadata),
            )
        except SlackApiError as error:
            if error.response.get("error") not in _GONE:
                raise
            _LOG.info("slack_message_gone", extra={"channel": stands.channel, "ts": stands.ts})
        self._spoke()
        return stands

    def _look(self, client: WebClient, told: SlackMessage, *, since: datetime) -> Posted | None:
        """The message, if an earlier try did post it; None also where we may not look."""
        channel = self._channel_id()
        if channel is None:
            return None
        cursor = None
        for _ in range(_PAGES_TO_LOOK_THROUGH):
            try:
                page = client.conversations_history(
                    channel=channel,
                    oldest=str(since.timestamp() - _CLOCK_SKEW_S),
                    include_all_metadata=True,
                    limit=200,
                    cursor=cursor,
                )
            except SlackApiError as error:
                if error.response.status_code != 200:
                    raise
                _LOG.warning("slack_cannot_look", extra={"error": error.response.get("error")})
                return None
            messages: list[dict[str, Any]] = page.get("messages", [])
            for message in messages:
                if message.get("metadata") == told.metadata:
                    return Posted(channel, str(message["ts"]))
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
        return None

    def _postpone(self, row: _Leased, error: SlackApiError) -> None:
        response = error.response
        if response.status_code == 429:
            wait_s = float(response.headers.get("Retry-After", 30))
            values = {"wait_s": wait_s, "attempts_back": 1, "error": "slack asked to wait"}
            self._execute("try_again_later", {"outbox_id": row.outbox_id, **values})
            self._execute("hold_all_messages", {"wait_s": wait_s})
            self._not_before = self._clock() + wait_s
            return
        self._retry(row, str(response.get("error") or f"HTTP {response.status_code}"))

    def _retry(self, row: _Leased, error: str) -> None:
        wait_s = min(2.0 ** min(row.attempts, 10), _LONGEST_WAIT_S)
        _LOG.warning(
            "slack_message_not_sent",
            extra={"outbox_id": row.outbox_id, "error": error, "again_in_s": wait_s},
        )
        values = {"wait_s": wait_s, "attempts_back": 0, "error": error[:500]}
        self._execute("try_again_later", {"outbox_id": row.outbox_id, **values})

    def _digest(self, row: _Leased) -> SlackMessage | None:
        kinds = {"kinds": row.payload.get("kinds")}
        with self._connection.transaction():
            counts: dict[str, int] = dict(
                self._connection.execute(_QUERIES.live_baseline_counts.text, kinds).fetchall()
            )
            worst = self._connection.execute(
                _QUERIES.worst_live_alerts.text, {"at_most": _WORST_IN_DIGEST, **kinds}
            ).fetchall()
        if not counts:
            return None
        return digest_message(
            outbox_id=row.outbox_id,
            counts=counts,
            worst=[(said, advice) for _, said, advice in worst],
        )

    def _lease(self) -> _Leased | None:
        with (
            self._connection.transaction(),
            self._connection.cursor(row_factory=class_row(_Leased)) as cursor,
        ):
            return cursor.execute(_QUERIES.lease_message.text, {"lease_s": _LEASE_S}).fetchone()

    def _alert(self, alert_id: UUID) -> _Alert:
        with (
            self._connection.transaction(),
            self._connection.cursor(row_factory=class_row(_Alert)) as cursor,
        ):
            cursor.execute(_QUERIES.alert_to_tell.text, {"alert_id": alert_id})
            return cast("_Alert", cursor.fetchone())

    def _remember_alert(self, alert_id: UUID, newest_outbox_id: int, stands: Posted | None) -> None:
        with self._connection.transaction():
            if stands is not None:
                self._connection.execute(
                    _QUERIES.remember_message_of_alert.text,
                    {"alert_id": alert_id, **_columns(stands)},
                )
            self._connection.execute(
                _QUERIES.mark_alert_rows_sent.text,
                {
                    "alert_id": alert_id,
                    "newest_outbox_id": newest_outbox_id,
                    **_columns(stands),
                },
            )
            self._connection.execute(_QUERIES.wake_readers.text)

    def _channel_id(self) -> str | None:
        if self._channel[:1] in ("C", "G") and self._channel.isalnum():
            return self._channel
        with self._connection.transaction():
            found = self._connection.execute(_QUERIES.known_channel.text).fetchone()
        return None if found is None else str(found[0])

    def _until_due(self) -> float | None:
        with self._connection.transaction():
            (seconds,) = _one(self._connection.execute(_QUERIES.seconds_until_next_due.text))
        if seconds is None:
            return None
        return max(float(seconds), self._not_before - self._clock(), 0.0)

    def _end_of_pause(self) -> float:
        """A message that another sender just sent counts for the pace too."""
        with self._connection.transaction():
            (ago,) = _one(self._connection.execute(_QUERIES.seconds_since_last_message.text))
        return self._clock() + (0.0 if ago is None else max(0.0, _PACE_S - float(ago)))

    def _spoke(self) -> None:
        self.sent += 1
        self._not_before = self._clock() + _PACE_S

    def _execute(self, name: str, values: Mapping[str, Any]) -> None:
        with self._connection.transaction():
            self._connection.execute(getattr(_QUERIES, name).text, values)


def _told(alert_id: UUID, alert: _Alert, pages: str | None) -> ToldAlert:
    return ToldAlert(
        alert_id=str(alert_id),
        kind=alert.kind,
        status=alert.status,
        message=alert.message,
        recommendation=alert.recommendation,
        product=alert.product,
        position=alert.position,
        opened_at=alert.opened_at,
        acknowledged_at=alert.acknowledged_at,
        resolved_at=alert.resolved_at,
        snoozed_until=alert.snoozed_until,
        told_by=alert.told_by,
        decisions=_decisions(alert_id, alert, pages),
        ordered=_ordered(alert),
    )


def _decisions(alert_id: UUID, alert: _Alert, pages: str | None) -> Decisions | None:
    if pages is None:
        return None
    named: dict[str, object] = {"epoch": alert.epoch, "alert": str(alert_id)}
    line = {"suggestion": alert.offer, "version": alert.offer_version}
    return Decisions(
        named=named,
        offer={**named, **line} if alert.offer is not None else None,
        quantity=alert.offer_quantity,
        page=f"{pages.rstrip('/')}/alerts#alert-{alert_id}",
    )


def _ordered(alert: _Alert) -> Ordered | None:
    if alert.ordered_on is None or alert.ordered_quantity is None or alert.ordered_at is None:
        return None
    return Ordered(alert.ordered_quantity, alert.ordered_on, alert.ordered_at, alert.ordered_by)


def _where(alert: _Alert) -> Posted | None:
    if alert.channel is None or alert.message_ts is None:
        return None
    return Posted(alert.channel, alert.message_ts)


def _run_failed(row: _Leased) -> SlackMessage:
    return run_failed_message(outbox_id=row.outbox_id, payload=row.payload)


def _columns(stands: Posted | None) -> dict[str, str | None]:
    if stands is None:
        return {"channel": None, "message_ts": None}
    return {"channel": stands.channel, "message_ts": stands.ts}


def _one(cursor: psycopg.Cursor[tuple[Any, ...]]) -> tuple[Any, ...]:
    return cast("tuple[Any, ...]", cursor.fetchone())

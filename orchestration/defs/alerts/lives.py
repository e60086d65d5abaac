"""The lives of alerts: what opens, ends or reads otherwise now, and the outbox rows of each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from db.sql import load_queries

_QUERIES = load_queries(__file__)

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Opening:
    """An alert that is to be; it becomes one unless the same one lives already."""

    kind: str
    severity: str
    site_id: int
    message: str
    recommendation: str
    position: int
    is_baseline: bool
    product_id: int | None = None
    location_id: int | None = None
    recorded_by: int | None = None
    source: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Restatement:
    """A live alert whose need is the same and whose words are not."""

    alert_id: UUID
    message: str
    recommendation: str
    position: int
    detail: Mapping[str, Any]


@dataclass
class Changes:
    """What one look leads to; an alert that ends makes room for one that opens."""

    ends: list[UUID] = field(default_factory=list)
    opens: list[Opening] = field(default_factory=list)
    restated: list[Restatement] = field(default_factory=list)


def carry_out(connection: Connection, changes: Changes) -> tuple[int, int]:
    """Write the changes with their messages; answers how many opened and ended.

    What a first look opened is told together, in one digest.
    """
    ended = _end(connection, changes.ends)
    restated = [_restate(connection, each) for each in changes.restated]
    opened = _open(connection, changes.opens)
    first = sorted({kind for _, is_baseline, kind in opened if is_baseline})
    if first:
        connection.execute(
            _QUERIES.queue_digest.text,
            {"alerts": sum(is_baseline for _, is_baseline, _ in opened), "kinds": first},
        )
    news = [alert_id for alert_id, is_baseline, _ in opened if not is_baseline]
    connection.execute(_QUERIES.queue_messages.text, {"alert_ids": [*news, *restated, *ended]})
    if opened or ended or restated:
        connection.execute(_QUERIES.wake_readers.text)
    return len(opened), len(ended)


def wake(connection: Connection) -> None:
    """Open again what was put off until now."""
    with connection.transaction():
        connection.execute(_QUERIES.wake_alerts.text)


def _end(connection: Connection, alert_ids: Sequence[UUID]) -> list[UUID]:
    if not alert_ids:
        return []
    found = connection.execute(_QUERIES.end_alerts.text, {"alert_ids": alert_ids})
    return [alert_id for (alert_id,) in found]


def _restate(connection: Connection, changed: Restatement) -> UUID:
    values = {**vars(changed), "detail": json.dumps(changed.detail)}
    connection.execute(_QUERIES.restate_alert.text, values)
    return changed.alert_id


def _open(connection: Connection, opens: Sequence[Opening]) -> list[tuple[UUID, bool, str]]:
    if not opens:
        return []
    found = connection.execute(
        _QUERIES.open_alerts.text,
        {
            "kinds": [each.kind for each in opens],
            "severities": [each.severity for each in opens],
            "product_ids": [each.product_id for each in opens],
            "site_ids": [each.site_id for each in opens],
            "location_ids": [each.location_id for each in opens],
            "recorded_by": [each.recorded_by for each in opens],
            "sources": [each.source for each in opens],
            "messages": [each.message for each in opens],
            "recommendations": [each.recommendation for each in opens],
            "details": [json.dumps(each.detail) for each in opens],
            "positions": [each.position for each in opens],
            "are_baseline": [each.is_baseline for each in opens],
        },
    )
    return [(alert_id, is_baseline, kind) for alert_id, is_baseline, kind in found]

"""The lives of alerts as people change them, and the state of everything in a few numbers.

A change and the outbox row that tells of it are of one transaction, which the request owns.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from api.alerts.errors import AlertIsResolved, NothingToConfirm, UnknownAlert
from api.alerts.schemas import AlertStatus, CountRequest, Severity, ShownAlert, Summary
from api.database import DatabaseConnection
from api.deps import Actor, Sites
from api.pagination import Paging, page_of, parse_part
from api.problems import invalid_field
from db.sql import Query, load_queries

_queries = load_queries(__file__)
_LONGEST_SNOOZE = timedelta(days=90)


async def list_alerts(
    connection: DatabaseConnection,
    *,
    paging: Paging,
    sites: Sites,
    status: AlertStatus | None = None,
    severity: Severity | None = None,
) -> tuple[list[ShownAlert], str | None]:
    """The newest first."""
    opened_at, alert_id = paging.after(str, str) or (None, None)
    rows = await _fetch(
        connection,
        _queries.list_alerts,
        alert_id=None,
        sites=sites,
        status=status,
        severity=severity,
        after_opened_at=opened_at and parse_part(datetime.fromisoformat, opened_at),
        after_id=alert_id and parse_part(UUID, alert_id),
        limit=paging.limit + 1,
    )
    shown, next_cursor = page_of(
        rows, paging.limit, lambda row: (row["opened_at"].isoformat(), str(row["alert_id"]))
    )
    return [_alert(row) for row in shown], next_cursor


async def list_live_alerts(
    connection: DatabaseConnection,
    *,
    sites: Sites,
    limit: int,
    skip: int = 0,
    sku: str | None = None,
) -> list[ShownAlert]:
    """What is not over yet, in the order in which staff should look at it."""
    rows = await _fetch(
        connection, _queries.list_live_alerts, sites=sites, sku=sku, limit=limit, skip=skip
    )
    return [_alert(row) for row in rows]


async def list_count_requests(
    connection: DatabaseConnection,
    *,
    paging: Paging,
    sites: Sites,
    site: str | None = None,
    location: str | None = None,
) -> tuple[list[CountRequest], str | None]:
    """What is to be counted, the oldest request first."""
    since, alert_id = paging.after(str, str) or (None, None)
    rows = await _fetch(
        connection,
        _queries.list_count_requests,
        sites=sites,
        site=site,
        location=location,
        after_since=since and parse_part(datetime.fromisoformat, since),
        after_id=alert_id and parse_part(UUID, alert_id),
        limit=paging.limit + 1,
    )
    shown, next_cursor = page_of(
        rows, paging.limit, lambda row: (row["since"].isoformat(), str(row["alert_id"]))
    )
    return [CountRequest(**dict(row)) for row in shown], next_cursor


async def acknowledge(
    connection: DatabaseConnection, alert_id: UUID, *, actor: Actor
) -> ShownAlert:
    """Someone has seen it; saying so twice changes nothing."""
    status = await _lock(connection, alert_id, actor.sites)
    if status == "resolved":
        raise AlertIsResolved(alert_id)
    if status != "acknowledged":
        await _change(connection, _queries.acknowledge_alert, alert_id, actor)
    return await read_alert(connection, alert_id, sites=actor.sites)


async def snooze(
    connection: DatabaseConnection, alert_id: UUID, *, until: datetime, actor: Actor
) -> ShownAlert:
    """Nobody is told of it until then, unless it ends; then it is open again.

    Raises UnprocessableContent where `until` is not within the next 90 days.
    """
    now = datetime.now(UTC)
    if not now < until <= now + _LONGEST_SNOOZE:
        raise invalid_field("#/until", "Expected a moment within the next 90 days")
    if await _lock(connection, alert_id, actor.sites) == "resolved":
        raise AlertIsResolved(alert_id)
    await _change(connection, _queries.snooze_alert, alert_id, actor, until=until)
    return await read_alert(connection, alert_id, sites=actor.sites)


async def resolve(connection: DatabaseConnection, alert_id: UUID, *, actor: Actor) -> ShownAlert:
    """The need has ended; saying so twice changes nothing."""
    if await _lock(connection, alert_id, actor.sites) != "resolved":
        await _change(connection, _queries.resolve_alert, alert_id, actor)
    return await read_alert(connection, alert_id, sites=actor.sites)


async def tell(connection: DatabaseConnection, alert_id: UUID, *, actor: Actor) -> None:
    """Have its message say how things stand now, after this user's doing."""
    await _fetch(connection, _queries.tell_of_alert, alert_id=alert_id, actor_id=actor.actor_id)
    await _fetch(connection, _queries.wake_the_sender)


async def confirm(connection: DatabaseConnection, alert_id: UUID, *, actor: Actor) -> ShownAlert:
    """The demand was real: its days count whole from the next forecast on, and the alert is over.

    Saying so twice changes nothing.
    """
    status = await _lock(connection, alert_id, actor.sites)
    rows = await _fetch(
        connection, _queries.confirm_anomalies, alert_id=alert_id, actor_id=actor.actor_id
    )
    if not rows:
        raise NothingToConfirm(alert_id)
    if status != "resolved":
        await _change(connection, _queries.resolve_alert, alert_id, actor)
    return await read_alert(connection, alert_id, sites=actor.sites)


async def summarize(connection: DatabaseConnection, *, sites: Sites) -> Summary:
    """The numbers of the start page."""
    (row,) = await _fetch(connection, _queries.summarize, sites=sites)
    return Summary(**dict(row))


async def _lock(connection: DatabaseConnection, alert_id: UUID, sites: Sites) -> AlertStatus:
    rows = await _fetch(connection, _queries.lock_alert, alert_id=alert_id, sites=sites)
    if not rows:
        raise UnknownAlert(alert_id)
    status: AlertStatus = rows[0]["status"]
    return status


async def _change(
    connection: DatabaseConnection, query: Query, alert_id: UUID, actor: Actor, **values: object
) -> None:
    await _fetch(connection, query, alert_id=alert_id, actor_id=actor.actor_id, **values)
    await tell(connection, alert_id, actor=actor)


async def read_alert(connection: DatabaseConnection, alert_id: UUID, *, sites: Sites) -> ShownAlert:
    """One alert, whatever its status."""
    rows = await _fetch(
        connection,
        _queries.list_alerts,
        alert_id=alert_id,
        sites=sites,
        status=None,
        severity=None,
        after_opened_at=None,
        after_id=None,
        limit=1,
    )
    if not rows:
        raise UnknownAlert(alert_id)
    return _alert(rows[0])


async def _fetch(
    connection: DatabaseConnection, query: Query, **values: Any
) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(query.positional, *query.arguments(values))
    return rows


def _alert(row: asyncpg.Record) -> ShownAlert:
    return ShownAlert(**dict(row))

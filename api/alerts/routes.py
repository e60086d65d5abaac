"""/v1/alerts, GET /v1/count-requests and GET /v1/summary."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.alerts import service
from api.alerts.schemas import Alert, AlertStatus, CountRequest, Severity, Snooze, Summary
from api.deps import Connection, Reader, ReadingConnection, Recorder
from api.pagination import Page, PagingQuery
from api.text import SoughtCode

router = APIRouter(prefix="/v1", tags=["alerts"])


@router.get("/alerts")
async def list_alerts(
    connection: ReadingConnection,
    actor: Reader,
    paging: PagingQuery,
    status: Annotated[AlertStatus | None, Query(description="only these")] = None,
    severity: Annotated[Severity | None, Query(description="only these")] = None,
) -> Page[Alert]:
    """What staff were told of, the newest first."""
    alerts, next_cursor = await service.list_alerts(
        connection, paging=paging, sites=actor.sites, status=status, severity=severity
    )
    return Page(items=[alert.as_answered() for alert in alerts], next_cursor=next_cursor)


@router.post("/alerts/{alert_id}/acknowledge")
async def acknowledge_alert(alert_id: UUID, connection: Connection, actor: Recorder) -> Alert:
    """Say that someone has seen it; its message in Slack says so too."""
    alert = await service.acknowledge(connection, alert_id, actor=actor)
    return alert.as_answered()


@router.post("/alerts/{alert_id}/snooze")
async def snooze_alert(
    alert_id: UUID, asked: Snooze, connection: Connection, actor: Recorder
) -> Alert:
    """Put it off; then it is open again and told again, unless it ended meanwhile."""
    alert = await service.snooze(connection, alert_id, until=asked.until, actor=actor)
    return alert.as_answered()


@router.post("/alerts/{alert_id}/resolve")
async def resolve_alert(alert_id: UUID, connection: Connection, actor: Recorder) -> Alert:
    """Say that the need has ended; its message in Slack says so too."""
    alert = await service.resolve(connection, alert_id, actor=actor)
    return alert.as_answered()


@router.post(
    "/alerts/{alert_id}/confirm", responses={409: {"description": "It tells of no unusual demand"}}
)
async def confirm_demand(alert_id: UUID, connection: Connection, actor: Recorder) -> Alert:
    """Say that unusual demand was real: from the next forecast on it counts whole."""
    alert = await service.confirm(connection, alert_id, actor=actor)
    return alert.as_answered()


@router.get("/count-requests")
async def list_count_requests(
    connection: ReadingConnection,
    actor: Reader,
    paging: PagingQuery,
    site: Annotated[SoughtCode | None, Query(description="only there")] = None,
    location: Annotated[SoughtCode | None, Query(description="only there")] = None,
) -> Page[CountRequest]:
    """What is to be counted where, the oldest first; a count of it takes it off the list."""
    requests, next_cursor = await service.list_count_requests(
        connection, paging=paging, sites=actor.sites, site=site, location=location
    )
    return Page(items=requests, next_cursor=next_cursor)


@router.get("/summary")
async def get_summary(connection: ReadingConnection, actor: Reader) -> Summary:
    """The state of everything in a few numbers."""
    return await service.summarize(connection, sites=actor.sites)

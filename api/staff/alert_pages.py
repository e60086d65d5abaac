"""Alerts: what needs someone, with the two buttons that Slack will have too."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse

from api.alerts import service
from api.alerts.schemas import ShownAlert
from api.database import DatabaseConnection
from api.deps import Pool, ReadingConnection, Sites, StaffMember
from api.pagination import Paging
from api.staff import service as staff
from api.staff.pages import CurrentShell, PageRoute, address, page, see_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_A_PAGE = 25
_SNOOZE = timedelta(days=1)
Show = Annotated[str, Query(pattern="^(live|resolved)$")]
Skip = Annotated[int, Query(ge=0, le=100_000)]
Cursor = Annotated[str | None, Query(max_length=500)]


@router.get("/alerts")
async def show_alerts(
    request: Request,
    shell: CurrentShell,
    connection: ReadingConnection,
    show: Show = "live",
    skip: Skip = 0,
    cursor: Cursor = None,
    done: UUID | None = None,
) -> HTMLResponse:
    """Those to act on, the most pressing first; or those that are over, the newest first."""
    if show == "live":
        alerts, next_address = await _live(connection, shell.sites, skip)
    else:
        alerts, next_address = await _resolved(connection, shell.sites, cursor)
    freshness = await staff.read_freshness(connection)
    return page(
        request,
        "alerts.html",
        shell=shell,
        here="alerts",
        show=show,
        done=await service.read_alert(connection, done, sites=shell.sites) if done else None,
        alerts=alerts,
        next_address=next_address,
        alerts_ready=freshness["alerts_ready"],
        slack=request.app.state.settings.slack_bot_token is not None,
    )


# A refusal becomes a page inside the route, so the transaction is closed here and not by a
# dependency, which would take that page for a success and commit.
@router.post("/alerts/{alert_id}/acknowledge")
async def acknowledge(alert_id: UUID, pool: Pool, actor: StaffMember) -> RedirectResponse:
    async with pool.acquire() as connection, connection.transaction():
        await service.acknowledge(connection, alert_id, actor=actor)
    return see_other(address("/alerts", done=alert_id))


@router.post("/alerts/{alert_id}/snooze")
async def snooze(alert_id: UUID, pool: Pool, actor: StaffMember) -> RedirectResponse:
    until = datetime.now(UTC) + _SNOOZE
    async with pool.acquire() as connection, connection.transaction():
        await service.snooze(connection, alert_id, until=until, actor=actor)
    return see_other(address("/alerts", done=alert_id))


@router.post("/alerts/{alert_id}/confirm")
async def confirm(alert_id: UUID, pool: Pool, actor: StaffMember) -> RedirectResponse:
    async with pool.acquire() as connection, connection.transaction():
        await service.confirm(connection, alert_id, actor=actor)
    return see_other(address("/alerts", done=alert_id))


@router.post("/alerts/{alert_id}/resolve")
async def resolve(alert_id: UUID, pool: Pool, actor: StaffMember) -> RedirectResponse:
    async with pool.acquire() as connection, connection.transaction():
        await service.resolve(connection, alert_id, actor=actor)
    return see_other(address("/alerts", done=alert_id))


async def _live(
    connection: DatabaseConnection, sites: Sites, skip: int
) -> tuple[list[ShownAlert], str | None]:
    found = await service.list_live_alerts(connection, sites=sites, limit=_A_PAGE + 1, skip=skip)
    more = address("/alerts", skip=skip + _A_PAGE) if len(found) > _A_PAGE else None
    return found[:_A_PAGE], more


async def _resolved(
    connection: DatabaseConnection, sites: Sites, cursor: str | None
) -> tuple[list[ShownAlert], str | None]:
    found, next_cursor = await service.list_alerts(
        connection, paging=Paging(_A_PAGE, cursor), sites=sites, status="resolved"
    )
    more = address("/alerts", show="resolved", cursor=next_cursor) if next_cursor else None
    return found, more

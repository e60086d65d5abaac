"""Say once, signed in, who one is in Slack."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse

from api.deps import Pool, ReadingConnection, StaffMember
from api.identity import slack_people
from api.staff.pages import CurrentShell, PageRoute, address, page, see_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_LONGEST_SECRET = 100


@router.get("/slack/link")
async def show_link(
    request: Request,
    shell: CurrentShell,
    connection: ReadingConnection,
    secret: Annotated[str, Query(max_length=_LONGEST_SECRET)] = "",
    done: Annotated[str | None, Query(max_length=_LONGEST_SECRET)] = None,
) -> HTMLResponse:
    """Ask whether that is really them: who confirms lends their rights."""
    name = done if done else (await slack_people.invited(connection, secret)).name
    return page(
        request, "slack_link.html", shell=shell, here="", secret=secret, name=name, done=done
    )


@router.post("/slack/link")
async def confirm_link(
    pool: Pool,
    actor: StaffMember,
    secret: Annotated[str, Form(max_length=_LONGEST_SECRET)] = "",
) -> RedirectResponse:
    async with pool.acquire() as connection, connection.transaction():
        who = await slack_people.link(connection, secret, actor=actor)
    return see_other(address("/slack/link", done=who.name or who.person))

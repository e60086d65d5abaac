"""POST /v1/token, one's own password, /v1/sessions and GET /v1/identity-audit."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from api.database import DatabaseConnection
from api.deps import (
    Actor,
    Admin,
    Connection,
    Person,
    Pool,
    ReadingConnection,
    Role,
    secret_of,
)
from api.identity import device_routes, people, sessions, user_routes
from api.identity.schemas import (
    AuditLine,
    Credentials,
    IssuedToken,
    PasswordChange,
    Session,
    Sessions,
)
from api.identity.service import end_sessions, fetch, queries
from api.pagination import Page, PagingQuery, page_of
from api.problems import Forbidden
from api.settings import Settings
from api.text import SoughtCode

router = APIRouter(prefix="/v1", tags=["identity"])
router.include_router(user_routes.router)
router.include_router(device_routes.router)

_NO_SUCH_USER: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such user"}}
OfUser = Annotated[SoughtCode | None, Query(description="of this user; for admins")]


def address_of(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"


@router.post(
    "/token",
    responses={
        401: {"description": "The name or the password is wrong"},
        429: {"description": "Too many wrong tries"},
    },
)
async def issue_token(
    credentials: Credentials, request: Request, response: Response, pool: Pool
) -> IssuedToken:
    """A token for scripts, in exchange for a username and password."""
    settings: Settings = request.app.state.settings
    limits = request.app.state.sign_in_limits
    limits.admit(credentials.username, address_of(request))
    async with pool.acquire() as connection:
        session = await sessions.sign_in(
            connection,
            credentials.username,
            credentials.password,
            "token",
            checks=request.app.state.password_checks,
            hours=settings.token_hours,
            client=request.headers.get("user-agent"),
        )
    limits.succeeded(credentials.username, address_of(request))
    response.headers["Cache-Control"] = "no-store"
    return IssuedToken(token=session.token, expires_at=session.expires_at)


@router.put("/password", status_code=204)
async def change_own_password(
    change: PasswordChange, request: Request, connection: Connection, actor: Person
) -> None:
    """Change one's own password; every other session ends."""
    limits = request.app.state.sign_in_limits
    limits.admit(actor.name, address_of(request))
    await people.change_own_password(
        connection,
        actor.actor_id,
        old=change.old_password.get_secret_value(),
        new=change.password.get_secret_value(),
        current=secret_of(request),
        checks=request.app.state.password_checks,
        minimum=request.app.state.settings.password_min_characters,
    )
    limits.succeeded(actor.name, address_of(request))
    request.app.state.actors.forget_actor(actor.actor_id)


@router.get("/sessions", responses=_NO_SUCH_USER)
async def list_sessions(
    request: Request, connection: ReadingConnection, actor: Person, user: OfUser = None
) -> Sessions:
    """What is signed in as oneself, or as any user for an admin; the newest first."""
    actor_id = await _whose(connection, actor, user)
    rows = await sessions.list_sessions(connection, actor_id, current=secret_of(request))
    return Sessions(items=[Session(**dict(row)) for row in rows])


@router.delete("/sessions", status_code=204, responses=_NO_SUCH_USER)
async def end_all_sessions(
    request: Request, connection: Connection, actor: Person, user: OfUser = None
) -> None:
    """Sign out everywhere, this session too; an admin signs out any user."""
    actor_id = await _whose(connection, actor, user)
    await end_sessions(connection, actor_id)
    request.app.state.actors.forget_actor(actor_id)


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(
    session_id: UUID,
    request: Request,
    connection: Connection,
    actor: Person,
    user: OfUser = None,
) -> None:
    """End one session; it may have ended already."""
    actor_id = await _whose(connection, actor, user)
    await end_sessions(connection, actor_id, session_id=session_id)
    request.app.state.actors.forget_actor(actor_id)


@router.get("/identity-audit")
async def list_audit(
    connection: ReadingConnection, actor: Admin, paging: PagingQuery
) -> Page[AuditLine]:
    """Who changed which user, role or key, the newest first."""
    (before,) = paging.after(int) or (None,)
    rows = await fetch(connection, queries.list_audit, before=before, limit=paging.limit + 1)
    items, cursor = page_of(rows, paging.limit, lambda row: (row["audit_id"],))
    return Page(items=[AuditLine(**dict(row)) for row in items], next_cursor=cursor)


async def _whose(connection: DatabaseConnection, actor: Actor, user: str | None) -> int:
    if user is None:
        return actor.actor_id
    if not actor.may(Role.ADMIN):
        raise Forbidden("The sessions of others are an admin's to see and to end.")
    return await people.actor_id_of(connection, user)

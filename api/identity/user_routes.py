"""/v1/users, for admins."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from api.deps import Admin, Connection, ReadingConnection
from api.identity import people
from api.identity.schemas import NewPassword, NewUser, User, UserChange
from api.pagination import Page, PagingQuery, page_of
from api.text import SoughtCode
from api.versions import IfMatch, versions_of

router = APIRouter(prefix="/users")
_CREATED: dict[int | str, dict[str, Any]] = {
    200: {"model": User, "description": "The same user is there already"},
    409: {"description": "The name or the e-mail address is taken"},
}
_CHANGED: dict[int | str, dict[str, Any]] = {
    409: {"description": "It is the last admin, or the e-mail address is taken"},
    412: {"description": "The user has changed since it was read"},
    428: {"description": "If-Match is missing"},
}


def _tagged(response: Response, user: User) -> User:
    response.headers["ETag"] = f'"{user.version}"'
    return user


@router.get("")
async def list_users(
    connection: ReadingConnection, actor: Admin, paging: PagingQuery
) -> Page[User]:
    """Every user, in order of their names."""
    (after,) = paging.after(str) or (None,)
    rows = await people.list_users(connection, after=after, limit=paging.limit + 1)
    items, cursor = page_of(rows, paging.limit, lambda user: (user.username,))
    return Page(items=items, next_cursor=cursor)


@router.get("/{username}")
async def get_user(
    username: SoughtCode, connection: ReadingConnection, actor: Admin, response: Response
) -> User:
    """One user."""
    return _tagged(response, await people.read_user(connection, username))


@router.post("", status_code=201, responses=_CREATED)
async def create_user(
    new: NewUser, request: Request, connection: Connection, actor: Admin, response: Response
) -> User:
    """Make a user; the same again is 200."""
    user, is_new = await people.add_user(
        connection,
        new,
        changed_by=actor.actor_id,
        checks=request.app.state.password_checks,
        minimum=request.app.state.settings.password_min_characters,
    )
    if not is_new:
        response.status_code = 200
    response.headers["Location"] = f"/v1/users/{quote(user.username, safe='')}"
    return _tagged(response, user)


@router.patch("/{username}", responses=_CHANGED)
async def change_user(
    username: SoughtCode,
    changes: UserChange,
    request: Request,
    connection: Connection,
    actor: Admin,
    response: Response,
    if_match: IfMatch = None,
) -> User:
    """Change role, sites, names, or disable; whoever is disabled is signed out everywhere."""
    user, actor_id = await people.change_user(
        connection,
        username,
        changes.model_dump(exclude_unset=True),
        versions=versions_of(if_match),
        changed_by=actor.actor_id,
    )
    request.app.state.actors.forget_actor(actor_id)
    return _tagged(response, user)


@router.put("/{username}/password", status_code=204)
async def set_password(
    username: SoughtCode,
    new: NewPassword,
    request: Request,
    connection: Connection,
    actor: Admin,
) -> None:
    """Give a user a new password; every session of theirs ends."""
    actor_id = await people.set_password(
        connection,
        username,
        new.password.get_secret_value(),
        changed_by=actor.actor_id,
        checks=request.app.state.password_checks,
        minimum=request.app.state.settings.password_min_characters,
    )
    request.app.state.actors.forget_actor(actor_id)


@router.delete(
    "/{username}/personal-data",
    status_code=204,
    responses={409: {"description": "It is the last admin"}},
)
async def erase_personal_data(
    username: SoughtCode, request: Request, connection: Connection, actor: Admin
) -> None:
    """Forget name, e-mail and sign-in of a user for good; what they recorded stays."""
    actor_id = await people.erase_personal_data(connection, username, changed_by=actor.actor_id)
    if actor_id is not None:
        request.app.state.actors.forget_actor(actor_id)

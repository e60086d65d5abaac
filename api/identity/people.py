"""Users as an admin keeps them, and as they keep themselves."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from api.database import DatabaseConnection
from api.deps import Role
from api.identity.errors import (
    LastAdmin,
    NameTaken,
    NoPassword,
    NotOfSomeSites,
    StaleUser,
    UnknownUser,
    WrongCredentials,
)
from api.identity.passwords import PasswordChecks, hash_password, is_right, require_good
from api.identity.schemas import NewUser, User
from api.identity.service import (
    create_user,
    end_sessions,
    fetch,
    keep_password,
    keep_sites,
    note,
    queries,
)

_PERSONAL = frozenset({"email", "full_name"})


async def list_users(
    connection: DatabaseConnection, *, after: str | None, limit: int
) -> list[User]:
    """Users in order of their names."""
    rows = await fetch(connection, queries.list_users, username=None, after=after, limit=limit)
    return [_user(row) for row in rows]


async def read_user(connection: DatabaseConnection, username: str) -> User:
    return _user(await _find(connection, username))


async def actor_id_of(connection: DatabaseConnection, username: str) -> int:
    actor_id: int = (await _find(connection, username))["actor_id"]
    return actor_id


async def add_user(
    connection: DatabaseConnection,
    new: NewUser,
    *,
    changed_by: int,
    checks: PasswordChecks,
    minimum: int,
) -> tuple[User, bool]:
    """Make a user; False where the same one is there already."""
    _require_reach(new.role, new.sites)
    await fetch(connection, queries.take_users_lock)
    password = new.password.get_secret_value() if new.password is not None else None
    found = await _named(connection, new.username)
    if found:
        if not await _is_same(found[0], new, password, checks):
            raise NameTaken(new.username, kind="user")
        return _user(found[0]), False
    if password is not None:
        require_good(password, minimum=minimum, about=(new.username, new.full_name, new.email))
    try:
        await create_user(
            connection,
            new.username,
            password,
            Role(new.role),
            sites=new.sites,
            email=new.email,
            full_name=new.full_name,
            changed_by=changed_by,
            checks=checks,
        )
    except asyncpg.UniqueViolationError as error:
        raise _taken(error, new.email) from error
    return await read_user(connection, new.username), True


async def change_user(
    connection: DatabaseConnection,
    username: str,
    changes: Mapping[str, Any],
    *,
    versions: frozenset[int] | None,
    changed_by: int,
) -> tuple[User, int]:
    """Change what is sent; answers the actor_id too, whose sessions may have ended with it."""
    await fetch(connection, queries.take_users_lock)
    row = await _find(connection, username)
    before = _user(row)
    if versions is not None and before.version not in versions:
        raise StaleUser(username, before.version)
    after = before.model_copy(update=dict(changes))
    _require_reach(after.role, after.sites)
    actor_id: int = row["actor_id"]
    changed = {name for name in changes if getattr(before, name) != getattr(after, name)}
    if not changed:
        return before, actor_id
    if before.role == "admin" and (after.role != "admin" or after.disabled):
        await _require_another_admin(connection, actor_id)
    try:
        await fetch(
            connection,
            queries.update_user,
            actor_id=actor_id,
            **after.model_dump(include={"role", "email", "full_name", "disabled"}),
        )
    except asyncpg.UniqueViolationError as error:
        raise _taken(error, after.email) from error
    if "sites" in changed:
        await keep_sites(connection, actor_id, after.sites)
    if after.disabled:
        await end_sessions(connection, actor_id)
    told: dict[str, Any] = {
        name: None if name in _PERSONAL else [getattr(before, name), getattr(after, name)]
        for name in sorted(changed)
    }
    await note(connection, "user_changed", actor_id, changed_by, told)
    return await read_user(connection, username), actor_id


async def set_password(
    connection: DatabaseConnection,
    username: str,
    password: str,
    *,
    changed_by: int,
    checks: PasswordChecks,
    minimum: int,
) -> int:
    """A new password by an admin, which ends every session; answers the actor_id."""
    row = await _find(connection, username)
    require_good(password, minimum=minimum, about=(username, row["full_name"], row["email"]))
    actor_id: int = row["actor_id"]
    await keep_password(connection, actor_id, await checks.run(hash_password, password))
    await end_sessions(connection, actor_id)
    await note(connection, "password_set", actor_id, changed_by)
    return actor_id


async def change_own_password(
    connection: DatabaseConnection,
    actor_id: int,
    *,
    old: str,
    new: str,
    current: str,
    checks: PasswordChecks,
    minimum: int,
) -> None:
    """A new password for who knows the old one; every session ends but the current one."""
    found = await fetch(connection, queries.find_own_password, actor_id=actor_id)
    if not found or found[0]["password_hash"] is None:
        raise NoPassword()
    row = found[0]
    if not await checks.run(is_right, row["password_hash"], old):
        raise WrongCredentials()
    require_good(new, minimum=minimum, about=(row["username"], row["full_name"], row["email"]))
    await keep_password(connection, actor_id, await checks.run(hash_password, new))
    await end_sessions(connection, actor_id, but=current)
    await note(connection, "password_changed", actor_id, actor_id)


async def erase_personal_data(
    connection: DatabaseConnection, username: str, *, changed_by: int
) -> int | None:
    """Forget who it was; events keep their actor_id. None where nobody has that name by now."""
    await fetch(connection, queries.take_users_lock)
    found = await _named(connection, username)
    if not found:
        return None
    actor_id: int = found[0]["actor_id"]
    if found[0]["role"] == Role.ADMIN and not found[0]["disabled"]:
        await _require_another_admin(connection, actor_id)
    await end_sessions(connection, actor_id)
    await fetch(connection, queries.delete_oidc_subjects, actor_id=actor_id)
    await fetch(connection, queries.erase_user, actor_id=actor_id)
    await fetch(connection, queries.erase_from_outbox, username=username)
    await note(connection, "personal_data_erased", actor_id, changed_by)
    return actor_id


async def _find(connection: DatabaseConnection, username: str) -> asyncpg.Record:
    found = await _named(connection, username)
    if not found:
        raise UnknownUser(username)
    return found[0]


async def _named(connection: DatabaseConnection, username: str) -> list[asyncpg.Record]:
    return await fetch(connection, queries.list_users, username=username, after=None, limit=1)


async def _require_another_admin(connection: DatabaseConnection, actor_id: int) -> None:
    [others] = await fetch(connection, queries.count_other_admins, actor_id=actor_id)
    if others["admins"] == 0:
        raise LastAdmin()


async def _is_same(
    row: asyncpg.Record, new: NewUser, password: str | None, checks: PasswordChecks
) -> bool:
    kept = _user(row)
    alike = all(
        getattr(kept, name) == getattr(new, name)
        for name in ("username", "role", "sites", "email", "full_name")
    )
    if not alike or (password is None) != (row["password_hash"] is None):
        return False
    return password is None or await checks.run(is_right, row["password_hash"], password)


def _require_reach(role: str, sites: tuple[str, ...] | None) -> None:
    if role == Role.ADMIN and sites is not None:
        raise NotOfSomeSites()


def _taken(error: asyncpg.UniqueViolationError, email: str | None) -> NameTaken:
    by_email = error.constraint_name == "users_email_key"
    return NameTaken((email if by_email else None) or "that is wanted", kind="user")


def _user(row: asyncpg.Record) -> User:
    return User(**{name: row[name] for name in User.model_fields})

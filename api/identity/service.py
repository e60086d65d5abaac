"""The actors: users, devices and parts of Parstock. Secrets are kept as hashes only."""

import asyncio
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from api.database import DatabaseConnection
from api.deps import Role, Scope
from api.identity.errors import NameTaken, UnknownSites
from api.identity.passwords import PasswordChecks, hash_password, is_right
from db.sql import Query, load_queries

queries = load_queries(__file__)

ADMIN = "admin"


async def create_device_key(
    connection: DatabaseConnection,
    name: str,
    *,
    scopes: Iterable[Scope] = tuple(Scope),
    sites: Iterable[str] | None = None,
    expires_at: datetime | None = None,
    changed_by: int | None = None,
) -> str:
    """A new device and its key, which is shown this once."""
    key = new_device_key()
    allowed = sorted(scopes)
    async with connection.transaction():
        actor_id = await insert_actor(connection, "device", sites=sites)
        made = await fetch(
            connection,
            queries.insert_device_key,
            actor_id=actor_id,
            name=name,
            key_hash=hash_secret(key),
            scopes=allowed,
            expires_at=expires_at,
        )
        if not made:
            raise NameTaken(name)
        created = {"scopes": allowed, "sites": sorted(sites) if sites is not None else None}
        await note(connection, "device_created", actor_id, changed_by, created)
    return key


async def system_actor(connection: DatabaseConnection, name: str) -> int:
    """The actor_id of a part of Parstock that records events itself, made on demand."""
    found = await fetch(connection, queries.find_system_actor, name=name)
    if not found:
        async with connection.transaction():
            actor_id = await insert_actor(connection, "system")
            await fetch(connection, queries.insert_system_actor, actor_id=actor_id, name=name)
        found = await fetch(connection, queries.find_system_actor, name=name)
    known: int = found[0]["actor_id"]
    return known


async def ensure_admin(connection: DatabaseConnection, password: str | None) -> str | None:
    """The first user is `admin`; answers the password where one had to be made.

    A password that is given is the one that works from now on, so that nobody is locked out of
    a machine whose settings are theirs.
    """
    async with connection.transaction():
        await fetch(connection, queries.take_users_lock)
        [counted] = await fetch(connection, queries.count_users)
        if counted["users"] == 0:
            chosen = password or secrets.token_urlsafe(16)
            await create_user(connection, ADMIN, chosen, Role.ADMIN)
            return None if password else chosen
        if password:
            await _let_in_with(connection, password)
    return None


async def create_user(
    connection: DatabaseConnection,
    username: str,
    password: str | None,
    role: Role,
    *,
    sites: Iterable[str] | None = None,
    email: str | None = None,
    full_name: str | None = None,
    changed_by: int | None = None,
    checks: PasswordChecks | None = None,
) -> int:
    """A user who may sign in; answers the actor_id. Without a password it is by a provider."""
    hashed = await (checks or PasswordChecks()).run(hash_password, password) if password else None
    async with connection.transaction():
        actor_id = await insert_actor(connection, "user", sites=sites)
        await fetch(
            connection,
            queries.insert_user,
            actor_id=actor_id,
            username=username,
            password_hash=hashed,
            role=role.value,
            email=email,
            full_name=full_name,
        )
        created = {"role": role.value, "sites": sorted(sites) if sites is not None else None}
        await note(connection, "user_created", actor_id, changed_by, created)
    return actor_id


async def _let_in_with(connection: DatabaseConnection, password: str) -> None:
    for user in await fetch(connection, queries.find_user, username=ADMIN):
        kept = user["password_hash"]
        if kept is None or not await asyncio.to_thread(is_right, kept, password):
            hashed = await asyncio.to_thread(hash_password, password)
            await keep_password(connection, user["actor_id"], hashed)
            await end_sessions(connection, user["actor_id"])
            await note(connection, "password_changed", user["actor_id"], None)


async def end_sessions(
    connection: DatabaseConnection,
    actor_id: int,
    *,
    session_id: UUID | None = None,
    but: str | None = None,
) -> None:
    """End one session or all of an actor; `but` is the token of one that stays."""
    await fetch(
        connection,
        queries.delete_sessions,
        actor_id=actor_id,
        session_id=session_id,
        but=hash_secret(but) if but is not None else None,
    )


async def keep_password(connection: DatabaseConnection, actor_id: int, hashed: str) -> None:
    await fetch(connection, queries.update_password, actor_id=actor_id, password_hash=hashed)


async def insert_actor(
    connection: DatabaseConnection, kind: str, *, sites: Iterable[str] | None = None
) -> int:
    """A new actor, of every site or of some."""
    [actor] = await fetch(connection, queries.insert_actor, kind=kind)
    actor_id: int = actor["actor_id"]
    if sites is not None:
        await keep_sites(connection, actor_id, sites)
    return actor_id


async def keep_sites(
    connection: DatabaseConnection, actor_id: int, sites: Iterable[str] | None
) -> None:
    """From now on the actor reaches these sites; None is every site."""
    codes = sorted(set(sites)) if sites is not None else None
    unknown = await fetch(connection, queries.unknown_sites, sites=codes or [])
    if unknown:
        raise UnknownSites(row["code"] for row in unknown)
    await fetch(connection, queries.delete_actor_sites, actor_id=actor_id)
    await fetch(connection, queries.update_reach, actor_id=actor_id, every_site=codes is None)
    await fetch(connection, queries.insert_actor_sites, actor_id=actor_id, sites=codes or [])


async def note(
    connection: DatabaseConnection,
    action: str,
    actor_id: int,
    changed_by: int | None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Add a line to the audit log, in the transaction of what it tells of."""
    await fetch(
        connection,
        queries.insert_audit,
        action=action,
        actor_id=actor_id,
        changed_by=changed_by,
        changes=dict(changes or {}),
    )


def new_device_key() -> str:
    return f"parstock_{secrets.token_urlsafe(32)}"


def hash_secret(secret: str) -> bytes:
    """What is kept of a random secret; it is long, so it needs no salt."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


async def fetch(
    connection: DatabaseConnection, query: Query, **values: Any
) -> list[asyncpg.Record]:
    records: list[asyncpg.Record] = await connection.fetch(
        query.positional, *query.arguments(values)
    )
    return records

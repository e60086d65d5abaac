"""Signing in and out, and what is signed in."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

import asyncpg

from api.database import DatabaseConnection
from api.identity.errors import NotInvited, WrongCredentials
from api.identity.oidc import Person
from api.identity.passwords import PasswordChecks, hash_password, is_outdated, is_right
from api.identity.service import fetch, hash_secret, keep_password, note, queries

SessionKind = Literal["page", "token"]
_CLIENT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Session:
    """A fresh session: the token is not kept anywhere, only its hash is."""

    token: str
    expires_at: datetime
    actor_id: int


async def sign_in(
    connection: DatabaseConnection,
    username: str,
    password: str,
    kind: SessionKind,
    *,
    checks: PasswordChecks | None = None,
    hours: float = 12.0,
    client: str | None = None,
) -> Session:
    """Open a session for who knows the password."""
    found = await fetch(connection, queries.find_user, username=username)
    kept = found[0]["password_hash"] if found else None
    # The hash of nobody is checked too, so that the time taken does not tell who is known.
    known = kept or await asyncio.to_thread(_nobodys_hash)
    turn = checks or PasswordChecks()
    right = await turn.run(is_right, known, password)
    if kept is None or not right:
        raise WrongCredentials()
    actor_id = found[0]["actor_id"]
    if is_outdated(kept):
        await keep_password(connection, actor_id, await turn.run(hash_password, password))
    return await open_session(connection, actor_id, kind, hours=hours, client=client)


async def open_session(
    connection: DatabaseConnection,
    actor_id: int,
    kind: SessionKind,
    *,
    hours: float,
    client: str | None = None,
) -> Session:
    """A session for someone who has shown who they are."""
    token = secrets.token_urlsafe(32)
    await fetch(connection, queries.delete_old_sessions)
    [session] = await fetch(
        connection,
        queries.insert_session,
        token_hash=hash_secret(token),
        actor_id=actor_id,
        kind=kind,
        hours=hours,
        client=client and client.replace("\x00", "")[:_CLIENT_CHARACTERS],
    )
    return Session(token, session["expires_at"], actor_id)


async def sign_out(connection: DatabaseConnection, token: str) -> None:
    """End a session; `Actors.forget` makes it felt at once in this process."""
    await fetch(connection, queries.delete_session, token_hash=hash_secret(token))


async def list_sessions(
    connection: DatabaseConnection, actor_id: int, *, current: str | None = None
) -> list[asyncpg.Record]:
    """The live sessions of an actor, the newest first; `current` is the token of this one."""
    token_hash = hash_secret(current) if current is not None else None
    return await fetch(connection, queries.list_sessions, actor_id=actor_id, token_hash=token_hash)


async def sign_in_by_provider(
    connection: DatabaseConnection, person: Person, *, hours: float, client: str | None = None
) -> Session:
    """Open a session for someone whom a provider knows and an admin has invited.

    The first time it is by the verified e-mail address that the admin gave, from then on by the
    provider's own number of the person: an address may be given to someone else one day.
    """
    async with connection.transaction():
        known = {"issuer": person.issuer, "subject": person.subject}
        found = await fetch(connection, queries.find_subject, **known)
        if not found and person.email is not None:
            found = await fetch(
                connection, queries.find_invited, issuer=person.issuer, email=person.email
            )
            if found:
                actor_id = found[0]["actor_id"]
                await fetch(connection, queries.insert_subject, actor_id=actor_id, **known)
                await note(connection, "provider_linked", actor_id, actor_id)
        if not found or found[0]["disabled"]:
            raise NotInvited()
        return await open_session(
            connection, found[0]["actor_id"], "page", hours=hours, client=client
        )


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return hash_password(secrets.token_urlsafe(32))

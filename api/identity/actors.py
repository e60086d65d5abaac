"""Whose a secret is, as every request asks."""

import time
from datetime import UTC, datetime

import asyncpg

from api.database import DatabasePool
from api.deps import Actor, Role, Scope
from api.identity.errors import ExpiredToken, UnknownToken
from api.identity.service import fetch, hash_secret, queries
from api.identity.throttle import Buckets
from api.log import EventLog
from api.problems import TooManyRequests

log = EventLog(__name__)
_REMEMBERED = 10_000


class Actors:
    """Whose a secret is, remembered for a few seconds so that a request need not ask."""

    def __init__(
        self, pool: DatabasePool, *, remembered_for_s: float = 5.0, rates: Buckets | None = None
    ) -> None:
        self._pool = pool
        self._remembered_for_s = remembered_for_s
        self._rates = rates
        self._known: dict[str, tuple[float, Actor]] = {}

    async def resolve(self, secret: str) -> Actor:
        """The actor of a device key, a token or a page's session."""
        known = self._known.get(secret)
        now = time.monotonic()
        actor = known[1] if known is not None and now < known[0] else await self._ask(secret, now)
        if self._rates is not None:
            wait_s = self._rates.take(actor.actor_id)
            if wait_s:
                raise TooManyRequests(
                    "These are more requests than one key may send.", retry_after_s=wait_s
                )
        return actor

    def forget(self, secret: str) -> None:
        """Ask the database again when this secret comes next."""
        self._known.pop(secret, None)

    def forget_actor(self, actor_id: int) -> None:
        """Ask again for every secret of this actor."""
        for secret in [kept for kept, (_, it) in self._known.items() if it.actor_id == actor_id]:
            self.forget(secret)

    async def _ask(self, secret: str, now: float) -> Actor:
        secret_hash = hash_secret(secret)
        async with self._pool.acquire() as connection:
            found = await fetch(connection, queries.find_actor, secret_hash=secret_hash)
            if not found:
                self.forget(secret)
                raise UnknownToken()
            row = found[0]
            if row["expired"]:
                self.forget(secret)
                raise ExpiredToken()
            if row["was_unused"]:
                try:
                    await fetch(connection, queries.touch_secret, secret_hash=secret_hash)
                except asyncpg.PostgresError as error:
                    # When it was last used is good to know; a full disk shall lock nobody out.
                    log.warning("last_use_not_kept", reason=repr(error))
        actor = Actor(
            row["actor_id"],
            row["name"],
            Role(row["role"]),
            sites=None if row["sites"] is None else frozenset(row["sites"]),
            scopes=frozenset(map(Scope, row["scopes"])),
        )
        self._remember(secret, actor, row["expires_at"], now)
        return actor

    def _remember(self, secret: str, actor: Actor, expires_at: datetime | None, now: float) -> None:
        seconds = self._remembered_for_s
        if expires_at is not None:
            seconds = min(seconds, (expires_at - datetime.now(UTC)).total_seconds())
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[secret] = (now + seconds, actor)

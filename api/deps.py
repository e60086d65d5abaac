"""What a route may ask for: a database connection, and who is acting.

No plain `def` here: FastAPI runs those in a thread pool, which halves the rate of a request.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol, TypeAlias
from urllib.parse import urlsplit

from fastapi import Depends, Request

from api.database import DatabaseConnection, DatabasePool
from api.problems import Forbidden, Unauthenticated

SESSION_COOKIE = "parstock_session"
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_SEND_A_KEY = "Send `Authorization: Bearer` with a device key or a token."


class Role(StrEnum):
    """What an actor may do; each of the ladder may do what those before it may."""

    VIEWER = "viewer"
    STAFF = "staff"
    MANAGER = "manager"
    ADMIN = "admin"
    DEVICE = "device"


class Scope(StrEnum):
    """What a device key is good for."""

    RECORD = "record"
    READ = "read"


# The codes of the sites that someone reaches; None is every site.
Sites: TypeAlias = frozenset[str] | None

_LADDER = (Role.VIEWER, Role.STAFF, Role.MANAGER, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and at which sites; the ledger knows `actor_id` only."""

    actor_id: int
    name: str
    role: Role
    sites: Sites = None
    scopes: frozenset[Scope] = frozenset(Scope)

    def may(self, minimum: Role, *, devices: bool = False) -> bool:
        if self.role is Role.DEVICE:
            if minimum is Role.VIEWER:
                return Scope.READ in self.scopes
            return devices and Scope.RECORD in self.scopes
        return self.role in _LADDER and _LADDER.index(self.role) >= _LADDER.index(minimum)


class ActorResolver(Protocol):
    """Knows whose a key, token or session is; api.identity provides it."""

    async def resolve(self, secret: str) -> Actor: ...


async def get_pool(request: Request) -> DatabasePool:
    pool: DatabasePool = request.app.state.pool
    return pool


Pool = Annotated[DatabasePool, Depends(get_pool)]


async def get_connection(request: Request) -> AsyncIterator[DatabaseConnection]:
    """A connection whose transaction is committed before the answer is sent."""
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        yield connection


# scope="function": by FastAPI's default a client can see a 201 for a commit that then fails.
Connection = Annotated[DatabaseConnection, Depends(get_connection, scope="function")]


async def get_reading_connection(request: Request) -> AsyncIterator[DatabaseConnection]:
    """A connection without a transaction, for routes that run one statement."""
    async with request.app.state.pool.acquire() as connection:
        yield connection


ReadingConnection = Annotated[DatabaseConnection, Depends(get_reading_connection, scope="function")]


def session_cookie(request: Request) -> str:
    """The name of the cookie; over https one that no other host can have set."""
    return cookie_name(request, SESSION_COOKIE)


def cookie_name(request: Request, name: str) -> str:
    return f"__Host-{name}" if request.url.scheme == "https" else name


def is_from_our_pages(request: Request) -> bool:
    """Whether a browser says that a page of this very address sent the request."""
    fetched_from = request.headers.get("sec-fetch-site")
    if fetched_from is not None:
        return fetched_from == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


def secret_of(request: Request) -> str:
    """The key or token of `Authorization: Bearer`, else that of the session cookie."""
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, secret = header.partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Unauthenticated(_SEND_A_KEY)
        return secret.strip()
    cookie = request.cookies.get(session_cookie(request))
    if cookie is None:
        raise Unauthenticated(_SEND_A_KEY)
    return cookie


async def get_current_actor(request: Request) -> Actor:
    """By `Authorization: Bearer`, else by the session cookie of the pages."""
    resolver: ActorResolver = request.app.state.actors
    actor = await resolver.resolve(secret_of(request))
    # A cookie comes along whoever made the browser send: the page of another site, too.
    if (
        "authorization" not in request.headers
        and request.method not in _SAFE_METHODS
        and not is_from_our_pages(request)
    ):
        raise Forbidden("This was not sent from a page of Parstock, so it was not taken.")
    return actor


CurrentActor = Annotated[Actor, Depends(get_current_actor)]


def require_role(
    minimum: Role, *, devices: bool = False, every_site: bool = False
) -> Callable[[Request], Awaitable[Actor]]:
    """A dependency that lets pass who stands at least at `minimum` on the ladder.

    `every_site`: what it guards belongs to all sites, so a role for some does not reach it.
    """

    async def permitted(request: Request) -> Actor:
        # Called and not depended on: each step of FastAPI's own costs every request.
        actor = await get_current_actor(request)
        if not actor.may(minimum, devices=devices):
            raise Forbidden(_beyond(actor, minimum))
        if every_site and actor.sites is not None:
            raise Forbidden("This concerns every site; your role is for some of them.")
        return actor

    return permitted


def _beyond(actor: Actor, minimum: Role) -> str:
    if actor.role is Role.DEVICE:
        return "The key of this device does not reach so far."
    return f"This needs the role {minimum}; yours is {actor.role}."


async def require_person(request: Request) -> Actor:
    """A dependency that lets pass whoever signs in, and no device."""
    actor = await get_current_actor(request)
    if actor.role is Role.DEVICE:
        raise Forbidden("A device has a key, and neither password nor sessions.")
    return actor


Person = Annotated[Actor, Depends(require_person)]
Reader = Annotated[Actor, Depends(require_role(Role.VIEWER, devices=True))]
Recorder = Annotated[Actor, Depends(require_role(Role.STAFF, devices=True))]
StaffMember = Annotated[Actor, Depends(require_role(Role.STAFF))]
Manager = Annotated[Actor, Depends(require_role(Role.MANAGER))]
Admin = Annotated[Actor, Depends(require_role(Role.ADMIN, every_site=True))]

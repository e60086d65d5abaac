"""Who a person of Slack is here: the user who said so, once, signed in."""

import secrets
from dataclasses import dataclass

from api.database import DatabaseConnection
from api.deps import Actor, Role
from api.identity.errors import UnknownInvitation
from api.identity.service import fetch, hash_secret, queries

_SECRET_BYTES = 24
_INVITATION_MINUTES = 30


@dataclass(frozen=True, slots=True)
class SlackPerson:
    """A member of a Slack workspace, by the ids that Slack has for both."""

    team: str
    person: str
    name: str


async def actor_of(connection: DatabaseConnection, who: SlackPerson) -> Actor | None:
    """The user of that person with today's rights; None until one is linked, or when disabled."""
    rows = await fetch(connection, queries.find_slack_person, team=who.team, person=who.person)
    if not rows:
        return None
    [row] = rows
    sites = None if row["sites"] is None else frozenset(row["sites"])
    return Actor(row["actor_id"], row["username"], Role(row["role"]), sites=sites)


async def invite(connection: DatabaseConnection, who: SlackPerson) -> str:
    """A secret that links that person to whoever is signed in and brings it, once and soon."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    await fetch(
        connection,
        queries.invite_slack_person,
        secret_hash=hash_secret(secret),
        team=who.team,
        person=who.person,
        name=who.name,
        minutes=_INVITATION_MINUTES,
    )
    return secret


async def invited(connection: DatabaseConnection, secret: str) -> SlackPerson:
    """Whom an invitation is for. Raises UnknownInvitation where it is used up or too old."""
    rows = await fetch(connection, queries.find_slack_invitation, secret_hash=hash_secret(secret))
    if not rows:
        raise UnknownInvitation()
    return SlackPerson(**rows[0])


async def link(connection: DatabaseConnection, secret: str, *, actor: Actor) -> SlackPerson:
    """From now on that person acts as this user, and as no other."""
    who = await invited(connection, secret)
    await fetch(
        connection,
        queries.link_slack_person,
        secret_hash=hash_secret(secret),
        team=who.team,
        person=who.person,
        actor_id=actor.actor_id,
    )
    return who

"""Count sessions from their opening to their review; approval.py ends them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from api.catalog.service import find_products
from api.counting.errors import (
    DifferentCountSession,
    NoSuchCountSession,
    NotInState,
    OtherRound,
)
from api.counting.schemas import (
    CountedLevel,
    CountSession,
    CountSessionPlan,
    CountSessionQuestion,
    CountStep,
    State,
    WholeCountSession,
)
from api.database import DatabaseConnection
from api.deps import Actor, Sites
from api.ledger.errors import ForeignSite, InTransit, UnknownLocation
from api.pagination import MAXIMUM_LIMIT
from api.problems import invalid_field
from db.sql import Query, load_queries

queries = load_queries(__file__)


async def open_session(
    connection: DatabaseConnection, count_session_id: UUID, plan: CountSessionPlan, *, actor: Actor
) -> tuple[WholeCountSession, bool]:
    """Open a session; False where it is there already, whatever became of it since."""
    place = await _place(connection, plan.location, actor.sites)
    products = await find_products(connection, plan.products) if plan.products else {}
    for number, sku in enumerate(plan.products or ()):
        if sku not in products:
            raise invalid_field(f"#/products/{number}", f"There is no product {sku}")
    opened = await fetch(
        connection,
        queries.open_session,
        **plan.model_dump(exclude={"location", "products"}),
        count_session_id=count_session_id,
        location_id=place["location_id"],
        of_products=plan.products is not None,
        opened_by=actor.actor_id,
    )
    if opened:
        ids = [product["product_id"] for product in products.values()]
        values = {"count_session_id": count_session_id, "product_ids": ids}
        await fetch(connection, queries.limit_to_products, **values)
        await take_step(connection, count_session_id, "opened", 1, actor)
    kept = await read_session(connection, count_session_id, sites=actor.sites)
    different = _differences(plan, kept)
    if different:
        raise DifferentCountSession(count_session_id, different)
    return kept, bool(opened)


async def _place(connection: DatabaseConnection, location: str, sites: Sites) -> asyncpg.Record:
    found = await fetch(connection, queries.find_place, location=location)
    if not found:
        raise UnknownLocation({"location": location})
    if sites is not None and found[0]["site"] not in sites:
        raise ForeignSite(location)
    if found[0]["is_transit"]:
        raise InTransit(location)
    return found[0]


def _differences(plan: CountSessionPlan, kept: WholeCountSession) -> list[str]:
    sent = plan.model_dump(exclude_unset=True)
    if sent.get("products") is not None:
        sent["products"] = sorted(set(sent["products"]))
    held = kept.model_dump(include=set(sent))
    if held.get("products") is not None:
        held["products"] = sorted(held["products"])
    return [name for name, value in sent.items() if value != held[name]]


async def list_sessions(
    connection: DatabaseConnection,
    asked: CountSessionQuestion,
    *,
    before: int | None,
    sites: Sites,
) -> list[tuple[int, CountSession]]:
    """Sessions with their numbers, the newest first; one more than were asked for."""
    rows = await fetch(
        connection,
        queries.list_sessions,
        count_session_id=None,
        sites=sites,
        **asked.model_dump(include={"state", "location", "site"}),
        before=before,
        limit=asked.limit + 1,
    )
    return [(row["number"], CountSession.model_validate(dict(row))) for row in rows]


async def read_session(
    connection: DatabaseConnection, count_session_id: UUID, *, sites: Sites
) -> WholeCountSession:
    """One session, whole."""
    row = await _find(connection, count_session_id, sites)
    this = {"count_session_id": count_session_id}
    some = {**this, "limit": MAXIMUM_LIMIT}
    products = await fetch(connection, queries.list_products, **this)
    asked: Sequence[asyncpg.Record] = ()
    if row["state"] in ("open", "review"):
        asked = await fetch(connection, queries.list_to_recount, **some, round=row["round"])
    left_alone = await fetch(connection, queries.list_left_alone, **some)
    history = await fetch(connection, queries.list_history, **this)
    return WholeCountSession(
        **{name: row[name] for name in CountSession.model_fields},
        products=[product["sku"] for product in products] if row["of_products"] else None,
        to_recount=[CountedLevel(**level) for level in asked],
        left_alone=[CountedLevel(**level) for level in left_alone],
        history=[CountStep(**step) for step in history],
    )


async def locked_session(
    connection: DatabaseConnection, count_session_id: UUID, *, sites: Sites
) -> CountSession:
    """A session that nobody else changes meanwhile."""
    await fetch(connection, queries.lock_session, count_session_id=count_session_id)
    return await find_session(connection, count_session_id, sites=sites)


async def find_session(
    connection: DatabaseConnection, count_session_id: UUID, *, sites: Sites
) -> CountSession:
    """One session, without what belongs to it."""
    row = await _find(connection, count_session_id, sites)
    return CountSession.model_validate(dict(row))


def require(session: CountSession, state: State, count_round: int) -> None:
    """Refuse what is meant for another state or round."""
    if session.state != state:
        raise NotInState(session.state, expected="in review" if state == "review" else state)
    if session.round != count_round:
        raise OtherRound(session.round)


async def take_step(
    connection: DatabaseConnection,
    count_session_id: UUID,
    step: str,
    count_round: int,
    actor: Actor,
    *,
    reason: str | None = None,
) -> None:
    """Say in the session's history who did what."""
    await fetch(
        connection,
        queries.take_step,
        count_session_id=count_session_id,
        step=step,
        round=count_round,
        done_by=actor.actor_id,
        reason=reason,
    )


async def _find(
    connection: DatabaseConnection, count_session_id: UUID, sites: Sites
) -> asyncpg.Record:
    others = dict.fromkeys(("state", "location", "site", "before"))
    rows = await fetch(
        connection,
        queries.list_sessions,
        count_session_id=count_session_id,
        sites=sites,
        **others,
        limit=1,
    )
    if not rows:
        raise NoSuchCountSession(count_session_id)
    return rows[0]


async def fetch(
    connection: DatabaseConnection, query: Query, **values: Any
) -> list[asyncpg.Record]:
    """The rows of a query."""
    rows: list[asyncpg.Record] = await connection.fetch(query.positional, *query.arguments(values))
    return rows

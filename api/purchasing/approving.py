"""A line of the plan is approved, once, or dismissed."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import asyncpg

from api.database import DatabaseConnection
from api.deps import Actor, Sites
from api.problems import Problem
from api.purchasing.errors import (
    NeedIsGone,
    NoSuchSuggestion,
    NoSupplier,
    NotAPurchase,
    OtherVersion,
    SuggestionIsOver,
)
from api.purchasing.order_schemas import MOST_APPROVED, Approval, ApprovalResult, SuggestionLife
from db.sql import Queries, Query

queries = Queries(Path(__file__).with_name("orders.sql"))


async def fetch(
    connection: DatabaseConnection, query: Query, **values: object
) -> list[asyncpg.Record]:
    """The rows of a query."""
    rows: list[asyncpg.Record] = await connection.fetch(query.positional, *query.arguments(values))
    return rows


async def approve(
    connection: DatabaseConnection, lines: Sequence[Approval], *, actor: Actor
) -> list[ApprovalResult]:
    """Put each line into the draft for its supplier and site; a refused one harms no other.

    The suggestions are locked, so of two approvals the second finds what the first made.
    """
    ids = list({line.suggestion_id for line in lines})
    rows = await fetch(connection, queries.lock_suggestions, suggestion_ids=ids, sites=actor.sites)
    found = {row["suggestion_id"]: row for row in rows}
    made = await fetch(connection, queries.lines_of_suggestions, suggestion_ids=list(found))
    ordered = {row["suggestion_id"]: (row["number"], row["line"]) for row in made}
    results = {}
    # One supplier after another, as every approval does: drafts are locked in one order.
    for line in sorted(lines, key=lambda line: _turn(found.get(line.suggestion_id))):
        try:
            if line.suggestion_id not in found:
                raise NoSuchSuggestion(line.suggestion_id)
            is_new = line.suggestion_id not in ordered
            if is_new:
                row = found[line.suggestion_id]
                await _require_need(connection, row, line)
                ordered[line.suggestion_id] = await _order(connection, row, actor)
            number, order_line = ordered[line.suggestion_id]
            results[line.suggestion_id] = ApprovalResult(
                suggestion_id=line.suggestion_id,
                status="approved" if is_new else "duplicate",
                purchase_order=number,
                line=order_line,
            )
        except Problem as problem:
            results[line.suggestion_id] = ApprovalResult(
                suggestion_id=line.suggestion_id, status="refused", problem=problem.body()
            )
    return [results[line.suggestion_id] for line in lines]


def _turn(row: asyncpg.Record | None) -> tuple[int, int]:
    return (0, 0) if row is None else (row["supplier_id"] or 0, row["site_id"])


async def _require_need(
    connection: DatabaseConnection, row: asyncpg.Record, line: Approval
) -> None:
    _require_open(row, line.version)
    if row["kind"] != "purchase":
        raise NotAPurchase(row["kind"])
    if row["supplier_id"] is None:
        raise NoSupplier(row["sku"])
    [now] = await fetch(
        connection,
        queries.inventory_position,
        product_id=row["product_id"],
        site_id=row["site_id"],
    )
    if now["inventory_position"] > row["reorder_point"]:
        raise NeedIsGone(now["inventory_position"], row["reorder_point"])


def _require_open(row: asyncpg.Record, version: int) -> None:
    if row["status"] != "open":
        raise SuggestionIsOver(row["status"])
    if row["version"] != version:
        raise OtherVersion(row["version"], row["quantity"])


async def _order(
    connection: DatabaseConnection, row: asyncpg.Record, actor: Actor
) -> tuple[str, int]:
    of_draft = {name: row[name] for name in ("supplier_id", "site_id")}
    found = await fetch(connection, queries.find_draft, **of_draft)
    [draft] = found or await fetch(
        connection, queries.make_draft, **of_draft, actor_id=actor.actor_id
    )
    names = ("product_id", "suggestion_id", "version", "quantity", "pack_size")
    priced = row["unit_cost"] is not None
    [line] = await fetch(
        connection,
        queries.add_order_line,
        **{name: row[name] for name in names},
        order_id=draft["order_id"],
        unit_cost=row["unit_cost"],
        currency=row["currency"] if priced else None,
        actor_id=actor.actor_id,
    )
    await _set_status(connection, row["suggestion_id"], "approved")
    return draft["number"], line["line"]


async def dismiss(
    connection: DatabaseConnection,
    suggestion_id: UUID,
    *,
    version: int,
    reason: str | None,
    actor: Actor,
) -> SuggestionLife:
    """Turn a line down until its reason changes; saying so twice changes nothing."""
    rows = await fetch(
        connection,
        queries.lock_suggestions,
        suggestion_ids=[suggestion_id],
        sites=actor.sites,
    )
    if not rows:
        raise NoSuchSuggestion(suggestion_id)
    if rows[0]["status"] != "dismissed":
        _require_open(rows[0], version)
        await _set_status(connection, suggestion_id, "dismissed", reason)
    return await read_life(connection, suggestion_id, sites=actor.sites)


async def read_life(
    connection: DatabaseConnection, suggestion_id: UUID, *, sites: Sites
) -> SuggestionLife:
    """Where one line of the plan stands."""
    rows = await fetch(
        connection, queries.read_suggestion_life, suggestion_id=suggestion_id, sites=sites
    )
    if not rows:
        raise NoSuchSuggestion(suggestion_id)
    return SuggestionLife(**rows[0])


async def _set_status(
    connection: DatabaseConnection, suggestion_id: UUID, status: str, reason: str | None = None
) -> None:
    await fetch(
        connection,
        queries.set_suggestion_status,
        suggestion_id=suggestion_id,
        status=status,
        reason=reason,
    )


async def list_purchases(
    connection: DatabaseConnection, *, supplier: str, site: str, sites: Sites
) -> list[asyncpg.Record]:
    """The open purchase lines from a supplier for a site, as many as one approval takes."""
    return await fetch(
        connection,
        queries.list_purchases,
        supplier=supplier,
        site=site,
        sites=sites,
        limit=MOST_APPROVED,
    )


async def count_purchases(
    connection: DatabaseConnection, *, site: str | None, sites: Sites
) -> list[asyncpg.Record]:
    """How many lines each supplier has open, by site."""
    return await fetch(connection, queries.count_purchases, site=site, sites=sites)

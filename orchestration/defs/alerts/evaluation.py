"""Look at what moved since the last look: open and end alerts, with their outbox rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from db.sql import load_queries
from orchestration.defs.alerts.from_ledger import look_at_ledger
from orchestration.defs.alerts.lives import Changes, Opening, carry_out
from orchestration.planning.alerting import (
    SEVERITY_OF,
    AlertKind,
    Place,
    Policy,
    Purchase,
    Stock,
    message,
    recommendation,
    verdict,
)

_QUERIES = load_queries(__file__)
_KINDS: tuple[AlertKind, ...] = get_args(AlertKind)

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Evaluation:
    """What one look did; `was_baseline` when it was the first."""

    position: int
    refresh_id: int
    product_sites: int
    opened: int
    ended: int
    was_baseline: bool
    live_critical_low: int
    live_low: int
    live_from_ledger: int


@dataclass(frozen=True)
class _Row:
    product_id: int
    site_id: int
    on_hand_selling: int | None
    on_hand_behind: int
    inventory_position: int
    last_position: int | None
    reorder_point: int | None
    order_up_to_level: int | None
    selling_minimum: int | None
    refill_minimum: int | None
    live_kinds: list[str]
    live_alert_ids: list[UUID]
    purchase_approved: bool
    suggested_quantity: int | None

    @property
    def stock(self) -> Stock:
        return Stock(self.on_hand_selling, self.on_hand_behind, self.inventory_position)

    @property
    def policy(self) -> Policy | None:
        if (
            self.reorder_point is None
            or self.order_up_to_level is None
            or self.selling_minimum is None
            or self.refill_minimum is None
        ):
            return None
        return Policy(
            reorder_point=self.reorder_point,
            order_up_to_level=self.order_up_to_level,
            selling_minimum=self.selling_minimum,
            refill_minimum=self.refill_minimum,
        )


@dataclass(frozen=True)
class _Names:
    product_id: int
    site_id: int
    sku: str
    product: str
    site_code: str
    site: str
    supplier: str | None
    refill_from_code: str | None
    refill_from_on_hand: int | None
    refill_into_code: str | None
    refill_into_on_hand: int | None


def evaluate(connection: Connection) -> Evaluation | None:
    """Bring the alerts up to the ledger's and the plan's newest state, in one transaction.

    None when nothing is new, or no plan was ever made: then there is little to measure by. Doing
    it twice, or in two processes at once, changes nothing: what is live is read under a lock.
    """
    (has_news,) = _one(connection.execute(_QUERIES.has_news.text))
    if not has_news:
        return None
    with connection.transaction():
        evaluated_position, evaluated_refresh_id, had_baseline, by_the_clock = _one(
            connection.execute(_QUERIES.lock_evaluation.text)
        )
        (refresh_id,) = _one(connection.execute(_QUERIES.newest_refresh.text))
        (position,) = _one(connection.execute(_QUERIES.settled_position.text))
        if refresh_id == 0:
            return None
        rows = _stock_to_look_at(
            connection,
            # The first look goes over every policy; there is no earlier one to go on from.
            from_position=evaluated_position if had_baseline else position,
            to_position=position,
            from_refresh_id=evaluated_refresh_id if refresh_id > evaluated_refresh_id else _NEVER,
        )
        changes = look_at_ledger(
            connection,
            from_position=evaluated_position,
            to_position=position,
            by_the_clock=by_the_clock,
        )
        _look_at_stock(connection, rows, changes, position=position, is_baseline=not had_baseline)
        opened, ended = carry_out(connection, changes)
        connection.execute(
            _QUERIES.remember_evaluation.text,
            {"position": position, "refresh_id": refresh_id, "by_the_clock": by_the_clock},
        )
        critical_low, low, from_ledger = _one(connection.execute(_QUERIES.live_counts.text))
    return Evaluation(
        position=position,
        refresh_id=refresh_id,
        product_sites=len(rows),
        opened=opened,
        ended=ended,
        was_baseline=not had_baseline,
        live_critical_low=critical_low,
        live_low=low,
        live_from_ledger=from_ledger,
    )


_NEVER = 2**62


def _stock_to_look_at(
    connection: Connection, *, from_position: int, to_position: int, from_refresh_id: int
) -> list[_Row]:
    with connection.cursor(row_factory=class_row(_Row)) as cursor:
        return cursor.execute(
            _QUERIES.stock_to_look_at.text,
            {
                "from_position": from_position,
                "to_position": to_position,
                "from_refresh_id": from_refresh_id,
            },
        ).fetchall()


def _look_at_stock(
    connection: Connection,
    rows: Sequence[_Row],
    changes: Changes,
    *,
    position: int,
    is_baseline: bool,
) -> None:
    opens: list[tuple[AlertKind, _Row, Policy]] = []
    for row in rows:
        policy = row.policy
        live = dict(zip(row.live_kinds, row.live_alert_ids, strict=True))
        decided = verdict(
            row.stock,
            policy,
            live=frozenset(kind for kind in _KINDS if kind in live),
            purchase_approved=row.purchase_approved,
        )
        changes.ends += [live[kind] for kind in sorted(decided.ends)]
        if policy is not None:
            opens += [(kind, row, policy) for kind in sorted(decided.opens)]
    if not opens:
        return
    names = _names(connection, [row for _, row, _ in opens])
    for kind, row, policy in opens:
        said, advice = _words(kind, row, policy, names[row.product_id, row.site_id])
        changes.opens.append(
            Opening(
                kind=kind,
                severity=SEVERITY_OF[kind],
                product_id=row.product_id,
                site_id=row.site_id,
                message=said,
                recommendation=advice,
                # The movement that led here; without any, the position that was looked at.
                position=row.last_position or position,
                is_baseline=is_baseline,
            )
        )


def _names(connection: Connection, rows: Sequence[_Row]) -> dict[tuple[int, int], _Names]:
    with connection.cursor(row_factory=class_row(_Names)) as cursor:
        cursor.execute(
            _QUERIES.names_of_product_sites.text,
            {
                "product_ids": [row.product_id for row in rows],
                "site_ids": [row.site_id for row in rows],
            },
        )
        return {(names.product_id, names.site_id): names for names in cursor}


def _words(kind: AlertKind, row: _Row, policy: Policy, names: _Names) -> tuple[str, str]:
    said = message(kind, row.stock, policy, product=names.product, sku=names.sku, site=names.site)
    advice = recommendation(
        kind,
        row.stock,
        policy,
        refill_from=_place(names.refill_from_code, names.refill_from_on_hand),
        refill_into=_place(names.refill_into_code, names.refill_into_on_hand),
        purchase=(
            None
            if row.suggested_quantity is None
            else Purchase(row.suggested_quantity, names.supplier)
        ),
        supplier=names.supplier,
    )
    return said, advice


def _place(code: str | None, on_hand: int | None) -> Place | None:
    return None if code is None or on_hand is None else Place(code, on_hand)


def _one(cursor: psycopg.Cursor[tuple[Any, ...]]) -> tuple[Any, ...]:
    return cast("tuple[Any, ...]", cursor.fetchone())

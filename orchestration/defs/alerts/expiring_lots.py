"""Expiring lots: what is there of lots that are near their day or past it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

from orchestration.defs.alerts.ledger_look import QUERIES, Connection, Look, rows_of
from orchestration.defs.alerts.lives import Changes, Opening, Restatement
from orchestration.planning.ledger_alerting import Lot, expiring, expiring_words, rule_for


@dataclass(frozen=True)
class _LotRow:
    product_id: int
    sku: str
    product: str
    category: str | None
    site_id: int
    site: str
    code: str | None
    expires_on: date | None
    on_hand: int | None
    position: int | None
    today: date
    alert_id: UUID | None
    detail: Mapping[str, Any] | None

    @property
    def lot(self) -> Lot | None:
        if self.code is None or self.expires_on is None:
            return None
        return Lot(self.code, self.expires_on, self.on_hand or 0, self.expires_on < self.today)


def look_at_lots(connection: Connection, look: Look, changes: Changes) -> None:
    """Look at the lots that moved and, by the clock, at all that are there."""
    days = [rule.within_days or 0 for rule in look.rules if rule.kind == "expiring_lot"]
    found = connection.execute(QUERIES.moved_lots.text, look.window("expiring_lot"))
    keys = set(found.fetchall())
    if look.by_the_clock or "expiring_lot" in look.first:
        keys |= set(
            connection.execute(
                QUERIES.product_sites_of_expiring_lots.text,
                {"within_days": max(days, default=0)},
            ).fetchall()
        )
    if not keys:
        return
    asked = sorted(keys)
    rows = rows_of(
        connection,
        "lots_of_product_sites",
        _LotRow,
        {
            "product_ids": [product_id for product_id, _ in asked],
            "site_ids": [site_id for _, site_id in asked],
        },
    )
    for _, of_one in groupby(rows, key=lambda row: (row.product_id, row.site_id)):
        _tell_of_lots(changes, look, list(of_one))


def _tell_of_lots(changes: Changes, look: Look, rows: Sequence[_LotRow]) -> None:
    row = rows[0]
    rule = rule_for(
        look.rules,
        "expiring_lot",
        site_id=row.site_id,
        product_id=row.product_id,
        category=row.category,
    )
    held = [lot for lot in (each.lot for each in rows) if lot is not None]
    lots = (
        [] if rule is None else expiring(held, today=row.today, within_days=rule.within_days or 0)
    )
    if not lots:
        if row.alert_id is not None:
            changes.ends.append(row.alert_id)
        return
    # How much is left changes with each sale, and is not worth telling anew.
    detail = {"lots": [{"lot": lot.code, "is_past": lot.is_past} for lot in lots]}
    if row.detail == detail:
        return
    message, recommendation = expiring_words(lots, product=row.product, sku=row.sku, site=row.site)
    position = max(each.position or 0 for each in rows)
    if row.alert_id is not None:
        changes.restated.append(
            Restatement(row.alert_id, message, recommendation, position, detail)
        )
        return
    changes.opens.append(
        Opening(
            kind="expiring_lot",
            severity="high" if lots[0].is_past else "medium",
            site_id=row.site_id,
            product_id=row.product_id,
            message=message,
            recommendation=recommendation,
            position=position,
            is_baseline="expiring_lot" in look.first,
            detail=detail,
        )
    )

"""Demand anomalies: days far outside of what was forecast, until somebody confirms them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

from orchestration.defs.alerts.ledger_look import Connection, Look, rows_of
from orchestration.defs.alerts.lives import Changes, Opening, Restatement
from orchestration.planning.ledger_alerting import Anomaly, anomaly_words, rule_for


@dataclass(frozen=True)
class _AnomalyRow:
    product_id: int
    sku: str
    product: str
    category: str | None
    site_id: int
    site: str
    day: date | None
    demand: float
    expected: float
    low: float
    high: float
    position: int
    alert_id: UUID | None
    detail: Mapping[str, Any] | None

    @property
    def anomaly(self) -> Anomaly | None:
        """None where the alert is all that is left of it."""
        if self.day is None:
            return None
        return Anomaly(self.day, self.demand, self.expected, self.low, self.high)


def look_at_anomalies(connection: Connection, look: Look, changes: Changes) -> None:
    """Open, restate or end what the forecast found to be far outside of what it had said."""
    rows = rows_of(connection, "anomalies", _AnomalyRow, {"to_position": look.to_position})
    for _, of_one in groupby(rows, key=lambda row: (row.product_id, row.site_id)):
        _tell_of_anomalies(changes, look, list(of_one))


def _tell_of_anomalies(changes: Changes, look: Look, rows: Sequence[_AnomalyRow]) -> None:
    row = rows[0]
    rule = rule_for(
        look.rules,
        "demand_anomaly",
        site_id=row.site_id,
        product_id=row.product_id,
        category=row.category,
    )
    least = rule.at_least_units if rule is not None else None
    found = [
        anomaly
        for anomaly in (each.anomaly for each in rows)
        if anomaly is not None and least is not None and anomaly.beyond >= least
    ]
    if not found:
        if row.alert_id is not None:
            changes.ends.append(row.alert_id)
        return
    detail = {"days": [anomaly.day.isoformat() for anomaly in found]}
    if row.detail == detail:
        return
    message, recommendation = anomaly_words(found, product=row.product, sku=row.sku, site=row.site)
    if row.alert_id is not None:
        changes.restated.append(
            Restatement(row.alert_id, message, recommendation, row.position, detail)
        )
        return
    changes.opens.append(
        Opening(
            kind="demand_anomaly",
            severity="medium",
            site_id=row.site_id,
            product_id=row.product_id,
            message=message,
            recommendation=recommendation,
            position=row.position,
            is_baseline="demand_anomaly" in look.first,
            detail=detail,
        )
    )

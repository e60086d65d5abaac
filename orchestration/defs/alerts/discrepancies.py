"""Discrepancies: levels whose book was short, each of which asks for one count."""

from dataclasses import dataclass

from orchestration.defs.alerts.ledger_look import QUERIES, Connection, Look, rows_of
from orchestration.defs.alerts.lives import Changes, Opening
from orchestration.defs.alerts.shortage_sources import Source
from orchestration.planning.ledger_alerting import Rule, discrepancy_words, rule_for


@dataclass(frozen=True)
class _ShortageRow:
    product_id: int
    sku: str
    product: str
    category: str | None
    location_id: int
    location: str
    site_id: int
    site: str
    position: int
    units: int
    days_ago: float
    recorded_by: int
    source: str


def look_at_shortages(
    connection: Connection, look: Look, changes: Changes, doubted: set[Source]
) -> None:
    """End what was counted; ask for the count of what went short, but for a doubted source's."""
    window = look.window("discrepancy")
    counted = connection.execute(QUERIES.counted_discrepancies.text, window)
    changes.ends += [alert_id for (alert_id,) in counted]
    for row in rows_of(connection, "shortages", _ShortageRow, window):
        rule = rule_for(
            look.rules,
            "discrepancy",
            site_id=row.site_id,
            product_id=row.product_id,
            category=row.category,
        )
        if (row.recorded_by, row.source, row.site_id) not in doubted and _counts(row, rule):
            changes.opens.append(_opening(row, is_baseline="discrepancy" in look.first))


def _counts(row: _ShortageRow, rule: Rule | None) -> bool:
    return (
        rule is not None
        and row.units >= (rule.at_least_units or 0)
        and row.days_ago <= (rule.within_days or 0)
    )


def _opening(row: _ShortageRow, *, is_baseline: bool) -> Opening:
    message, recommendation = discrepancy_words(
        short=row.units, product=row.product, sku=row.sku, location=row.location, site=row.site
    )
    return Opening(
        kind="discrepancy",
        severity="medium",
        site_id=row.site_id,
        product_id=row.product_id,
        location_id=row.location_id,
        recorded_by=row.recorded_by,
        source=row.source or None,
        message=message,
        recommendation=recommendation,
        position=row.position,
        is_baseline=is_baseline,
        detail={"short": row.units},
    )

"""The alerts that follow from the ledger alone, looked at by what moved and once an hour by clock.

Each rule reads the events since the last look and the levels that they touched, never the ledger.
"""

from orchestration.defs.alerts.anomalies import look_at_anomalies
from orchestration.defs.alerts.discrepancies import look_at_shortages
from orchestration.defs.alerts.expiring_lots import look_at_lots
from orchestration.defs.alerts.ledger_look import QUERIES, Connection, Look, rows_of
from orchestration.defs.alerts.lives import Changes
from orchestration.defs.alerts.over_promised import look_at_promises
from orchestration.defs.alerts.shortage_sources import look_at_sources
from orchestration.planning.ledger_alerting import Rule


def look_at_ledger(
    connection: Connection, *, from_position: int, to_position: int, by_the_clock: bool
) -> Changes:
    """What the events in between and, `by_the_clock`, the hour change in these alerts."""
    rules = rows_of(connection, "rules", Rule, {})
    first = frozenset(kind for (kind,) in connection.execute(QUERIES.kinds_without_baseline.text))
    baseline_position = to_position
    if first:
        [(baseline_position,)] = connection.execute(
            QUERIES.baseline_position.text, {"to_position": to_position}
        )
    look = Look(rules, from_position, to_position, baseline_position, first, by_the_clock)
    changes = Changes()
    look_at_promises(connection, look, changes)
    look_at_shortages(connection, look, changes, look_at_sources(connection, look, changes))
    look_at_lots(connection, look, changes)
    look_at_anomalies(connection, look, changes)
    if first:
        connection.execute(QUERIES.remember_baselines.text)
    return changes

"""Sources with shortages on many of their lines: one alert about the mapping of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orchestration.defs.alerts.ledger_look import QUERIES, Connection, Look, rows_of
from orchestration.defs.alerts.lives import Changes, Opening
from orchestration.planning.ledger_alerting import (
    Rule,
    goes_short,
    goes_well_again,
    rule_for,
    shortage_source_words,
    source_name,
)

# Who recorded, the source that was named, or nothing, and the site.
Source = tuple[int, str, int]


@dataclass(frozen=True)
class _SourceRow:
    recorded_by: int
    source: str
    site_id: int
    site: str
    lines: int
    short_lines: int

    @property
    def key(self) -> Source:
        return self.recorded_by, self.source, self.site_id


def look_at_sources(connection: Connection, look: Look, changes: Changes) -> set[Source]:
    """The sources whose mapping is in doubt; their single counts are not asked for."""
    if "shortage_source" in look.first:
        connection.execute(QUERIES.forget_lines.text, {"everything": True})
    elif look.by_the_clock:
        connection.execute(QUERIES.forget_lines.text, {"everything": False})
    counted = connection.execute(QUERIES.count_lines.text, look.window("shortage_source"))
    went_short: set[Source] = {(who, source, site_id) for who, source, site_id in counted}
    found = connection.execute(QUERIES.live_sources.text)
    live: dict[Source, UUID] = {
        (who, source, site_id): alert_id for alert_id, who, source, site_id in found
    }
    doubted = set()
    for row, rule in _judged_sources(connection, look, {*went_short, *live}):
        name = source_name(recorded_by=row.recorded_by, source=row.source)
        short = {"lines": row.lines, "short_lines": row.short_lines}
        if row.key in live:
            if rule is None or goes_well_again(**short, rule=rule):
                changes.ends.append(live[row.key])
            else:
                doubted.add(row.key)
        elif rule is not None and goes_short(**short, rule=rule):
            doubted.add(row.key)
            hours = rule.within_hours or 0
            words = shortage_source_words(source=name, site=row.site, within_hours=hours, **short)
            changes.opens.append(_opening_of_source(look, row, words, short))
    changes.ends += _folded(connection, doubted - set(live))
    return doubted


def _judged_sources(
    connection: Connection, look: Look, sources: Iterable[Source]
) -> list[tuple[_SourceRow, Rule | None]]:
    keys = sorted(sources)
    if not keys:
        return []
    rules = {
        site_id: rule_for(look.rules, "shortage_source", site_id=site_id)
        for site_id in {site_id for _, _, site_id in keys}
    }
    hours = {site_id: rule.within_hours if rule else 1 for site_id, rule in rules.items()}
    rows = rows_of(
        connection,
        "lines_of_sources",
        _SourceRow,
        {**_columns(keys), "within_hours": [hours[site_id] for _, _, site_id in keys]},
    )
    return [(row, rules[row.site_id]) for row in rows]


def _opening_of_source(
    look: Look, row: _SourceRow, words: tuple[str, str], detail: Mapping[str, int]
) -> Opening:
    return Opening(
        kind="shortage_source",
        severity="high",
        site_id=row.site_id,
        recorded_by=row.recorded_by,
        source=row.source or None,
        message=words[0],
        recommendation=words[1],
        position=look.to_position,
        is_baseline="shortage_source" in look.first,
        detail=detail,
    )


def _folded(connection: Connection, sources: Iterable[Source]) -> list[UUID]:
    keys = sorted(sources)
    if not keys:
        return []
    found = connection.execute(QUERIES.discrepancies_of_sources.text, _columns(keys))
    return [alert_id for (alert_id,) in found]


def _columns(keys: Sequence[Source]) -> dict[str, list[Any]]:
    return {
        "recorded_by": [recorded_by for recorded_by, _, _ in keys],
        "sources": [source for _, source, _ in keys],
        "site_ids": [site_id for _, _, site_id in keys],
    }

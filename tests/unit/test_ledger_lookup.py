"""The past of a product is read as far back as it must be, and no further."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.ledger.lookup import Cut
from api.ledger.stock import moment_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LAST = 1000


def _at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def _recorded(*minutes: float, **more: Any) -> list[dict[str, Any]]:
    """Movements of one place in the order in which they were recorded, the newest first."""
    latest, rows = moment_of(_at(-1), 1), []
    for position, minute in enumerate(minutes, LAST - len(minutes) + 1):
        rows.append(
            {
                "position": position,
                "location_id": 1,
                "last_moment_before": latest,
                "occurred_at": _at(minute),
                "happened_at": _at(minute),
                "caused_by": None,
            }
            | more.get(f"at_{position}", {})
        )
        latest = max(latest, moment_of(_at(minute), 1))
    return rows[::-1]


def _read(
    rows: list[dict[str, Any]], bound: float, others: dict[int, int | None] | None = None
) -> list[int] | None:
    """The positions that have to be replayed; None where the past goes back further."""
    now = max(moment_of(row["occurred_at"], 1) for row in rows)
    cut = Cut(_at(bound), {1: now, **(others or {})})
    return [row["position"] for row in cut.rows] if cut.found(rows) else None


def test_of_a_long_past_in_order_only_what_happened_later_is_read() -> None:
    assert _read(_recorded(*range(500)), 497.5) == [1000, 999]


def test_what_was_told_late_is_read_back_to_where_it_belongs() -> None:
    assert _read(_recorded(0, 1, 2, 3, 4, 2.5, 5, 6), 5.5) == [1000]
    assert _read(_recorded(0, 1, 2, 3, 4, 2.5, 5, 6), 4.5) == [1000, 999]
    assert _read(_recorded(0, 1, 2, 3, 4, 2.5, 5, 6), 3.5) == [1000, 999, 998, 997, 996]


def test_of_one_instant_all_is_read() -> None:
    assert _read(_recorded(0, 1, 2, 2, 2, 3), 2) == [1000, 999, 998, 997]


def test_an_undone_event_counts_from_its_own_time_on() -> None:
    undoes_the_first = {"at_1000": {"happened_at": _at(1)}}
    assert _read(_recorded(0, 1, 2, 3, 4, **undoes_the_first), 3.5) == [1000, 999, 998, 997]


@pytest.mark.parametrize(
    "derived", [{"at_999": {"caused_by": 1000}}, {"at_1000": {"caused_by": 999}}]
)
def test_what_is_derived_is_not_parted_from_its_cause(derived: dict[str, Any]) -> None:
    # given a moment that would part them, were they events of their own
    rows = _recorded(0, 1, 2, 3, **derived)
    rows[0]["happened_at"] = rows[0]["occurred_at"] = _at(5)
    assert _read(rows, 4) == [1000, 999]


def test_a_place_whose_past_is_unknown_is_read_whole() -> None:
    assert _read(_recorded(0, 1, 2, 3), 2.5, {2: None}) is None
    assert _read(_recorded(0, 1, 2, 3), 2.5, {2: moment_of(_at(2.6), 0)}) is None
    assert _read(_recorded(0, 1, 2, 3), 2.5, {2: moment_of(_at(2.4), 0)}) == [1000]

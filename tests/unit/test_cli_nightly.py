"""When the nightly backup is due."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.nightly import is_due

_NIGHT = datetime(2026, 1, 31, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "newest", "due"),
    [
        (_NIGHT, None, True),
        (_NIGHT, _NIGHT - timedelta(hours=1), True),
        (_NIGHT + timedelta(hours=9), _NIGHT + timedelta(minutes=1), False),
        (_NIGHT + timedelta(hours=23), _NIGHT + timedelta(minutes=1), False),
        (_NIGHT + timedelta(hours=24), _NIGHT + timedelta(minutes=1), True),
        (_NIGHT + timedelta(days=3, hours=7), _NIGHT, True),  # the nights between were missed
        (_NIGHT - timedelta(seconds=1), _NIGHT - timedelta(hours=23), False),
    ],
)
def test_a_backup_is_due_once_after_each_strike_of_its_hour(
    now: datetime, newest: datetime | None, due: bool
) -> None:
    assert is_due(now, newest, hour=2) is due

"""Where Dagster keeps its tables, and when the next refresh may begin."""

import pytest
from sqlalchemy.engine import make_url

from orchestration.defs.refresh.ledger_moved import LastRefreshes, seconds_to_wait
from orchestration.settings import Settings, dagster_storage_url

ROLE = "-csearch_path=dagster -crole=parstock_orchestration"


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("postgresql://me:p%40ss@db.example:6543/shop", ROLE),
        ("postgres://me:p%40ss@db.example:6543/shop", ROLE),
        (
            "postgresql://me:p%40ss@db.example:6543/shop?sslmode=require&options=-cfoo.bar%3D1",
            f"-cfoo.bar=1 {ROLE}",
        ),
    ],
)
def test_dagster_is_given_the_same_server_with_its_schema_and_role(
    given: str, options: str
) -> None:
    made = dagster_storage_url(given)

    known = make_url(made)
    assert known.drivername == "postgresql"
    assert (known.host, known.port, known.database) == ("db.example", 6543, "shop")
    assert (known.username, known.password) == ("me", "p@ss")
    assert known.query["options"] == options
    assert ("sslmode" in known.query) == ("sslmode" in given)


def test_slack_is_asked_at_an_address_that_ends_in_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/shop")
    monkeypatch.setenv("SLACK_API_URL", "http://127.0.0.1:8765/api")
    monkeypatch.setenv("SLACK_BOT_TOKEN", " ")

    settings = Settings()

    assert settings.slack_api_url == "http://127.0.0.1:8765/api/"
    assert settings.slack_bot_token is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", ""),
        ("SLACK_API_URL", "slack.example"),
        ("PARSTOCK_REFRESH_INTERVAL_SECONDS", "often"),
    ],
)
def test_a_malformed_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/shop")
    monkeypatch.setenv(variable, value)

    with pytest.raises(ValueError, match=variable):
        Settings()


def last(
    *,
    since_start: float | None = None,
    since_end: float | None = None,
    duration: float | None = None,
    failures: int = 0,
) -> LastRefreshes:
    return LastRefreshes(
        cursor_position=10,
        has_succeeded=True,
        seconds_since_start=since_start,
        seconds_since_end=since_end,
        last_duration_seconds=duration,
        failures_in_a_row=failures,
    )


def test_the_first_refresh_begins_at_once() -> None:
    assert seconds_to_wait(last(), interval_s=15) == 0


def test_a_refresh_begins_an_interval_after_the_last_one_began() -> None:
    now = last(since_start=4, since_end=2, duration=2)

    assert seconds_to_wait(now, interval_s=15) == 11


def test_a_long_refresh_is_followed_by_a_rest_of_an_interval_at_most() -> None:
    middling = last(since_start=14, since_end=2, duration=12)
    long = last(since_start=100, since_end=2, duration=98)

    assert seconds_to_wait(middling, interval_s=15) == 10
    assert seconds_to_wait(long, interval_s=15) == 13


def test_each_failure_in_a_row_doubles_the_interval_up_to_a_quarter_of_an_hour() -> None:
    assert seconds_to_wait(last(since_start=0, failures=2), interval_s=15) == 60
    assert seconds_to_wait(last(since_start=0, failures=50), interval_s=15) == 900

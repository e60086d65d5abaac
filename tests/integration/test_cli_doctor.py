"""The doctor sees what is wrong, says what to do, and changes nothing."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from cli.main import main
from tests.integration.ledger_shop import execute
from tests.integration.small_shop import BEAR, CLAW, SmallShop
from tests.slack_server import TOKEN, slack_server

_CHECKS = [
    *("settings", "disk", "ports", "backup", "slack", "database", "migrations", "clock"),
    *("permissions", "balances", "plan", "alerts", "dagster"),
]


class Doctor:
    """Asked in this process, in an environment of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        self.set = monkeypatch.setenv
        for name in ("DATABASE_URL", "SLACK_BOT_TOKEN", "SLACK_API_URL"):
            monkeypatch.delenv(name, raising=False)
        self.set("PARSTOCK_HOME", str(home))

    def findings(self, *, exit_code: int) -> dict[str, dict[str, Any]]:
        done = CliRunner().invoke(main, ["doctor", "--json"])
        assert done.exit_code == exit_code, done.output
        return {finding["name"]: finding for finding in json.loads(done.stdout)}


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Doctor:
    return Doctor(monkeypatch, tmp_path / "home")


@pytest.fixture
def shop(database_url: str) -> SmallShop:
    made = SmallShop(database_url)
    made.open()
    for change in (30, -7):
        made.move(BEAR, CLAW, change)
    return made


def test_a_well_database_has_a_line_for_everything_and_no_failure(
    doctor: Doctor, shop: SmallShop, database_url: str
) -> None:
    doctor.set("DATABASE_URL", database_url)
    with slack_server() as slack:
        doctor.set("SLACK_API_URL", slack.base_url)
        doctor.set("SLACK_BOT_TOKEN", TOKEN)
        findings = doctor.findings(exit_code=0)

    assert list(findings) == ["settings", "disk", "ports", "backup", "slack", *_CHECKS[5:]]
    well = [name for name in _CHECKS if findings[name]["status"] == "ok"]
    assert set(_CHECKS) - set(well) <= {"dagster", "disk", "ports"}
    assert "all 1 levels" in findings["balances"]["found"]

    told = CliRunner().invoke(main, ["doctor"])
    assert f"{'ok':<8} {'balances':<12} all 1 levels" in told.output


def test_what_is_wrong_is_named_with_what_to_do(
    doctor: Doctor, shop: SmallShop, database_url: str
) -> None:
    # given a level that nobody moved, a right too many and one too few, refusals, old events
    doctor.set("DATABASE_URL", database_url)
    doctor.set("PARSTOCK_BACKUPS_KEPT", "0")
    with psycopg.connect(database_url) as connection:
        connection.execute("select pg_advisory_xact_lock(ledger.lock_key())")
        connection.execute("update ledger.stock_levels set on_hand = on_hand + 1")
        connection.execute("grant delete on ledger.movements to parstock_api")
        connection.execute("revoke insert on ledger.movements from parstock_api")
        connection.execute("alter table ledger.inventory_events disable trigger user")
        connection.execute(
            "update ledger.inventory_events set recorded_at = recorded_at - interval '1 hour',"
            " occurred_at = occurred_at - interval '1 hour'"
        )
        connection.execute(
            "create table dagster.daemon_heartbeats (timestamp timestamp without time zone)"
        )
        connection.execute(
            "insert into dagster.daemon_heartbeats"
            " select (now() at time zone 'UTC') - interval '1 hour'"
        )

    with slack_server() as slack:
        doctor.set("SLACK_API_URL", slack.base_url)
        doctor.set("SLACK_BOT_TOKEN", "xoxb-of-someone-else")
        findings = doctor.findings(exit_code=1)

    wrong = {name: each["status"] for name, each in findings.items() if each["status"] != "ok"}
    assert wrong == {
        **{name: wrong[name] for name in ("disk", "ports") if name in wrong},
        "backup": "warning",
        "slack": "failure",
        "permissions": "failure",
        "balances": "failure",
        "plan": "warning",
        "alerts": "warning",
        "dagster": "warning",
    }
    assert all(findings[name]["advice"] for name in wrong)
    assert findings["permissions"]["found"] == (
        "parstock_api may not insert ledger.movements; parstock_api may delete ledger.movements"
    )
    assert "1 of all 1 levels" in findings["balances"]["found"]
    assert "xoxb" not in json.dumps(findings)


def test_a_schema_of_another_version_is_told_and_the_rest_left_alone(
    doctor: Doctor, database_url: str
) -> None:
    doctor.set("DATABASE_URL", database_url)
    execute(database_url, "delete from parstock.migrations where number = 7")
    findings = doctor.findings(exit_code=1)
    assert "0007_imports not applied" in findings["migrations"]["found"]
    assert findings["migrations"]["advice"] == "run `parstock migrate`"
    assert "balances" not in findings


def test_without_a_running_database_it_says_so_and_starts_none(
    doctor: Doctor, tmp_path: Path
) -> None:
    findings = doctor.findings(exit_code=0)
    assert findings["database"]["status"] == "warning"
    assert "parstock start" in findings["database"]["advice"]
    assert list((tmp_path / "home").glob("postgres-*")) == []


def test_settings_that_are_malformed_are_the_first_thing_told(doctor: Doctor) -> None:
    doctor.set("PARSTOCK_SIMULATE", "often")
    findings = doctor.findings(exit_code=1)
    assert list(findings) == ["settings"]
    assert "PARSTOCK_SIMULATE" in findings["settings"]["found"]

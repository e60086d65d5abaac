"""The whole road, started as a user starts it: a sale becomes an alert in Slack and a plan line."""

import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import psutil
import pytest

from bench.program import Program, wait_for
from bench.road import emptiable_product, sell
from tests.conftest import shared_data
from tests.slack_server import CHANNEL_NAME, SlackServer, slack_server

ALERT_WITHIN_S = 8.0
PLAN_WITHIN_S = 60.0

pytestmark = [pytest.mark.timeout(900)]


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with slack_server() as server:
        yield server


def started(slack: SlackServer, home: Path, **settings: str) -> Program:
    program = Program(
        home,
        {
            "SLACK_BOT_TOKEN": slack.token,
            "SLACK_CHANNEL": CHANNEL_NAME,
            "SLACK_API_URL": slack.base_url,
            "PARSTOCK_SIMULATE": "0",
            **settings,
        },
    )
    program.up()
    program.wait_until_pages_answer(timeout_s=300)
    program.sign_in()
    return program


@pytest.fixture
def arcade(slack: SlackServer) -> Iterator[Program]:
    with tempfile.TemporaryDirectory(prefix="parstock-road-", ignore_cleanup_errors=True) as at:
        Path(at).chmod(0o755)
        program = started(slack, Path(at) / "home")
        try:
            yield program
        finally:
            program.interrupt()


@pytest.fixture
def shop(slack: SlackServer) -> Iterator[Program]:
    """A month of Online Retail in an otherwise empty program."""
    whole = shared_data("online_retail.parquet")
    with tempfile.TemporaryDirectory(prefix="parstock-road-", ignore_cleanup_errors=True) as at:
        Path(at).chmod(0o755)
        month = Path(at) / "november.parquet"
        duckdb.execute(
            "copy (select * from read_parquet($1) where InvoiceDate >= '2011-11-01'"
            " and InvoiceDate < '2011-12-01') to $2 (format parquet)",
            [str(whole), str(month)],
        )
        program = started(slack, Path(at) / "home", PARSTOCK_DEMO="0")
        try:
            program.parstock("import", str(month))
            yield program
        finally:
            program.interrupt()


def empty_every_place(program: Program) -> tuple[str, float]:
    """Sell all of a product that has no open alert, the selling places last.

    Answers its sku and when the last sale went.
    """
    selling = {row["code"] for row in program.everything("/v1/locations") if row["selling"]}
    levels = emptiable_product(program)
    for level in sorted(levels, key=lambda level: level["location"] in selling):
        went = time.monotonic()
        sell(program, level)
        after = program.get(f"/v1/stock-levels?sku={level['sku']}&location={level['location']}")
        assert [row["on_hand"] for row in after["items"]] == [0]
    return levels[0]["sku"], went


def is_told(slack: SlackServer, sku: str) -> bool | None:
    """Of the last sale: by those behind the shelf it may have been called low before."""
    return any(f"({sku}) is critically low" in text for text in slack.texts()) or None


def wait_for_the_alert(program: Program, slack: SlackServer, sku: str, went: float) -> None:
    wait_for(
        f"the alert about {sku} at the Slack server",
        lambda: is_told(slack, sku),
        timeout_s=ALERT_WITHIN_S - (time.monotonic() - went),
        interval_s=0.05,
    )
    alerts = [row for row in program.everything("/v1/alerts?status=open") if row["sku"] == sku]
    assert "critical" in {alert["severity"] for alert in alerts}


def wait_for_the_plan_line(program: Program, sku: str, went: float) -> dict[str, Any]:
    def line() -> dict[str, Any] | None:
        plan = program.everything("/v1/restock-plan")
        return next((row for row in plan if row["sku"] == sku), None)

    left = PLAN_WITHIN_S - (time.monotonic() - went)
    return wait_for(f"the plan line of {sku}", line, timeout_s=left)


def upstream_of(program: Program, key: list[str]) -> set[tuple[str, ...]]:
    """Every asset above `key`, as Dagster's own GraphQL knows it."""
    query = "{assetNodes{assetKey{path} dependencyKeys{path}}}"
    answer = httpx.post(program.dagster_url + "/graphql", json={"query": query}, timeout=60)
    above = {
        tuple(node["assetKey"]["path"]): [tuple(part["path"]) for part in node["dependencyKeys"]]
        for node in answer.json()["data"]["assetNodes"]
    }
    found: set[tuple[str, ...]] = set()
    ahead = [tuple(key)]
    while ahead:
        for parent in above.get(ahead.pop(), []):
            if parent not in found:
                found.add(parent)
                ahead.append(parent)
    return found


def walk_the_road(program: Program, slack: SlackServer) -> None:
    program.wait_until_alerts_are_ready(timeout_s=300)
    program.wait_until_dagster_answers(timeout_s=120)
    sku, went = empty_every_place(program)
    wait_for_the_alert(program, slack, sku, went)
    line = wait_for_the_plan_line(program, sku, went)
    assert line["quantity"] > 0
    assert line["inventory_position"] <= line["reorder_point"]
    above = upstream_of(program, ["alerts", "alerts"])
    assert {("ledger", "stock_levels"), ("ledger", "inventory_events")} <= above
    assert ("planning", "policies") in above


def processes_of(program: Program) -> list[psutil.Process]:
    """All that it started, in whatever session, its database too."""
    assert program.process is not None
    found: list[psutil.Process] = psutil.Process(program.process.pid).children(recursive=True)
    return found


def test_a_sale_in_the_arcade_becomes_an_alert_and_a_plan_line(
    arcade: Program, slack: SlackServer
) -> None:
    walk_the_road(arcade, slack)

    # And Ctrl-C in its terminal ends all that was started.
    started = processes_of(arcade)
    assert len(started) > len({"api", "code", "worker", "dagster", "daemon", "postgres"})
    arcade.interrupt()
    assert arcade.process is not None
    # make, which was interrupted too, says so once what it ran has ended.
    assert arcade.process.returncode in (0, -signal.SIGINT)
    assert "stopped; the data stay" in arcade.output
    assert psutil.wait_procs(started, timeout=5)[1] == []


def test_a_month_of_online_retail_becomes_alerts_and_a_plan(
    shop: Program, slack: SlackServer
) -> None:
    walk_the_road(shop, slack)

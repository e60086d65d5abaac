"""Alerts that follow from the ledger alone: promises, counts, sources, lots near their day."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from db.connect import ORCHESTRATION_ROLE, connect
from orchestration.defs.alerts.evaluation import Evaluation, evaluate
from orchestration.defs.alerts.sender import Sender
from orchestration.resources import Slack
from tests.integration.ledger_shop import (
    BACK,
    BEAR,
    CLAW,
    DUCK,
    ELSEWHERE,
    SHELF,
    execute,
    furnish,
    query,
    row,
)
from tests.serving import serving
from tests.slack_server import CHANNEL_NAME, TOKEN, slack_server

Connection = psycopg.Connection[tuple[Any, ...]]
TODAY = datetime.now(UTC).date()


@dataclass
class World:
    """A shop that records over HTTP, and whose alerts are looked at."""

    database_url: str
    api: httpx.Client
    connection: Connection

    def record(self, event_type: str, **fields: Any) -> dict[str, Any]:
        answer = self.api.post("/v1/inventory-events", json=row(event_type, **fields))
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def record_all(self, rows: list[dict[str, Any]]) -> None:
        answer = self.api.post("/v1/inventory-events/batch", json={"events": rows})
        assert {each["status"] for each in answer.json()["results"]} == {"recorded"}, answer.text

    def look(self) -> Evaluation:
        looked = evaluate(self.connection)
        assert looked is not None
        return looked

    def look_an_hour_later(self) -> Evaluation:
        execute(
            self.database_url,
            "update alerts.evaluation set looked_at_clock = now() - interval '61 minutes'",
        )
        return self.look()

    def live(self) -> list[dict[str, Any]]:
        items = self.api.get("/v1/alerts").json()["items"]
        return [item for item in items if item["status"] != "resolved"]

    def to_count(self) -> list[tuple[str, str, int]]:
        items = self.api.get("/v1/count-requests").json()["items"]
        return [(item["sku"], item["location"], item["short"]) for item in items]

    def outbox(self) -> list[tuple[str, int]]:
        return query(
            self.database_url,
            "select kind, count(*)::int from alerts.outbox group by kind order by kind",
        )


@pytest.fixture
def new(database_url: str) -> Iterator[World]:
    """A shop with a plan, which was not looked at yet."""
    key = furnish(database_url)
    execute(
        database_url,
        "insert into planning.refreshes (scope, from_position, to_position, finished_at, status)"
        " values ('full', 0, 0, now(), 'succeeded')",
    )
    with (
        serving(database_url) as address,
        httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30
        ) as api,
        closing(connect(database_url, role=ORCHESTRATION_ROLE, autocommit=True)) as connection,
    ):
        yield World(database_url, api, connection)


@pytest.fixture
def world(new: World) -> World:
    """The shop after the first look, which found nothing."""
    assert new.look().was_baseline
    assert new.live() == []
    return new


def in_days(days: int) -> str:
    return str(TODAY + timedelta(days=days))


def test_what_a_first_look_finds_is_told_in_one_digest(new: World) -> None:
    new.record("sold", location=ELSEWHERE, quantity=3)
    new.record("received", location=BACK, quantity=5, lot="OLD", expires_on=in_days(-30))

    assert new.look().opened == 2

    assert {alert["kind"] for alert in new.live()} == {"discrepancy", "expiring_lot"}
    assert query(new.database_url, "select kind, payload from alerts.outbox") == [
        ("digest", {"alerts": 2, "kinds": ["discrepancy", "expiring_lot"]})
    ]


def test_a_rule_of_ones_own_has_a_first_look_of_its_own(world: World) -> None:
    world.record("received", location=BACK, quantity=5, lot="LATE", expires_on=in_days(40))
    assert world.look().opened == 0

    execute(
        world.database_url,
        "insert into alerts.rules (kind, product_id, within_days)"
        " select 'expiring_lot', product_id, 60 from catalog.products where sku = %s",
        BEAR,
    )
    assert world.look().opened == 1

    assert world.outbox() == [("digest", 1)]
    assert evaluate(world.connection) is None


def test_a_broken_promise_is_told_until_it_is_kept_or_over(world: World) -> None:
    world.record("received", location=SHELF, quantity=10)
    world.record("reserved", location=SHELF, quantity=4, reference="order-1")
    second = world.record("reserved", location=SHELF, quantity=3, reference="order-2")
    world.record("reserved", location=SHELF, quantity=3, reference="order-3")
    assert world.look().opened == 0

    world.record("counted", location=SHELF, quantity=6)
    assert world.look().opened == 1
    [alert] = world.live()
    assert (alert["kind"], alert["severity"], alert["sku"]) == ("over_promised", "high", BEAR)
    assert alert["message"] == (
        "Plush bear (BEAR) is over-promised at Near, 4 more than there is:"
        " order-3 lost 3 at SHELF-01, order-2 lost 1 at SHELF-01."
    )

    # What is left of order-2 goes out: nobody waits for its last bear any more.
    world.record("shipped", sku=..., location=..., quantity=2, reservation=second["event_id"])
    looked = world.look()
    assert (looked.opened, looked.ended) == (0, 0)
    [alert] = world.live()
    assert "order-2" not in alert["message"]

    world.record("received", location=SHELF, quantity=2)
    assert world.look().ended == 0
    world.record("received", location=SHELF, quantity=1)
    assert world.look().ended == 1
    assert world.live() == []


def test_a_promise_made_again_ends_the_alert_and_another_place_does_not(world: World) -> None:
    world.record("received", location=SHELF, quantity=5)
    world.record("received", location=BACK, quantity=5)
    world.record("reserved", location=SHELF, quantity=5, reference="order-1")
    world.record("adjusted", location=SHELF, quantity=..., quantity_change=-5, reason="damaged")
    assert world.look().opened == 1
    assert world.look_an_hour_later().ended == 0

    world.record("reserved", location=BACK, quantity=5, reference="order-2")
    assert world.look().ended == 0
    world.record("received", location=BACK, quantity=5)
    world.record("reserved", location=BACK, quantity=5, reference="order-1")
    assert world.look().ended == 1


def test_a_shortage_asks_for_one_count_and_the_count_answers_it(world: World) -> None:
    world.record("received", location=SHELF, quantity=2)
    world.record("sold", location=SHELF, quantity=2)
    assert world.look().opened == 0

    world.record("sold", location=SHELF, quantity=3)
    world.record("sold", location=ELSEWHERE, sku=DUCK, quantity=1)
    assert world.look().opened == 2
    world.record("sold", location=SHELF, quantity=1)
    assert world.look().opened == 0
    assert sorted(world.to_count()) == [(BEAR, SHELF, 3), (DUCK, ELSEWHERE, 1)]
    [first] = world.api.get("/v1/count-requests", params={"limit": 1}).json()["items"]
    assert first["reason"] == "book_shortage"
    only = world.api.get("/v1/count-requests", params={"site": "far"}).json()["items"]
    assert [item["location"] for item in only] == [ELSEWHERE]
    [alert] = [each for each in world.live() if each["location"] == SHELF]
    assert alert["recommendation"] == "Count BEAR at SHELF-01."

    world.record("counted", location=BACK, quantity=0)
    assert world.look().ended == 0
    world.record("counted", location=SHELF, quantity=7)
    assert world.look().ended == 1
    assert world.to_count() == [(DUCK, ELSEWHERE, 1)]


def test_a_shortage_that_was_a_late_receipt_needs_no_count(world: World) -> None:
    now = datetime.now(UTC)
    world.record(
        "sold", location=SHELF, quantity=3, occurred_at=(now - timedelta(hours=2)).isoformat()
    )
    assert world.look().opened == 1

    world.record(
        "received", location=SHELF, quantity=8, occurred_at=(now - timedelta(hours=3)).isoformat()
    )
    assert world.look().ended == 1
    assert world.to_count() == []


def test_a_shortage_whose_sale_was_undone_needs_no_count(world: World) -> None:
    undo: dict[str, Any] = {"sku": ..., "location": ..., "quantity": ...}
    told = world.record("sold", location=SHELF, quantity=3)
    assert world.look().opened == 1
    world.record("reversed", reverses=told["event_id"], **undo)
    assert world.look().ended == 1
    assert world.to_count() == []
    # nor where both came between two looks
    told = world.record("sold", location=ELSEWHERE, quantity=3)
    world.record("reversed", reverses=told["event_id"], **undo)
    assert world.look().opened == 0


def test_a_source_that_is_often_short_is_one_alert_about_its_mapping(world: World) -> None:
    world.record("received", location=BACK, quantity=100)
    good = [row("sold", location=BACK, source="till-good") for _ in range(25)]
    bad = [row("sold", location=ELSEWHERE, sku=DUCK, source="till-bad") for _ in range(3)]
    world.record_all([*good, *bad])
    # Three lines say too little of a source, so each place is asked for.
    assert world.look().opened == 1
    assert world.to_count() == [(DUCK, ELSEWHERE, 3)]

    world.record_all(
        [row("sold", location=ELSEWHERE, sku=sku, source="till-bad") for sku in [BEAR, DUCK] * 9]
    )
    looked = world.look()
    assert (looked.opened, looked.ended) == (1, 1)
    [alert] = world.live()
    assert (alert["kind"], alert["source"], alert["site"]) == ("shortage_source", "till-bad", "far")
    assert alert["sku"] is None
    assert alert["message"] == (
        "till-bad at Far: 21 of 21 lines in 24 hours took more than the book held."
    )
    assert world.to_count() == []
    for page in ("/", "/alerts"):
        assert "till-bad" in world.api.get(page).text, page
    with slack_server() as server:
        slack = Slack(token=TOKEN, base_url=server.base_url, channel=CHANNEL_NAME)
        sender = Sender(world.connection, slack.get_client(), slack.to_channel)
        while sender.send_due() == 0.0:
            continue
        # The single request was over before it was told.
        [message] = server.messages.values()
    assert message.text.startswith("till-bad at Far: 21 of 21 lines")

    # Well again is below half of what opened it: 21 of 211 lines.
    world.record("received", location=ELSEWHERE, quantity=500)
    well = [row("sold", location=ELSEWHERE, source="till-bad") for _ in range(190)]
    world.record_all(well[:180])
    assert world.look().ended == 0
    world.record_all([*well[180:], row("sold", location=ELSEWHERE, source="till-bad")])
    assert world.look().ended == 1


def test_a_lot_near_its_day_is_told_until_it_is_used(world: World) -> None:
    near, far = in_days(10), in_days(20)
    world.record("received", location=BACK, quantity=4, lot="A", expires_on=near)
    world.record("received", location=BACK, quantity=4, lot="B", expires_on=far)
    world.record("received", location=BACK, sku=DUCK, quantity=4, lot="A", expires_on=far)
    assert world.look().opened == 1
    [alert] = world.live()
    assert alert["message"] == (f"Plush bear (BEAR) at Near: lot A expires {near} (4 on hand).")
    assert alert["recommendation"] == "Use A first."

    world.record("received", location=SHELF, quantity=1, lot="C", expires_on=in_days(-2))
    assert world.look().opened == 0
    [alert] = world.live()
    assert "lot C expired" in alert["message"]
    messages = world.outbox()
    world.record("sold", location=BACK, quantity=1)
    world.look()
    assert world.outbox() == messages, "a sale is not worth a message"

    world.record("adjusted", location=SHELF, quantity=..., quantity_change=-1, reason="expired")
    world.record("sold", location=BACK, quantity=3)
    assert world.look().ended == 1


def test_the_clock_alone_brings_a_lot_near_its_day(world: World) -> None:
    world.record("received", location=BACK, quantity=4, lot="A", expires_on=in_days(20))
    assert world.look().opened == 0
    execute(world.database_url, "update ledger.lots set expires_on = %s", TODAY)

    assert evaluate(world.connection) is None
    assert world.look_an_hour_later().opened == 1


def test_a_rule_that_is_off_opens_nothing(world: World) -> None:
    execute(world.database_url, "update alerts.rules set is_on = false")
    world.record("sold", location=CLAW, quantity=3)
    world.record("received", location=BACK, quantity=4, lot="A", expires_on=in_days(1))
    world.record("reserved", location=BACK, quantity=4)
    world.record("counted", location=BACK, quantity=0)

    assert world.look().opened == 0


def test_unusual_demand_is_confirmed_once_and_nothing_else_can_be(
    world: World,
) -> None:
    # given a day of bears that was far outside of its forecast
    execute(
        world.database_url,
        "insert into planning.anomalies"
        " (product_id, site_id, day, demand, expected, low, high)"
        " select product_id, site_id, current_date - 1, 60, 10, 2, 22"
        " from catalog.products, catalog.sites where sku = 'BEAR' and code = 'near'",
    )
    world.look_an_hour_later()
    [alert] = world.live()
    assert (alert["kind"], alert["sku"]) == ("demand_anomaly", BEAR)
    assert "60 on" in alert["message"]
    # when it is confirmed, twice
    path = f"/v1/alerts/{alert['alert_id']}/confirm"
    answers = [world.api.post(path).json()["status"] for _ in range(2)]
    # then the day is, the alert is over, and it is told once that it is
    assert answers == ["resolved", "resolved"]
    assert query(world.database_url, "select confirmed_by is not null from planning.anomalies") == [
        (True,)
    ]
    world.look_an_hour_later()
    assert world.live() == []
    # and an alert of another kind has nothing to confirm
    other = "00000000-0000-4000-8000-000000000000"
    assert world.api.post(f"/v1/alerts/{other}/confirm").status_code == 404
    execute(world.database_url, "update alerts.alerts set kind = 'discrepancy'")
    assert world.api.post(path).status_code == 409


def test_an_anomaly_that_somebody_resolved_is_not_told_again(world: World) -> None:
    execute(
        world.database_url,
        "insert into planning.anomalies"
        " (product_id, site_id, day, demand, expected, low, high)"
        " select product_id, site_id, current_date - 1, 60, 10, 2, 22"
        " from catalog.products, catalog.sites where sku = 'BEAR' and code = 'near'",
    )
    world.look_an_hour_later()
    [alert] = world.live()
    assert world.api.post(f"/v1/alerts/{alert['alert_id']}/resolve").status_code == 200
    world.look_an_hour_later()
    assert world.live() == []
    # and what nobody told of ends by itself when it was no anomaly after all
    execute(
        world.database_url,
        "insert into planning.anomalies"
        " (product_id, site_id, day, demand, expected, low, high)"
        " select product_id, site_id, current_date - 2, 0, 30, 20, 40"
        " from catalog.products, catalog.sites where sku = 'DUCK' and code = 'near'",
    )
    world.look_an_hour_later()
    assert [each["sku"] for each in world.live()] == [DUCK]
    execute(world.database_url, "delete from planning.anomalies where demand = 0")
    world.look_an_hour_later()
    assert world.live() == []

"""Alerts and the summary over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import psycopg
import pytest

from db.connect import connect
from tests.integration.planned_shop import BEAR, DUCK, PlannedShop, planned_shop
from tests.serving import let_in, serving, with_token


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    return planned_shop(database_url)


@pytest.fixture
def api(shop: PlannedShop) -> Iterator[httpx.Client]:
    let_in(shop.database_url)
    with serving(shop.database_url) as address, with_token(address) as client:
        yield client


def test_without_a_key_nothing_is_told(api: httpx.Client) -> None:
    for path in ("/v1/alerts", "/v1/summary"):
        answer = httpx.get(f"{api.base_url}{path}", timeout=30)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"


def test_an_alert_is_told_with_every_field_of_the_interface(
    api: httpx.Client, shop: PlannedShop
) -> None:
    alert_id = shop.alert(BEAR, message="Bears are low.")
    answer = api.get("/v1/alerts")
    assert answer.json() == {
        "items": [
            {
                "alert_id": str(alert_id),
                "kind": "critical_low",
                "severity": "critical",
                "status": "open",
                "sku": BEAR,
                "location": None,
                "site": "riverside",
                "source": None,
                "message": "Bears are low.",
                "recommendation": "Refill 10 from BACK-01.",
                "opened_at": "2026-11-20T08:00:00Z",
                "resolved_at": None,
                "snoozed_until": None,
            }
        ],
        "next_cursor": None,
    }


def test_pages_go_on_where_the_last_one_ended(api: httpx.Client, shop: PlannedShop) -> None:
    made = [
        shop.alert(BEAR, opened_at="2026-11-20T09:00Z"),
        shop.alert(DUCK, opened_at="2026-11-20T08:00Z"),
        shop.alert(BEAR, kind="low", severity="medium", opened_at="2026-11-20T08:00Z"),
    ]
    told, cursor = [], None
    while True:
        answer = api.get(
            "/v1/alerts", params={"limit": 1, **({"cursor": cursor} if cursor else {})}
        )
        told += [item["alert_id"] for item in answer.json()["items"]]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            break
    assert told == [str(made[0]), *sorted(map(str, made[1:]))]


def test_filters_keep_what_was_asked_for(api: httpx.Client, shop: PlannedShop) -> None:
    critical = shop.alert(BEAR)
    shop.alert(DUCK, kind="low", severity="medium")
    answer = api.get("/v1/alerts", params={"status": "open", "severity": "critical"})
    assert [item["alert_id"] for item in answer.json()["items"]] == [str(critical)]
    assert api.get("/v1/alerts", params={"status": "resolved"}).json()["items"] == []


BAD_FILTERS = [
    {"status": "gone"},
    {"severity": "extreme"},
    {"limit": "0"},
    {"limit": "1001"},
    {"cursor": "nonsense"},
    {"cursor": "WyJ4IiwieSJd"},  # ["x","y"]: of the right shape, but no moment and no id
    {"cursor": "WzEsMl0"},
]


def test_a_filter_that_cannot_be_is_named(api: httpx.Client) -> None:
    for filters in BAD_FILTERS:
        answer = api.get("/v1/alerts", params=filters)
        assert answer.status_code == 422, filters
        assert next(iter(filters)) in str(answer.json()["errors"])


def heard(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    """What was notified before this: notifications come in the order of their commits."""
    connection.execute("notify parstock_outbox, 'the last one'")
    payloads = []
    for note in connection.notifies(timeout=30):
        if note.payload == "the last one":
            break
        payloads.append(note.channel)
    return payloads


def test_acknowledging_twice_is_told_to_slack_once(api: httpx.Client, shop: PlannedShop) -> None:
    alert_id = shop.alert(BEAR)
    with connect(shop.database_url, autocommit=True) as listener:
        listener.execute("listen parstock_outbox")
        first = api.post(f"/v1/alerts/{alert_id}/acknowledge")
        again = api.post(f"/v1/alerts/{alert_id}/acknowledge")
        assert heard(listener) == ["parstock_outbox"]
    assert first.status_code == again.status_code == 200
    assert first.json()["status"] == "acknowledged"
    assert first.json() == again.json()
    # then: by a number, never a name
    [(number,)] = shop.rows("select acknowledged_by from alerts.alerts")
    assert shop.rows("select kind, alert_id, payload from alerts.outbox") == [
        ("alert", alert_id, {"actor_id": number})
    ]


def test_resolving_twice_keeps_the_first_moment(api: httpx.Client, shop: PlannedShop) -> None:
    alert_id = shop.alert(BEAR)
    first = api.post(f"/v1/alerts/{alert_id}/resolve")
    again = api.post(f"/v1/alerts/{alert_id}/resolve")
    assert first.json()["status"] == "resolved"
    assert first.json()["resolved_at"] is not None
    assert first.json() == again.json()
    assert len(shop.outbox()) == 1


def test_what_is_over_cannot_be_acknowledged(api: httpx.Client, shop: PlannedShop) -> None:
    alert_id = shop.alert(BEAR)
    api.post(f"/v1/alerts/{alert_id}/resolve")
    answer = api.post(f"/v1/alerts/{alert_id}/acknowledge")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("alert-resolved")
    assert len(shop.outbox()) == 1


def test_an_alert_is_put_off_until_a_moment(api: httpx.Client, shop: PlannedShop) -> None:
    alert_id = shop.alert(BEAR)
    until = datetime.now(UTC) + timedelta(days=1)
    answer = api.post(f"/v1/alerts/{alert_id}/snooze", json={"until": until.isoformat()})
    assert answer.json()["status"] == "snoozed"
    assert datetime.fromisoformat(answer.json()["snoozed_until"]) == until
    assert len(shop.outbox()) == 1
    seen = api.post(f"/v1/alerts/{alert_id}/acknowledge").json()
    assert (seen["status"], seen["snoozed_until"]) == ("acknowledged", None)
    api.post(f"/v1/alerts/{alert_id}/resolve")
    answer = api.post(f"/v1/alerts/{alert_id}/snooze", json={"until": until.isoformat()})
    assert answer.status_code == 409


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=91)])
def test_an_alert_is_not_put_off_for_ever(
    api: httpx.Client, shop: PlannedShop, ahead: timedelta
) -> None:
    alert_id = shop.alert(BEAR)
    until = datetime.now(UTC) + ahead
    answer = api.post(f"/v1/alerts/{alert_id}/snooze", json={"until": until.isoformat()})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/until"
    assert shop.outbox() == []


@pytest.mark.parametrize("act", ["acknowledge", "resolve"])
def test_an_alert_that_is_not_there_is_404(api: httpx.Client, act: str) -> None:
    assert api.post(f"/v1/alerts/{uuid4()}/{act}").status_code == 404
    assert api.post(f"/v1/alerts/not-an-id/{act}").status_code == 422


def test_the_summary_counts_what_needs_someone(api: httpx.Client, shop: PlannedShop) -> None:
    shop.execute(
        "update catalog.products set unit_cost = case sku when %s then 250 end, currency = 'EUR'",
        (BEAR,),
    )
    shop.alert(BEAR)
    shop.move(DUCK, "CLAW-01", -30)
    shop.move(DUCK, "BACK-01", -50)
    answer = api.get("/v1/summary")
    summary = answer.json()
    assert summary.pop("refreshed_at") is not None
    assert summary == {
        "products": 2,
        "stock_value_minor": 80 * 250,
        "currency": "EUR",
        "open_alerts": 1,
        "low": 2,  # the ducks by their position, the bears by their alert
        "out_of_stock": 1,
        "alerts_ready": False,
    }
    shop.execute("update alerts.evaluation set baseline_at = now()")
    assert api.get("/v1/summary").json()["alerts_ready"] is True


def test_an_empty_database_has_a_summary_too(database_url: str) -> None:
    let_in(database_url)
    with serving(database_url) as address, with_token(address) as client:
        assert client.get("/v1/summary").json() == {
            "products": 0,
            "stock_value_minor": 0,
            "currency": None,
            "open_alerts": 0,
            "low": 0,
            "out_of_stock": 0,
            "refreshed_at": None,
            "alerts_ready": False,
        }

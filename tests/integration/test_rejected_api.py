"""/v1/rejected-events: what machines sent and the ledger could not take, settled by people."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from api.deps import Role
from tests.integration.ledger_shop import (
    BEAR,
    assert_balanced,
    execute,
    furnish,
    on_hand,
    query,
    row,
)
from tests.serving import let_in, serving, with_token

REJECTED, BATCH, EVENTS = (
    "/v1/rejected-events",
    "/v1/inventory-events/batch",
    "/v1/inventory-events",
)
NEW = "NEW-1"


@pytest.fixture
def machine(database_url: str) -> Iterator[httpx.Client]:
    key = furnish(database_url)
    with (
        serving(database_url, actors_for_s=0, ledger={"keys_for_s": 0}) as address,
        httpx.Client(
            base_url=address,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            timeout=30,
        ) as client,
    ):
        yield client


@pytest.fixture
def manager(database_url: str, machine: httpx.Client) -> Iterator[httpx.Client]:
    let_in(database_url, "mia", Role.MANAGER)
    with with_token(str(machine.base_url), "mia") as client:
        client.headers["Content-Type"] = "application/json"
        yield client


def reject(machine: httpx.Client, *rows: Any) -> None:
    answer = machine.post(BATCH, content=json.dumps({"events": rows}))
    assert [result["status"] for result in answer.json()["results"]] == ["rejected"] * len(rows)


def listed(manager: httpx.Client, **params: Any) -> list[int]:
    answer = manager.get(REJECTED, params=params)
    assert answer.status_code == 200, answer.text
    return [item["rejected_id"] for item in answer.json()["items"]]


def whole(manager: httpx.Client, rejected_id: int) -> dict[str, Any]:
    body: dict[str, Any] = manager.get(f"{REJECTED}/{rejected_id}").json()
    return body


def make_product(database_url: str) -> None:
    execute(database_url, "insert into catalog.products (sku, name) values (%s, 'New')", NEW)


def test_the_list_is_filtered_and_paged(machine: httpx.Client, manager: httpx.Client) -> None:
    # given: five, one of them no event at all and one that no text can hold
    reject(machine, row(sku="é-1"), row(location="NOWHERE"), "no event", row(quantity="many"))
    reject(machine, row(sku=BEAR, reference="a\x00b"))
    # then
    assert listed(manager) == [1, 2, 3, 4, 5]
    assert listed(manager, problem_type="unknown-sku") == [1]
    assert listed(manager, problem_type="urn:parstock:problem:unknown-location") == [2]
    assert listed(manager, sku="é-1") == [1]
    assert listed(manager, sku=BEAR) == [2, 4, 5]
    assert listed(manager, received_by=1) == [1, 2, 3, 4, 5]
    assert listed(manager, status="recorded") == []
    page = manager.get(REJECTED, params={"limit": 2}).json()
    assert [item["rejected_id"] for item in page["items"]] == [1, 2]
    assert listed(manager, cursor=page["next_cursor"], limit=3) == [3, 4, 5]


def test_a_payload_is_told_whole_whatever_it_is(
    machine: httpx.Client, manager: httpx.Client
) -> None:
    for number, sent in enumerate(
        ["no event", 5, None, row(reference="a\x00b"), row(metadata={"a": "\ud800"})], start=1
    ):
        reject(machine, sent)
        told = whole(manager, number)
        assert told["payload"] == sent
        assert told["mended"] is None
        assert told["problem"]["type"] == "urn:parstock:problem:invalid-request"


def test_what_is_mended_is_recorded_once_under_its_event_id(
    machine: httpx.Client, manager: httpx.Client, database_url: str
) -> None:
    # given
    sent = row(sku="BAER", quantity=4)
    reject(machine, sent)
    mended = {**sent, "sku": BEAR}
    # when: ten times
    with ThreadPoolExecutor(10) as threads:
        answers = list(
            threads.map(lambda _: manager.put(f"{REJECTED}/1/mended", json=mended), range(10))
        )
    # then: one of them recorded it, and all were answered alike
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].headers["Location"] == f"{EVENTS}/{sent['event_id']}"
    assert on_hand(database_url) == 4
    told = whole(manager, 1)
    assert (told["status"], told["payload"], told["mended"]["sku"]) == ("recorded", sent, BEAR)
    [(mia,)] = query(database_url, "select actor_id from identity.users where username = 'mia'")
    assert told["settled_by"] == mia
    assert manager.get(f"{EVENTS}/{sent['event_id']}").json()["recorded_by"] == mia
    # and: with another content it is a conflict
    other = manager.put(f"{REJECTED}/1/mended", json={**mended, "quantity": 5})
    assert other.status_code == 409
    assert_balanced(database_url)


def test_an_event_is_mended_under_its_own_event_id(
    machine: httpx.Client, manager: httpx.Client, database_url: str
) -> None:
    # given: one with an event_id and one without
    reject(machine, row(sku="BAER"), row(sku="BAER", event_id=...))
    # then
    answer = manager.put(f"{REJECTED}/1/mended", json=row())
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/event_id")
    # and: the second keeps the first that it is given, also where that is refused
    first = row(location="NOWHERE")
    assert manager.put(f"{REJECTED}/2/mended", json=first).status_code == 422
    assert whole(manager, 2)["event_id"] == first["event_id"]
    assert manager.put(f"{REJECTED}/2/mended", json=row()).status_code == 422
    assert manager.put(f"{REJECTED}/2/mended", json={**first, "location": "CLAW-01"}).is_success
    assert on_hand(database_url) == 1


def test_a_replay_tells_what_is_wrong_now(
    machine: httpx.Client, manager: httpx.Client, database_url: str
) -> None:
    # given
    sent = row(sku=NEW, location="NOWHERE")
    reject(machine, sent)
    make_product(database_url)
    # when
    answer = manager.post(f"{REJECTED}/1/replay", json={})
    # then: the first reason is kept beside the last
    assert answer.status_code == 422
    told = whole(manager, 1)
    assert told["problem"]["type"].endswith("unknown-sku")
    assert told["last_problem"]["type"].endswith("unknown-location")
    assert listed(manager, problem_type="unknown-sku") == []
    assert listed(manager, problem_type="unknown-location") == [1]


def test_all_that_lacked_a_product_are_replayed_when_it_is_there(
    machine: httpx.Client, manager: httpx.Client, database_url: str
) -> None:
    # given: three of a product that is not there, and one with another fault
    rows = [row(sku=NEW, quantity=number) for number in (1, 2, 3)]
    reject(machine, *rows, row(location="NOWHERE"))
    make_product(database_url)
    asked = {"problem_type": "unknown-sku", "limit": 2}
    # when
    first = manager.post(f"{REJECTED}/replay", json=asked).json()
    rest = manager.post(f"{REJECTED}/replay", json={**asked, "cursor": first["next_cursor"]}).json()
    # then
    results = first["results"] + rest["results"]
    assert [(result["rejected_id"], result["status"]) for result in results] == [
        (1, "recorded"),
        (2, "recorded"),
        (3, "recorded"),
    ]
    assert rest["next_cursor"] is None
    assert on_hand(database_url, sku=NEW) == 6
    assert listed(manager, status="open") == [4]
    # and: it was the machine that recorded them, and a person who saw to it
    recorded = manager.get(f"{EVENTS}/{rows[0]['event_id']}").json()
    assert recorded["recorded_by"] == whole(manager, 1)["received_by"]
    assert whole(manager, 1)["settled_by"] != recorded["recorded_by"]
    # and: again there is nothing left to do
    assert manager.post(f"{REJECTED}/replay", json=asked).json()["results"] == []
    assert manager.post(f"{REJECTED}/1/replay", json={}).json() == results[0]["recorded"]


def test_what_came_too_late_is_recorded_when_a_manager_allows_it(
    machine: httpx.Client, manager: httpx.Client, database_url: str
) -> None:
    # given: two of a month ago
    long_ago = (datetime.now(UTC) - timedelta(days=30)).isoformat()
    rows = [row(occurred_at=long_ago), row(occurred_at=long_ago, quantity=2)]
    reject(machine, *rows)
    assert listed(manager, problem_type="too-late") == [1, 2]
    # then
    assert manager.post(f"{REJECTED}/1/replay", json={}).status_code == 422
    assert manager.post(f"{REJECTED}/1/replay", json={"allow_late": True}).status_code == 201
    mended = f"{REJECTED}/2/mended"
    assert manager.put(mended, json=rows[1]).status_code == 422
    assert manager.put(mended, json=rows[1], params={"allow_late": True}).status_code == 201
    assert on_hand(database_url) == 3


def test_what_fails_in_a_bulk_replay_harms_no_neighbour(
    machine: httpx.Client, manager: httpx.Client, database_url: str
) -> None:
    make = [row(sku=NEW), row(sku=NEW, location="NOWHERE"), "no event", row(sku=NEW)]
    reject(machine, *make)
    make_product(database_url)
    results = manager.post(f"{REJECTED}/replay", json={}).json()["results"]
    assert [result["status"] for result in results] == ["recorded", "open", "open", "recorded"]
    assert results[1]["problem"]["type"].endswith("unknown-location")


def test_what_is_discarded_stays_with_the_reason_and_is_discarded_once(
    machine: httpx.Client, manager: httpx.Client, database_url: str
) -> None:
    sent = row(sku="BAER")
    reject(machine, sent)
    first = manager.post(f"{REJECTED}/1/discard", json={"reason": "A test of the till"})
    again = manager.post(f"{REJECTED}/1/discard", json={"reason": "Another reason"})
    assert first.status_code == 200
    assert again.json() == first.json()
    told = whole(manager, 1)
    assert (told["status"], told["discarded_because"]) == ("discarded", "A test of the till")
    assert (told["payload"], told["problem"]["status"]) == (sent, 422)
    # and: it is settled for good
    mended = manager.put(f"{REJECTED}/1/mended", json={**sent, "sku": BEAR})
    assert (mended.status_code, mended.json()["type"]) == (409, "urn:parstock:problem:settled")
    assert on_hand(database_url) == 0


def test_what_is_recorded_is_not_discarded(
    machine: httpx.Client, manager: httpx.Client, database_url: str
) -> None:
    # given: a machine that mended its event itself
    sent = row(sku=NEW)
    reject(machine, sent)
    make_product(database_url)
    assert machine.post(EVENTS, content=json.dumps(sent)).status_code == 201
    # then
    assert manager.post(f"{REJECTED}/1/discard", json={"reason": "Late"}).status_code == 409
    assert manager.post(f"{REJECTED}/1/replay", json={}).status_code == 200
    assert whole(manager, 1)["settled_by"] is None
    assert on_hand(database_url, sku=NEW) == 1


@pytest.mark.parametrize("role", [Role.VIEWER, Role.STAFF])
def test_only_a_manager_settles(machine: httpx.Client, database_url: str, role: Role) -> None:
    let_in(database_url, "sam", role)
    reject(machine, row(sku="BAER"))
    with with_token(str(machine.base_url), "sam") as sam:
        for client in (sam, machine):
            assert client.get(REJECTED).status_code == 403
            assert client.post(f"{REJECTED}/1/discard", json={"reason": "?"}).status_code == 403
            assert client.post(f"{REJECTED}/replay", json={}).status_code == 403
            assert client.put(f"{REJECTED}/1/mended", json=row()).status_code == 403


def test_nothing_is_ever_deleted_whoever_asks(machine: httpx.Client, database_url: str) -> None:
    reject(machine, row(sku="BAER"))
    for statement in ("delete from {}", "truncate {}"):
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            execute(database_url, statement.format("ledger.rejected_events"))


def test_what_is_not_there_is_not_found(machine: httpx.Client, manager: httpx.Client) -> None:
    assert manager.get(f"{REJECTED}/7").status_code == 404
    assert manager.put(f"{REJECTED}/7/mended", json=row()).status_code == 404
    assert manager.post(f"{REJECTED}/7/discard", json={"reason": "?"}).status_code == 404
    assert manager.get(f"{REJECTED}/{2**64}").status_code == 422

"""/v1/count-sessions: a place is counted by several people, reviewed, counted again, approved."""

import csv
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.deps import Role
from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import (
    BEAR,
    DUCK,
    SHELF,
    assert_balanced,
    execute,
    hold_the_lock,
    on_hand,
    query,
    row,
    shared_shop,
)
from tests.serving import PASSWORD, let_in, serving, with_token

COUNTS, EVENTS, BATCH = "/v1/count-sessions", "/v1/inventory-events", "/v1/inventory-events/batch"
TOO_LATE = "urn:parstock:problem:too-late"


def ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


@dataclass
class Shop:
    """A served shop whose people and till each have a client; each test has its own places."""

    database_url: str
    admin: httpx.Client
    manager: httpx.Client
    staff: httpx.Client
    other_staff: httpx.Client
    till: httpx.Client
    of_far: httpx.Client
    places: int = field(default=0)

    def shelf(self, parent: str | None = None) -> str:
        """A new place, where nothing ever was."""
        self.places += 1
        code = f"PLACE-{self.places}"
        made = {"code": code, "site": "near", "kind": "shelf", "parent": parent}
        assert self.manager.post("/v1/locations", json=made).status_code == 201
        return code

    def record(self, event_type: str, location: str, minutes_ago: float, **fields: Any) -> None:
        sent = row(event_type, location=location, occurred_at=ago(minutes_ago), **fields)
        answer = self.manager.post(EVENTS, json=sent)
        assert answer.status_code == 201, answer.text

    def open(self, location: str, **plan: Any) -> str:
        address = f"{COUNTS}/{uuid4()}"
        answer = self.manager.put(address, json={"location": location, **plan})
        assert answer.status_code == 201, answer.text
        return address

    def count(
        self,
        address: str,
        quantity: int,
        *,
        minutes_ago: float = 30,
        by: httpx.Client | None = None,
        **fields: Any,
    ) -> httpx.Response:
        entry = {"sku": BEAR, "quantity": quantity, "counted_at": ago(minutes_ago), **fields}
        answer = (by or self.staff).put(f"{address}/lines/{uuid4()}", json=entry)
        assert answer.status_code == 201, answer.text
        return answer

    def approve(self, address: str, count_round: int = 1) -> dict[str, Any]:
        """Submit and approve; answers the closed session."""
        assert self.staff.post(f"{address}/submit", json={"round": count_round}).is_success
        answer = self.manager.post(f"{address}/approve", json={"round": count_round})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        assert told["state"] == "closed"
        return told

    def levels(self, address: str, by: httpx.Client | None = None, **asked: Any) -> Any:
        answer = (by or self.manager).get(f"{address}/levels", params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]


@pytest.fixture(scope="module")
def shop(postgres: EmbeddedPostgres, template: str) -> Iterator[Shop]:
    with shared_shop(postgres, template) as (database_url, key):
        let_in(database_url)
        with serving(
            database_url, actors_for_s=0, ledger={"keys_for_s": 0, "lock_timeout_s": 1}
        ) as address:
            with with_token(address) as making:
                for username, role, sites in (
                    ("mia", Role.MANAGER, ["near"]),
                    ("sam", Role.STAFF, ["near"]),
                    ("kim", Role.STAFF, ["near"]),
                    ("flo", Role.MANAGER, ["far"]),
                ):
                    made = {"username": username, "role": role, "sites": sites}
                    answer = making.post("/v1/users", json={**made, "password": PASSWORD})
                    assert answer.status_code == 201, answer.text
            bearer = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            with (
                with_token(address) as admin,
                with_token(address, "mia") as manager,
                with_token(address, "sam") as staff,
                with_token(address, "kim") as other_staff,
                with_token(address, "flo") as of_far,
                httpx.Client(base_url=address, headers=bearer, timeout=30) as till,
            ):
                yield Shop(database_url, admin, manager, staff, other_staff, till, of_far)


def test_a_blind_count_tells_staff_nothing_of_the_book_until_review(shop: Shop) -> None:
    # given: twelve bears and seven ducks in the book, eleven bears found
    place = shop.shelf()
    shop.record("received", place, 60, quantity=12)
    shop.record("received", place, 60, quantity=7, sku=DUCK)
    address = shop.open(place, blind=True)
    line = shop.count(address, 11)
    # then: staff and devices see what was counted, and of the book not even what is in it
    for client in (shop.staff, shop.till):
        [seen] = shop.levels(address, by=client)
        assert (seen["counted"], seen["expected"], seen["variance"]) == (11, None, None)
        assert client.get(f"{address}/levels?only=differing").status_code == 403
        assert client.get(f"{address}/levels?only=uncounted").status_code == 403
        rows = list(csv.DictReader(client.get(f"{address}/levels.csv").text.splitlines()))
        assert [(each["sku"], each["expected"]) for each in rows] == [(BEAR, "")]
        for told in (line.text, client.get(address).text, client.get(f"{address}/lines").text):
            assert "expected" not in told
            assert "DUCK" not in told
    # and: a manager sees it all
    seen_by_manager = [(each["sku"], each["expected"]) for each in shop.levels(address)]
    assert seen_by_manager == [(BEAR, 12), (DUCK, 7)]
    # and: at its review so does everyone
    assert shop.staff.post(f"{address}/submit", json={}).json()["state"] == "review"
    assert [each["variance"] for each in shop.levels(address, by=shop.staff)] == [-1, None]


def test_lines_of_several_counters_add_up_and_each_counts_once(shop: Shop) -> None:
    # given
    place = shop.shelf()
    address = shop.open(place)
    line = f"{address}/lines/{uuid4()}"
    entry = {"sku": BEAR, "quantity": 3, "counted_at": ago(30)}
    # when: one is sent three times, another by someone else, a third is withdrawn
    statuses = [shop.staff.put(line, json=entry).status_code for _ in range(3)]
    shop.count(address, 4, minutes_ago=20, by=shop.other_staff)
    wrong = f"{address}/lines/{shop.count(address, 400).json()['line_id']}"
    assert shop.other_staff.delete(wrong).status_code == 403
    assert [shop.staff.delete(wrong).status_code for _ in range(2)] == [204, 204]
    # then
    assert statuses == [201, 200, 200]
    other = shop.staff.put(line, json={**entry, "quantity": 5})
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (409, "#/quantity")
    [level] = shop.levels(address)
    assert (level["counted"], level["lines"]) == (7, 2)
    kept = shop.manager.get(f"{address}/lines").json()["items"]
    assert [(each["quantity"], each["withdrawn_at"] is None) for each in kept] == [
        (3, True),
        (4, True),
        (400, False),
    ]
    # and: what is approved is the sum, and a line that comes again is answered as before
    shop.approve(address)
    assert on_hand(shop.database_url, place) == 7
    assert shop.staff.put(line, json=entry).status_code == 200
    late = shop.staff.put(f"{address}/lines/{uuid4()}", json=entry)
    assert (late.status_code, late.json()["type"].rsplit(":", 1)[1]) == (409, "count-session-state")


def test_sales_during_a_count_end_in_the_right_level(shop: Shop) -> None:
    # given: ten in the book; two are sold, nine are counted, three more are sold
    place = shop.shelf()
    shop.record("received", place, 60, quantity=10)
    shop.record("sold", place, 40, quantity=2)
    address = shop.open(place)
    shop.count(address, 9, minutes_ago=30)
    shop.record("sold", place, 20, quantity=3)
    # and: one that was sold before the count is told after it, and one is undone
    shop.record("sold", place, 35, quantity=1)
    undone = row("sold", location=place, occurred_at=ago(38), quantity=1)
    assert shop.manager.post(EVENTS, json=undone).status_code == 201
    undo = {"event_id": str(uuid4()), "event_type": "reversed", "reverses": undone["event_id"]}
    undo["occurred_at"] = ago(0)
    assert shop.manager.post(EVENTS, json=undo).status_code == 201
    # then: the count is compared with the book of its moment
    [level] = shop.levels(address)
    assert (level["counted"], level["expected"], level["variance"]) == (9, 7, 2)
    # and: once approved, the level is what was counted less what was sold after it
    closed = shop.approve(address)
    assert on_hand(shop.database_url, place) == 6
    [level] = shop.levels(address)
    assert (level["expected"], level["variance"], level["outcome"]) == (7, 2, "recorded")
    recorded = shop.manager.get(f"{EVENTS}/{level['event_id']}").json()
    assert recorded["occurred_at"] == level["counted_at"]
    assert (recorded["source"], recorded["reference"]) == ("count-session", address[-36:])
    assert [step["step"] for step in closed["history"]] == [
        "opened",
        "submitted",
        "approved",
        "closed",
    ]
    assert_balanced(shop.database_url)


def test_a_recount_replaces_the_count_and_both_are_kept(shop: Shop) -> None:
    # given: bears that differ and ducks that do not, in review
    place = shop.shelf()
    shop.record("received", place, 60, quantity=5)
    shop.record("received", place, 60, quantity=2, sku=DUCK)
    address = shop.open(place)
    shop.count(address, 1)
    shop.count(address, 2, sku=DUCK)
    assert shop.staff.post(f"{address}/submit", json={}).json()["state"] == "review"
    # when: a manager asks for the bears again, twice
    asked = {"round": 1, "levels": [{"sku": BEAR}]}
    assert shop.staff.post(f"{address}/recount", json=asked).status_code == 403
    again = [shop.manager.post(f"{address}/recount", json=asked).json() for _ in range(2)]
    assert again[0] == again[1]
    assert (again[0]["state"], again[0]["round"]) == ("open", 2)
    assert again[0]["to_recount"] == [{"location": place, "sku": BEAR, "lot": None}]
    # then: a line of the first round, one of ducks and a repeated submit come too late
    entry = {"sku": BEAR, "quantity": 1, "counted_at": ago(10)}
    for late in (entry, {**entry, "sku": DUCK, "round": 2}):
        assert shop.staff.put(f"{address}/lines/{uuid4()}", json=late).status_code == 409
    assert shop.staff.post(f"{address}/submit", json={}).json()["state"] == "open"
    # and: what is counted again replaces what was
    shop.count(address, 4, minutes_ago=5, round=2)
    told = shop.approve(address, 2)
    assert told["to_recount"] == []
    assert on_hand(shop.database_url, place) == 4
    assert on_hand(shop.database_url, place, DUCK) == 2
    kept = shop.manager.get(f"{address}/lines").json()["items"]
    assert [(each["round"], each["quantity"]) for each in kept] == [(1, 1), (1, 2), (2, 4)]


def test_what_differs_beyond_the_tolerance_is_counted_again_before_review(shop: Shop) -> None:
    # given
    place = shop.shelf()
    shop.record("received", place, 60, quantity=10)
    shop.record("received", place, 60, quantity=10, sku=DUCK)
    address = shop.open(place, recount_tolerance=2, blind=True)
    shop.count(address, 8)
    shop.count(address, 7, sku=DUCK)
    # when
    told = shop.staff.post(f"{address}/submit", json={}).json()
    # then: once
    assert (told["state"], told["round"]) == ("open", 2)
    assert [level["sku"] for level in told["to_recount"]] == [DUCK]
    shop.count(address, 7, sku=DUCK, round=2, by=shop.other_staff)
    told = shop.staff.post(f"{address}/submit", json={"round": 2}).json()
    assert (told["state"], told["round"]) == ("review", 2)


def test_approved_by_several_at_once_and_again_it_counts_once(shop: Shop) -> None:
    # given
    place = shop.shelf()
    address = shop.open(place)
    shop.count(address, 5)
    assert shop.staff.post(f"{address}/submit", json={}).is_success

    def approve(_: int) -> httpx.Response:
        return shop.manager.post(f"{address}/approve", json={})

    # when
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(approve, range(4)))
    shop.record("sold", place, 0, quantity=2)
    answers.append(approve(5))
    # then
    assert [answer.status_code for answer in answers] == [200] * 5
    assert {answer.json()["state"] for answer in answers} == {"closed"}
    assert len({answer.content for answer in answers}) == 1
    assert on_hand(shop.database_url, place) == 3
    assert counts_at(shop, place) == 1


def test_what_the_ledger_refuses_is_told_and_holds_up_nothing(shop: Shop) -> None:
    # given: a product that is made a kit between its count and its approval
    place = shop.shelf()
    sku = f"SET-{place}"
    execute(shop.database_url, "insert into catalog.products (sku, name) values (%s, 'Set')", sku)
    address = shop.open(place)
    shop.count(address, 2)
    shop.count(address, 1, sku=sku)
    made = {"components": [{"sku": DUCK, "quantity": 2}]}
    assert shop.admin.put(f"/v1/products/{sku}/recipe", json=made).status_code == 201
    # when
    shop.approve(address)
    # then
    [bears, sets] = shop.levels(address)
    assert (bears["outcome"], sets["outcome"]) == ("recorded", "refused")
    assert sets["refused"]["type"] == "urn:parstock:problem:kit-not-stocked"
    assert on_hand(shop.database_url, place) == 2


def test_an_approval_that_was_interrupted_goes_on_where_it_ended(shop: Shop) -> None:
    # given: two levels in review, and a ledger that stops answering in the middle
    place = shop.shelf()
    address = shop.open(place)
    shop.count(address, 5)
    shop.count(address, 6, sku=DUCK)
    assert shop.staff.post(f"{address}/submit", json={}).is_success
    with hold_the_lock(shop.database_url):
        assert shop.manager.post(f"{address}/approve", json={}).status_code == 503
    # and: one of the two had been recorded by then
    [bears, _] = shop.levels(address)
    recorded = row(
        "counted",
        event_id=bears["event_id"],
        location=place,
        quantity=5,
        occurred_at=bears["counted_at"],
        source="count-session",
        reference=address[-36:],
    )
    assert shop.manager.post(EVENTS, json=recorded).status_code == 201
    # then: it can be approved, and nothing else
    assert shop.manager.get(address).json()["state"] == "approving"
    assert bears["outcome"] is None
    assert shop.manager.post(f"{address}/cancel", json={}).status_code == 409
    # when
    told = shop.manager.post(f"{address}/approve", json={}).json()
    # then
    assert told["state"] == "closed"
    assert [level["outcome"] for level in shop.levels(address)] == ["recorded", "recorded"]
    assert on_hand(shop.database_url, place) == 5
    assert on_hand(shop.database_url, place, DUCK) == 6
    assert counts_at(shop, place) == 2
    assert_balanced(shop.database_url)


def test_what_nobody_counted_is_left_alone_or_counted_as_zero(shop: Shop) -> None:
    for uncounted, left in (("left_alone", 3), ("zero", 0)):
        # given: bears on a shelf and in a box on it, ducks that nobody counts
        place = shop.shelf()
        box = shop.shelf(place)
        shop.record("received", box, 60, quantity=8)
        shop.record("received", box, 60, quantity=3, sku=DUCK)
        address = shop.open(place, sub_places=True, uncounted=uncounted)
        shop.count(address, 9, location=box)
        # when
        told = shop.approve(address)
        # then
        assert (on_hand(shop.database_url, box), on_hand(shop.database_url, box, DUCK)) == (9, left)
        named = [{"location": box, "sku": DUCK, "lot": None}]
        assert told["left_alone"] == (named if left else [])
        [level] = shop.levels(address, only="uncounted")
        assert level["outcome"] == ("left_alone" if left else "zeroed")


def test_lots_are_counted_one_by_one(shop: Shop) -> None:
    # given
    place = shop.shelf()
    shop.record("received", place, 60, quantity=6, lot="A")
    shop.record("received", place, 60, quantity=4, lot="B")
    address = shop.open(place)
    shop.count(address, 5, lot="A")
    # then: the two ways do not mix
    whole = {"sku": BEAR, "quantity": 9, "counted_at": ago(5)}
    refused = shop.staff.put(f"{address}/lines/{uuid4()}", json=whole)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "#/lot")
    seen = [(level["lot"], level["counted"], level["expected"]) for level in shop.levels(address)]
    assert seen == [("A", 5, 6), ("B", None, 4)]
    # and: of a lot that was counted nothing comes before it, of another one it may
    shop.approve(address)
    assert on_hand(shop.database_url, place) == 9
    for lot, status in (("A", 422), ("B", 201)):
        sold = row("sold", location=place, occurred_at=ago(40), lot=lot)
        assert shop.staff.post(EVENTS, json=sold).status_code == status


def test_a_session_covers_its_places_and_products_alone(shop: Shop) -> None:
    # given
    place = shop.shelf()
    box = shop.shelf(place)
    address = shop.open(place, products=[BEAR])
    # then
    for wrong, pointer in (
        ({"sku": DUCK}, "#/sku"),
        ({"sku": "NOTHING"}, "#/sku"),
        ({"location": box}, "#/location"),
        ({"quantity": -1}, "#/quantity"),
        ({"counted_at": ago(-60)}, "#/counted_at"),
        ({"counted_at": ago(60 * 24 * 8)}, "#/counted_at"),
    ):
        entry = {"sku": BEAR, "quantity": 1, "counted_at": ago(5), **wrong}
        answer = shop.staff.put(f"{address}/lines/{uuid4()}", json=entry)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert shop.staff.post(f"{address}/submit", json={}).status_code == 409
    # and: opened again with other content it is a conflict
    same = shop.manager.put(address, json={"location": place, "products": [BEAR]})
    assert (same.status_code, same.json()["state"]) == (200, "open")
    assert shop.manager.put(address, json={"location": box}).status_code == 409
    assert shop.staff.put(f"{COUNTS}/{uuid4()}", json={"location": place}).status_code == 403


def test_a_clock_that_is_wrong_is_corrected(shop: Shop) -> None:
    # given: a phone that is two hours ahead
    place = shop.shelf()
    address = shop.open(place)
    told = shop.count(address, 2, minutes_ago=-110, sent_at=ago(-120)).json()
    # then
    off = datetime.now(UTC) - datetime.fromisoformat(told["counted_at"])
    assert timedelta(minutes=9) < off < timedelta(minutes=12)


def test_a_cancelled_count_leaves_the_stock_as_it_is(shop: Shop) -> None:
    # given
    place = shop.shelf()
    shop.record("received", place, 60, quantity=5)
    address = shop.open(place)
    shop.count(address, 1)
    # when
    because = {"reason": "the wrong aisle"}
    told = [shop.manager.post(f"{address}/cancel", json=because).json() for _ in range(2)]
    # then
    assert told[0] == told[1]
    assert told[0]["history"][-1]["reason"] == "the wrong aisle"
    assert shop.manager.post(f"{address}/approve", json={}).status_code == 409
    assert shop.staff.post(f"{address}/submit", json={}).status_code == 409
    assert on_hand(shop.database_url, place) == 5
    # and: what happened before it is no more too late than ever
    assert shop.staff.post(EVENTS, json=row("sold", location=place, occurred_at=ago(40))).is_success


def test_what_happened_before_a_closed_count_waits_for_a_manager(shop: Shop) -> None:
    # given: a shelf that was counted half an hour ago
    place = shop.shelf()
    shop.record("received", place, 60, quantity=10)
    address = shop.open(place)
    in_time = row("sold", location=place, occurred_at=ago(45), quantity=2)
    assert shop.staff.post(EVENTS, json=in_time).status_code == 201
    shop.count(address, 8, minutes_ago=30)
    shop.approve(address)
    # when: a person tells of a sale before it
    late = row("sold", location=place, occurred_at=ago(40))
    refused = shop.staff.post(EVENTS, json=late)
    # then: as of what is too old; after the count, of another product, or repeated, it is not
    assert (refused.status_code, refused.json()["type"]) == (422, TOO_LATE)
    assert refused.json()["errors"][0]["pointer"] == "#/occurred_at"
    assert shop.staff.post(f"{EVENTS}?allow_late=true", json=late).status_code == 403
    assert shop.staff.post(EVENTS, json=in_time).status_code == 200
    shop.record("sold", place, 20)
    shop.record("received", place, 40, sku=DUCK)
    # and: a manager may record it, and the count stands
    assert shop.manager.post(EVENTS, json=late).status_code == 422
    assert shop.manager.post(f"{EVENTS}?allow_late=true", json=late).status_code == 201
    assert on_hand(shop.database_url, place) == 7
    # and: what a till sends in a batch waits among the rejected, and its neighbours do not
    rows = [
        row("sold", location=place, occurred_at=ago(40)),
        row("sold", location=place, occurred_at=ago(1)),
        row("transferred", location=place, to_location=SHELF, occurred_at=ago(40)),
    ]
    told = shop.till.post(BATCH, content=json.dumps({"events": rows})).json()["results"]
    assert [result["status"] for result in told] == ["rejected", "recorded", "rejected"]
    assert told[0]["problem"]["type"] == TOO_LATE
    waiting = query(
        shop.database_url,
        "select event_id::text, problem ->> 'type' from ledger.rejected_events"
        " where status = 'open' order by rejected_id",
    )
    assert waiting == [(rows[0]["event_id"], TOO_LATE), (rows[2]["event_id"], TOO_LATE)]
    assert on_hand(shop.database_url, place) == 6
    assert_balanced(shop.database_url)


def test_a_refused_dispatch_leaves_its_transfer_as_it_was(shop: Shop) -> None:
    # given: a closed count, and in one batch a dispatch before it with its arrival
    place = shop.shelf()
    shop.record("received", place, 60, quantity=5)
    address = shop.open(place)
    shop.count(address, 5)
    shop.approve(address)
    transfer = str(uuid4())
    of_it = {"transfer_id": transfer, "quantity": 3}
    rows = [
        row("dispatched", location=place, to_location="FAR-01", occurred_at=ago(40), **of_it),
        row("arrived", location="FAR-01", occurred_at=ago(5), **of_it),
    ]
    # when
    told = shop.till.post(BATCH, content=json.dumps({"events": rows})).json()["results"]
    # then: nothing was under way
    assert [result["status"] for result in told] == ["rejected", "recorded"]
    assert on_hand(shop.database_url, "far.transit") == 0
    assert on_hand(shop.database_url, "FAR-01") == 3
    assert_balanced(shop.database_url)


def test_a_count_is_taken_by_a_manager_of_its_site_alone(shop: Shop) -> None:
    # given
    place = shop.shelf()
    address = shop.open(place)
    shop.count(address, 1)
    assert shop.staff.post(f"{address}/submit", json={}).is_success
    # then
    for by, status in ((shop.of_far, 404), (shop.staff, 403), (shop.till, 403)):
        assert by.post(f"{address}/approve", json={}).status_code == status
    assert shop.of_far.get(COUNTS).json()["items"] == []
    assert shop.of_far.put(address, json={"location": "FAR-01"}).status_code == 404
    assert shop.manager.get(address).json()["state"] == "review"
    assert shop.manager.post(f"{address}/approve", json={}).json()["state"] == "closed"


def test_the_list_is_filtered_and_paged(shop: Shop) -> None:
    # given
    place = shop.shelf()
    opened = [shop.open(place)[-36:] for _ in range(3)]
    shop.manager.post(f"{COUNTS}/{opened[1]}/cancel", json={})

    def listed(**asked: Any) -> list[str]:
        items = shop.staff.get(COUNTS, params={"location": place, **asked}).json()["items"]
        return [item["count_session_id"] for item in items]

    # then: the newest first
    assert listed() == opened[::-1]
    assert listed(state="cancelled") == [opened[1]]
    page = shop.staff.get(COUNTS, params={"location": place, "limit": 2}).json()
    assert listed(cursor=page["next_cursor"]) == [opened[0]]


def counts_at(shop: Shop, place: str) -> int:
    [(found,)] = query(
        shop.database_url,
        "select count(*) from ledger.inventory_events join catalog.locations"
        " using (location_id) where code = %s and event_type = 'counted'",
        place,
    )
    return int(found)

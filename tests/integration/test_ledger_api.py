"""POST and GET /v1/inventory-events and GET /v1/stock-levels over HTTP."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx
import pytest

from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import (
    BACK,
    BEAR,
    CLAW,
    DUCK,
    ELSEWHERE,
    SHELF,
    assert_balanced,
    event_ids,
    execute,
    furnish,
    on_hand,
    query,
    row,
    shared_shop,
)
from tests.serving import serving

EVENTS, BATCH = "/v1/inventory-events", "/v1/inventory-events/batch"
# Of the moment of sending: a case is made long before its turn comes.
IN_FOUR_MINUTES = "in four minutes"


@pytest.fixture(scope="module")
def shared_api(postgres: EmbeddedPostgres, template: str) -> Iterator[httpx.Client]:
    """For tests that leave nothing behind."""
    with (
        shared_shop(postgres, template) as (database_url, key),
        serving(database_url) as address,
        httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30
        ) as client,
    ):
        yield client


@pytest.fixture
def api(database_url: str) -> Iterator[httpx.Client]:
    key = furnish(database_url)
    with (
        serving(database_url) as address,
        httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30
        ) as client,
    ):
        yield client


def post(api: httpx.Client, given: dict[str, Any]) -> httpx.Response:
    return api.post(EVENTS, content=json.dumps(given), headers={"Content-Type": "application/json"})


def post_batch(api: httpx.Client, rows: list[Any]) -> list[dict[str, Any]]:
    answer = api.post(
        BATCH, content=json.dumps({"events": rows}), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def rejected(database_url: str) -> list[tuple[Any, ...]]:
    return query(
        database_url,
        "select event_id, status, payload::text from ledger.rejected_events order by rejected_id",
    )


def test_an_event_is_answered_with_the_level_that_it_leads_to(api: httpx.Client) -> None:
    given = row(quantity=7)
    answer = post(api, given)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{EVENTS}/{given['event_id']}"
    body = answer.json()
    assert datetime.fromisoformat(body.pop("recorded_at")).tzinfo is not None
    assert body == {
        "event_id": given["event_id"],
        "status": "recorded",
        "position": 1,
        "stock_levels": [
            {
                "sku": BEAR,
                "location": CLAW,
                "site": "near",
                "on_hand": 7,
                "reserved": 0,
                "available": 7,
                "version": 1,
            }
        ],
        "warnings": [],
    }
    assert api.get(answer.headers["Location"]).json()["position"] == 1


@pytest.mark.parametrize(
    "given",
    [
        row("received"),
        row("sold", quantity=5),
        row("counted", quantity=0),
        row("adjusted", quantity=..., reason="lost", quantity_change=-3),
        row("transferred", to_location=SHELF, quantity=4),
        row(
            "received",
            source="till",
            reference="A-1",
            metadata={"a": [1, 2.5, 1e300, True, "é", None]},
        ),
        row("received", occurred_at=IN_FOUR_MINUTES),
    ],
    ids=lambda given: f"{given['event_type']} {len(given)}",
)
def test_a_repeat_gets_the_first_answer_byte_for_byte(
    api: httpx.Client, database_url: str, given: dict[str, Any]
) -> None:
    given = {**given, "event_id": str(uuid4())}
    if given["occurred_at"] is IN_FOUR_MINUTES:
        given["occurred_at"] = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
    first = post(api, given)
    post(api, row("received", quantity=100))  # the level moves on
    again = post(api, {**given, "sent_at": "2026-11-20T12:00:00Z"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert_balanced(database_url)


def test_a_repeat_may_say_less_than_the_first(api: httpx.Client) -> None:
    given = row(source="till", metadata={"lane": 3})
    first = post(api, given)
    short = {name: value for name, value in given.items() if name not in ("source", "metadata")}
    assert post(api, short).content == first.content


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", 2),
        ("sku", DUCK),
        ("location", SHELF),
        ("occurred_at", "2026-11-01T00:00:00Z"),
        ("source", "another"),
        ("metadata", {"a": 1}),
        ("event_type", "sold"),
    ],
)
def test_the_same_id_with_other_content_is_a_conflict(
    api: httpx.Client, database_url: str, field: str, value: Any
) -> None:
    given = row()
    post(api, given)
    answer = post(api, {**given, field: value})
    assert answer.status_code == 409
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/{field}"]
    assert on_hand(database_url) == 1


def test_a_sale_beyond_the_book_is_recorded_with_what_the_book_lacked(
    api: httpx.Client, database_url: str
) -> None:
    post(api, row("received", quantity=3))
    sale = row("sold", quantity=5)
    body = post(api, sale).json()
    assert body["position"] == 3
    assert body["stock_levels"][0]["on_hand"] == 0
    [warning] = body["warnings"]
    assert warning["code"] == "book_shortage"
    derived = api.get(f"{EVENTS}/{uuid5(UUID(sale['event_id']), 'book_shortage:0')}").json()
    assert (derived["event_type"], derived["reason"]) == ("adjusted", "book_shortage")
    assert (derived["quantity_change"], derived["caused_by"]) == (2, 3)
    assert_balanced(database_url)


def test_a_transfer_answers_both_levels_in_order(api: httpx.Client) -> None:
    post(api, row("received", location=BACK, quantity=10))
    body = post(api, row("transferred", location=BACK, to_location=CLAW, quantity=4)).json()
    assert [(level["location"], level["on_hand"]) for level in body["stock_levels"]] == [
        (BACK, 6),
        (CLAW, 4),
    ]


def test_a_transfer_to_another_site_is_refused_for_now(
    api: httpx.Client, database_url: str
) -> None:
    answer = post(api, row("transferred", to_location=ELSEWHERE))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/to_location"
    assert event_ids(database_url) == []


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"sku": "NONE"}, ["#/sku"]),
        ({"location": "NOWHERE"}, ["#/location"]),
        ({"sku": "NONE", "location": "NOWHERE"}, ["#/sku", "#/location"]),
        ({"event_type": "transferred", "to_location": "NOWHERE"}, ["#/to_location"]),
    ],
)
def test_what_is_unknown_is_named_and_nothing_is_kept(
    api: httpx.Client, database_url: str, fields: dict[str, Any], pointers: list[str]
) -> None:
    answer = post(api, row(**fields))
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers
    assert event_ids(database_url) == []
    assert rejected(database_url) == []


def test_a_product_is_known_as_soon_as_it_is_made(api: httpx.Client, database_url: str) -> None:
    assert post(api, row(sku="NEW")).status_code == 422
    execute(database_url, "insert into catalog.products (sku, name) values ('NEW', 'n')")
    assert post(api, row(sku="NEW")).status_code == 201


def test_more_than_five_minutes_ahead_is_refused_and_less_is_clamped(api: httpx.Client) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=6)
    answer = post(api, row(occurred_at=ahead.isoformat()))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/occurred_at"
    near = row(occurred_at=(ahead - timedelta(minutes=2)).isoformat())
    assert post(api, near).status_code == 201
    told = api.get(f"{EVENTS}/{near['event_id']}").json()
    assert told["occurred_at"] == told["recorded_at"]


def test_a_reversal_undoes_an_event_once(api: httpx.Client, database_url: str) -> None:
    post(api, row("received", quantity=3))
    sale = row("sold", quantity=5)
    post(api, sale)
    undo = row("reversed", sku=..., location=..., quantity=..., reverses=sale["event_id"])
    first = post(api, undo)
    assert first.status_code == 201
    assert on_hand(database_url) == 3
    assert post(api, undo).content == first.content
    second = post(api, {**undo, "event_id": str(uuid4())})
    assert second.status_code == 409
    of_the_reversal = post(
        api,
        row("reversed", sku=..., location=..., quantity=..., reverses=undo["event_id"]),
    )
    assert of_the_reversal.status_code == 422
    assert_balanced(database_url)


def test_a_reversal_that_says_more_must_match(api: httpx.Client, database_url: str) -> None:
    sale = row("sold", quantity=2)
    post(api, sale)
    undo = row("reversed", quantity=2, reverses=sale["event_id"])
    wrong = post(api, {**undo, "sku": DUCK, "location": SHELF, "quantity": 3})
    assert wrong.status_code == 422
    assert {error["pointer"] for error in wrong.json()["errors"]} == {
        "#/sku",
        "#/location",
        "#/quantity",
    }
    assert post(api, undo).status_code == 201
    again = post(api, {**undo, "quantity": 3})
    assert again.status_code == 409


@pytest.mark.parametrize("which", ["unknown", "derived"])
def test_only_what_was_sent_can_be_reversed(api: httpx.Client, which: str) -> None:
    sale = row("sold", quantity=2)
    post(api, sale)
    target = uuid4() if which == "unknown" else uuid5(UUID(sale["event_id"]), "book_shortage:0")
    answer = post(api, row("reversed", sku=..., location=..., quantity=..., reverses=str(target)))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/reverses"


def test_a_level_counted_since_stays_as_it_was_counted(
    api: httpx.Client, database_url: str
) -> None:
    receipt = row("received", quantity=5)
    post(api, receipt)
    count = row("counted", quantity=9)
    post(api, count)
    undo = row("reversed", sku=..., location=..., quantity=..., reverses=receipt["event_id"])
    answer = post(api, undo)
    assert answer.json()["stock_levels"][0]["on_hand"] == 9
    assert answer.json()["warnings"][0]["code"] == "counted_since"
    assert post(api, undo).content == answer.content
    assert_balanced(database_url)


def test_undoing_a_count_lets_what_came_before_be_undone_again(
    api: httpx.Client, database_url: str
) -> None:
    receipt, count = row("received", quantity=5), row("counted", quantity=9)
    post(api, receipt)
    post(api, count)
    for target, expected in ((count, 5), (receipt, 0)):
        undo = row("reversed", sku=..., location=..., quantity=..., reverses=target["event_id"])
        assert post(api, undo).json()["stock_levels"][0]["on_hand"] == expected
    assert_balanced(database_url)


def test_undoing_a_transfer_brings_it_back(api: httpx.Client, database_url: str) -> None:
    transfer = row("transferred", to_location=SHELF, quantity=4)
    post(api, row("received", quantity=10))
    post(api, transfer)
    undo = row("reversed", sku=..., location=..., quantity=..., reverses=transfer["event_id"])
    body = post(api, undo).json()
    assert [(level["location"], level["on_hand"]) for level in body["stock_levels"]] == [
        (CLAW, 10),
        (SHELF, 0),
    ]
    assert_balanced(database_url)


def test_one_bad_row_of_any_kind_harms_no_neighbour(api: httpx.Client, database_url: str) -> None:
    known = row("received", quantity=2)
    post(api, known)
    reversible, good, after = row("sold"), row("received", quantity=5), row("sold", quantity=1)
    bad: list[Any] = [
        None,
        3,
        "text",
        [],
        {},
        row(quantity=0),
        row(quantity="5"),
        row(quantity=10**40),
        row(sku="BE\x00AR"),
        row(sku="\ud800"),
        row(sku="NONE"),
        row(location="NOWHERE"),
        row(occurred_at="2026-11-20T12:00:00"),
        row(occurred_at="9999-01-01T00:00:00Z"),
        row(event_id="\x00"),
        row(event_id=7),
        row(event_type="eaten"),
        row("transferred", to_location=ELSEWHERE),
        row("reversed", sku=..., location=..., quantity=..., reverses=str(uuid4())),
        row("adjusted", quantity=..., reason="book_shortage", quantity_change=1),
        {**row(), "metadata": {"a": "x" * 3000}},
    ]
    conflict = {**known, "quantity": 3}
    undo = row("reversed", sku=..., location=..., quantity=..., reverses=reversible["event_id"])
    results = post_batch(api, [good, *bad, known, conflict, good, reversible, undo, after])
    assert [result["status"] for result in results] == [
        "recorded",
        *["rejected"] * len(bad),
        "duplicate",
        "rejected",
        "duplicate",
        "recorded",
        "recorded",
        "recorded",
    ]
    for result, given in zip(results[1 : 1 + len(bad)], bad, strict=True):
        assert result["problem"]["status"] == 422, given
        assert result["problem"]["errors"], given
    assert results[len(bad) + 2]["problem"]["status"] == 409
    assert results[0]["stock_levels"] == results[len(bad) + 3]["stock_levels"]
    assert on_hand(database_url) == 2 + 5 - 1
    kept = rejected(database_url)
    assert [json.loads(payload) for _, _, payload in kept] == bad
    assert {status for _, status, _ in kept} == {"open"}
    assert_balanced(database_url)


def test_the_rejected_are_kept_once_however_often_they_are_sent(
    api: httpx.Client, database_url: str
) -> None:
    bad = [row(quantity=0), None, {"event_id": "x"}]
    for _ in range(3):
        post_batch(api, bad)
    assert len(rejected(database_url)) == 3


def test_a_rejected_id_sent_again_is_tried_anew(api: httpx.Client, database_url: str) -> None:
    mended, other = row(quantity=4), row(quantity=0)
    post_batch(api, [{**mended, "quantity": 0}, {**mended, "sku": "NONE"}, other])
    assert {status for _, status, _ in rejected(database_url)} == {"open"}
    [result] = post_batch(api, [mended])
    assert result["status"] == "recorded"
    assert [status for _, status, _ in rejected(database_url)] == ["recorded", "recorded", "open"]


def test_a_rejected_id_mended_alone_is_settled_too(api: httpx.Client, database_url: str) -> None:
    mended = row(quantity=4)
    post_batch(api, [{**mended, "quantity": 0}])
    post(api, mended)
    assert [status for _, status, _ in rejected(database_url)] == ["recorded"]


def test_a_number_beyond_all_bounds_harms_no_neighbour(
    api: httpx.Client, database_url: str
) -> None:
    numbers = ["1e999", "-1e999", "NaN", "-Infinity", "9" * 5000, "-" + "9" * 400, "1e-999"]
    rows = [json.dumps(row("received", quantity=5))]
    for number in numbers:
        rows += [
            json.dumps(row(quantity="#")).replace('"#"', number),
            json.dumps(row(metadata={"a": [{"b": "#"}]})).replace('"#"', number),
        ]
    rows[-1] = json.dumps(row("sold", quantity=1))
    body = f'{{"events": [{", ".join(rows)}]}}'
    headers = {"Content-Type": "application/json"}
    results = api.post(BATCH, content=body, headers=headers).json()["results"]
    bad = results[1:-1]
    assert [results[0]["status"], results[-1]["status"]] == ["recorded", "recorded"]
    pointers = [[error["pointer"] for error in result["problem"]["errors"]] for result in bad]
    assert pointers == [["#/quantity"], ["#/metadata"]] * 6 + [["#/quantity"]]
    assert on_hand(database_url) == 5 - 1
    assert len(rejected(database_url)) == len(bad)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"events": 1}', b'{"events": [], "x": 1}'])
def test_only_a_wrong_envelope_refuses_the_whole(shared_api: httpx.Client, body: bytes) -> None:
    answer = shared_api.post(BATCH, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_10001_events_are_refused_and_10000_are_taken(api: httpx.Client, database_url: str) -> None:
    rows = [row("received" if number % 2 else "sold") for number in range(10_001)]
    content = json.dumps({"events": rows})
    assert api.post(BATCH, content=content).status_code == 422
    assert event_ids(database_url) == []
    results = post_batch(api, rows[1:])
    assert {result["status"] for result in results} == {"recorded"}
    again = post_batch(api, rows[1:])
    assert {result["status"] for result in again} == {"duplicate"}
    assert [result["position"] for result in again] == [result["position"] for result in results]
    assert_balanced(database_url)


def test_an_empty_batch_has_no_results(api: httpx.Client) -> None:
    assert post_batch(api, []) == []


def test_the_feed_tells_each_event_once_in_order(api: httpx.Client) -> None:
    rows = [row(reference=str(number)) for number in range(25)]
    post_batch(api, rows)
    told: list[str] = []
    after = None
    for _ in range(4):
        page = api.get(EVENTS, params={"limit": 10, **({"after": after} if after else {})}).json()
        told += [item["reference"] for item in page["items"]]
        after = page["next_cursor"]
    assert told == [str(number) for number in range(25)]
    nothing_new = api.get(EVENTS, params={"after": after}).json()
    assert nothing_new == {"items": [], "next_cursor": after}
    post(api, row(reference="late"))
    [item] = api.get(EVENTS, params={"after": after}).json()["items"]
    assert item["reference"] == "late"
    assert item["movements"][0]["on_hand"] == 26


def test_a_cursor_of_an_empty_feed_leads_on(api: httpx.Client) -> None:
    page = api.get(EVENTS).json()
    assert page["items"] == []
    post(api, row())
    assert len(api.get(EVENTS, params={"after": page["next_cursor"]}).json()["items"]) == 1


def test_a_cursor_from_before_a_restore_says_start_again(
    api: httpx.Client, database_url: str
) -> None:
    post(api, row())
    cursor = api.get(EVENTS).json()["next_cursor"]
    execute(database_url, "update ledger.epoch set epoch = gen_random_uuid()")
    answer = api.get(EVENTS, params={"after": cursor})
    assert answer.status_code == 410
    assert "start again" in answer.json()["detail"]


@pytest.mark.parametrize("after", ["", "x", "W10", "WyJhIiwxXQ", "WzEsMl0", "\x00", "é"])
def test_a_cursor_that_is_none_is_refused(shared_api: httpx.Client, after: str) -> None:
    answer = shared_api.get(EVENTS, params={"after": after})
    assert answer.status_code in (410, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_stock_levels_can_be_filtered_and_paged(api: httpx.Client) -> None:
    post_batch(
        api,
        [
            row(sku=sku, location=location, quantity=3)
            for sku in (BEAR, DUCK)
            for location in (CLAW, SHELF, BACK, ELSEWHERE)
        ],
    )

    def keys(**params: Any) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        cursor: dict[str, str] = {}
        while True:
            page = api.get("/v1/stock-levels", params={"limit": 3, **params, **cursor}).json()
            found += [(item["sku"], item["location"]) for item in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    places = sorted((CLAW, SHELF, BACK, ELSEWHERE))
    assert keys() == [(sku, location) for sku in (BEAR, DUCK) for location in places]
    assert keys(sku=DUCK) == [(DUCK, location) for location in places]
    assert keys(location=CLAW) == [(BEAR, CLAW), (DUCK, CLAW)]
    assert keys(site="far") == [(BEAR, ELSEWHERE), (DUCK, ELSEWHERE)]
    assert keys(search="PLUSH") == keys(sku=BEAR)
    assert keys(search="%") == []
    assert keys(sku="NONE") == []


def test_the_short_way_to_one_product_answers_as_the_long_one(
    api: httpx.Client, database_url: str
) -> None:
    odd = 'Bär "5" \\ <b>'
    execute(database_url, "insert into catalog.products (sku, name) values (%s, 'x')", odd)
    post_batch(
        api,
        [
            row(sku=odd, location=SHELF, quantity=3),
            row(sku=odd, location=SHELF, quantity=2, lot="L-1"),
            row("reserved", sku=odd, location=SHELF, quantity=1),
            row(sku=odd, location=ELSEWHERE, quantity=7),
        ],
    )

    def both(sku: str) -> list[str]:
        more: tuple[dict[str, int], ...] = ({}, {"limit": 100})
        return [api.get("/v1/stock-levels", params={"sku": sku, **each}).text for each in more]

    short, long = both(odd)
    assert short == long
    assert [level["on_hand"] for level in json.loads(short)["items"]] == [7, 5]
    short, long = both("NONE")
    assert short == long
    # and where there are more places than a page has rows
    execute(
        database_url,
        "insert into catalog.locations (code, site_id, kind, name, selling)"
        " select 'MANY-' || n, site_id, 'shelf', 'x', true"
        " from catalog.sites, generate_series(1, 99) as n where sites.code = 'far'",
    )
    post_batch(api, [row(sku=odd, location=f"MANY-{n}") for n in range(1, 100)])
    short, long = both(odd)
    assert short == long
    assert json.loads(short)["next_cursor"] is not None


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"sku": ""}])
def test_a_wrong_parameter_is_named(shared_api: httpx.Client, params: dict[str, Any]) -> None:
    answer = shared_api.get("/v1/stock-levels", params=params)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == next(iter(params))

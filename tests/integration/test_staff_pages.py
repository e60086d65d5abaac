"""The pages over HTTP, as a browser without JavaScript meets them."""

import csv
import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from uuid import uuid4

import httpx
import pytest

from api.deps import Role
from cli.parts import ROOT
from tests.integration.planned_shop import BEAR, DUCK, PlannedShop, planned_shop
from tests.serving import Browser, browser, hidden, let_in, serving

PAGES = [
    "/",
    "/stock",
    "/record",
    "/alerts",
    "/plan",
    "/plan?show=walk",
    "/plan?show=excess",
    f"/products/{BEAR}",
    "/places/CLAW-01",
]


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    return planned_shop(database_url)


@pytest.fixture
def address(shop: PlannedShop) -> Iterator[str]:
    let_in(shop.database_url)
    with serving(shop.database_url) as address:
        yield address


@pytest.fixture
def staff(address: str) -> Iterator[Browser]:
    """A browser that is signed in."""
    signed_in = browser(address)
    with signed_in.client:
        assert signed_in.sign_in().status_code == 303
        yield signed_in


def on_hand(shop: PlannedShop, sku: str, location: str) -> int:
    (row,) = shop.rows(
        "select on_hand from ledger.stock_levels join catalog.products using (product_id)"
        " join catalog.locations using (location_id) where sku = %s and code = %s",
        (sku, location),
    )
    return int(row[0])


def fill_in(staff: Browser, kind: str, sku: str = BEAR, **fields: str) -> httpx.Response:
    """Open the form, fill it in, send it."""
    form = staff.get(f"/record/{kind}?sku={sku}")
    event_id = hidden(form.text, "event_id")
    return staff.post(f"/record/{kind}", **{"event_id": event_id, "sku": sku, **fields})


# Signing in


def test_who_is_not_signed_in_is_asked_to_and_then_gets_the_page(address: str) -> None:
    visitor = browser(address)
    for path in [*PAGES, "/docs"]:
        answer = visitor.client.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in"), path
    asked = visitor.get("/stock?search=bear")
    then = visitor.post(
        "/sign-in",
        username="admin",
        password="a-password-for-tests",
        next=unescape(hidden(asked.text, "next")),
    )
    assert then.headers["location"] == "/stock?search=bear"


def test_a_wrong_password_is_said_kindly_and_keeps_the_name(address: str) -> None:
    visitor = browser(address)
    answer = visitor.sign_in(password="wrong")
    assert answer.status_code == 401
    assert "do not fit together" in answer.text
    assert hidden(answer.text, "username") == "admin"
    assert "set-cookie" not in answer.headers
    assert visitor.client.get("/stock").status_code == 303


def test_what_cannot_be_a_password_is_a_wrong_one(address: str) -> None:
    for password in ("", "x" * 501, "nul\x00nul"):
        assert browser(address).sign_in(password=password).status_code == 401


def test_the_session_cookie_is_out_of_reach_of_scripts(address: str) -> None:
    answer = browser(address).sign_in()
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie


def test_over_https_cookies_are_of_this_host_alone_and_stay_encrypted(address: str) -> None:
    tls = {"X-Forwarded-Proto": "https", "Origin": address}
    asked = httpx.get(f"{address}/sign-in", headers=tls, timeout=30)
    form_cookie = asked.headers["set-cookie"].split(";")[0]
    answer = httpx.post(
        f"{address}/sign-in",
        headers={**tls, "Cookie": form_cookie},
        data={
            "username": "admin",
            "password": "a-password-for-tests",
            "csrf_token": hidden(asked.text, "csrf_token"),
        },
        timeout=30,
    )
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-parstock_session=")
    assert {"secure", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    assert "domain" not in cookie.lower()
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    session = cookie.split(";")[0]
    assert (
        httpx.get(f"{address}/stock", headers={**tls, "Cookie": session}, timeout=30).status_code
        == 200
    )
    plain = {"Cookie": session.removeprefix("__Host-")}
    assert httpx.get(f"{address}/stock", headers={**tls, **plain}, timeout=30).status_code == 303


def test_signing_out_ends_the_session_and_not_only_the_cookie(staff: Browser) -> None:
    kept = dict(staff.client.cookies)
    assert staff.post("/sign-out").headers["location"] == "/sign-in"
    staff.client.cookies.update(kept)
    assert staff.client.get("/stock").status_code == 303


# What a careful browser needs


def test_a_form_of_another_site_is_not_taken(staff: Browser, shop: PlannedShop) -> None:
    alert_id = shop.alert(BEAR)
    for headers in (
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = staff.client.post(f"/alerts/{alert_id}/resolve", headers=headers)
        assert answer.status_code == 403, headers
    assert shop.alerts()[0][2] == "open"


def test_a_form_is_taken_only_with_the_token_of_its_page(
    staff: Browser, address: str, shop: PlannedShop
) -> None:
    alert_id = shop.alert(BEAR)
    others = browser(address)
    stale = others.token()
    others.sign_in()
    for token in ("", "nonsense", stale, others.token()):
        answer = staff.post(f"/alerts/{alert_id}/resolve", csrf_token=token)
        assert answer.status_code == 403, token
        assert "This form is too old" in answer.text
    assert staff.client.post("/sign-out").status_code == 403
    assert shop.alerts()[0][2] == "open"
    assert staff.post(f"/alerts/{alert_id}/resolve").status_code == 303


def test_every_form_of_a_page_has_the_token() -> None:
    templates = sorted((ROOT / "api" / "staff" / "templates").glob("*.html"))
    for template in templates:
        for form in re.findall(r"<form\b.*?</form>", template.read_text("utf-8"), re.DOTALL):
            if 'method="post"' in form:
                assert "{{ csrf_field }}" in form, template.name


def test_every_page_forbids_other_hosts_and_inline_code(staff: Browser) -> None:
    for path in [*PAGES, "/sign-in", f"/record/sold?sku={BEAR}", "/docs"]:
        answer = staff.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "script-src 'self';" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert "http" not in policy.replace("https:", ""), path
        assert "unsafe" not in policy, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "<style" not in answer.text, path
        assert 'style="' not in answer.text, path
        assert "onclick" not in answer.text, path


def test_what_is_typed_is_never_markup(staff: Browser, shop: PlannedShop) -> None:
    shop.execute("update catalog.products set name = %s", ("<script>alert(1)</script>",))
    for path in ["/stock", f"/products/{BEAR}", f"/record/sold?sku={BEAR}", "/stock?search=<b>"]:
        page = staff.get(path).text
        assert "<script>alert" not in page, path
        assert "<b>" not in page, path


def test_files_need_no_sign_in_and_may_be_kept(address: str) -> None:
    visitor = browser(address)
    page = visitor.get("/sign-in").text
    stylesheet = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = visitor.get(stylesheet)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert visitor.get("/static/swagger/swagger-ui.css").status_code == 200
    for absent in ["/static/swagger/redoc.standalone.js", "/static/../pages.py", "/static/"]:
        assert visitor.client.get(absent).status_code == 404, absent


def test_the_documentation_is_for_who_is_signed_in(staff: Browser, address: str) -> None:
    page = staff.get("/docs").text
    assert "swagger-ui-bundle.js" in page
    schema = staff.get("/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert "/v1/summary" in schema["paths"]
    assert "/stock" not in schema["paths"]
    assert browser(address).client.get("/openapi.json").status_code == 401


# Stock


def test_search_finds_every_word_in_name_or_sku(staff: Browser) -> None:
    for search in ("bear", "PLUSH", "bear plush", "BEAR-"):
        assert "Plush bear" in staff.get(f"/stock?search={search}").text, search
    for search in ("duck", "bear duck", "%", "_"):
        assert "Plush bear" not in staff.get("/stock", search=search).text, search


def test_a_code_typed_whole_goes_straight_there(staff: Browser) -> None:
    to_product = staff.client.get(f"/stock?search={BEAR}")
    assert to_product.headers["location"] == f"/products/{BEAR}"
    to_place = staff.client.get("/stock?search=CLAW-01")
    assert to_place.headers["location"] == "/places/CLAW-01"


def test_a_place_is_found_by_its_name(staff: Browser) -> None:
    page = staff.get("/stock?search=claw mach").text
    assert "/places/CLAW-01" in page


def test_stock_goes_on_page_by_page(staff: Browser, shop: PlannedShop) -> None:
    shop.execute(
        "insert into catalog.products (sku, name)"
        " select 'N-' || to_char(n, 'fm000'), 'Number ' || n from generate_series(1, 120) as n"
    )
    seen: set[str] = set()
    path = "/stock?search=number"
    for _ in range(3):
        page = staff.get(path).text
        skus = {part.split('"')[0] for part in page.split('href="/products/')[1:]}
        assert not skus & seen
        seen |= skus
        if 'rel="next"' not in page:
            break
        path = unescape(page.split('<a class="button" href="')[1].split('"')[0])
    assert len(seen) == 120


def test_low_and_out_show_what_the_summary_counts(staff: Browser, shop: PlannedShop) -> None:
    assert "Plush bear" not in staff.get("/stock?show=low").text
    shop.move(BEAR, "CLAW-01", -30)
    shop.move(BEAR, "BACK-01", -50)
    for show in ("low", "out"):
        page = staff.get(f"/stock?show={show}").text
        assert "Plush bear" in page
        assert "Rubber duck" not in page


def test_what_is_not_there_is_said_on_a_page(staff: Browser) -> None:
    for path in ("/products/NOPE", "/places/NOPE", "/products/%00", "/places/%00", "/record/x"):
        answer = staff.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"].startswith("text/html"), path


def test_an_address_that_cannot_be_is_said_on_a_page(staff: Browser) -> None:
    for path in ("/stock?cursor=x", "/stock?show=y", "/alerts?skip=-1", "/plan?cursor=W10"):
        answer = staff.get(path)
        assert answer.status_code == 422, path
        assert answer.headers["content-type"].startswith("text/html"), path


def test_codes_of_any_letters_have_their_page(staff: Browser, shop: PlannedShop) -> None:
    for sku in ("a/b", "ä ö", "50%", "x?y#z", "..", "C&A"):
        shop.execute("insert into catalog.products (sku, name) values (%s, %s)", (sku, f"It {sku}"))
        page = staff.get("/stock?search=It").text
        assert unescape(page).count(f"It {sku}") >= 1
        found = staff.client.get("/stock", params={"search": sku})
        if sku != "..":  # a browser resolves it, so it is reached by its name only
            assert staff.get(found.headers["location"]).status_code == 200, sku


# Recording


def test_a_sale_is_recorded_and_the_page_says_the_new_level(
    staff: Browser, shop: PlannedShop
) -> None:
    answer = fill_in(staff, "sold", location="CLAW-01", quantity="2")
    assert answer.status_code == 303
    page = staff.get(answer.headers["location"]).text
    assert "Sold 2" in page
    assert ">28<" in page
    assert on_hand(shop, BEAR, "CLAW-01") == 28


def test_each_kind_of_event_has_its_form(staff: Browser, shop: PlannedShop) -> None:
    expected = on_hand(shop, BEAR, "CLAW-01")
    for kind, fields, change in (
        ("received", {"quantity": "12"}, 12),
        ("returned", {"quantity": "1"}, 1),
        ("adjusted", {"quantity": "4", "reason": "damaged"}, -4),
        ("adjusted", {"quantity": "2", "reason": "found"}, 2),
        ("transferred", {"quantity": "5", "to_location": "BACK-01"}, -5),
    ):
        answer = fill_in(staff, kind, location="CLAW-01", **fields)
        assert answer.status_code == 303, answer.text
        expected += change
        assert on_hand(shop, BEAR, "CLAW-01") == expected, kind
    assert on_hand(shop, BEAR, "BACK-01") == 55
    assert fill_in(staff, "counted", location="CLAW-01", quantity="0").status_code == 303
    assert on_hand(shop, BEAR, "CLAW-01") == 0


def test_a_form_sent_twice_counts_once(staff: Browser, shop: PlannedShop) -> None:
    fields = {"event_id": str(uuid4()), "sku": BEAR, "location": "CLAW-01", "quantity": "3"}
    with ThreadPoolExecutor(6) as hands:
        answers = list(hands.map(lambda _: staff.post("/record/sold", **fields), range(6)))
    assert {answer.headers.get("location") for answer in answers} == {
        f"/recorded/{fields['event_id']}"
    }
    assert on_hand(shop, BEAR, "CLAW-01") == 27


def test_a_form_changed_after_it_was_recorded_is_a_new_event(
    staff: Browser, shop: PlannedShop
) -> None:
    fields = {"event_id": str(uuid4()), "sku": BEAR, "location": "CLAW-01"}
    staff.post("/record/sold", **fields, quantity="3")
    answer = staff.post("/record/sold", **fields, quantity="4")
    assert answer.status_code == 409
    assert "recorded before" in answer.text
    assert on_hand(shop, BEAR, "CLAW-01") == 27
    fields["event_id"] = hidden(answer.text, "event_id")
    assert staff.post("/record/sold", **fields, quantity="4").status_code == 303
    assert on_hand(shop, BEAR, "CLAW-01") == 23


def test_below_zero_warns_first_and_is_then_recorded(staff: Browser, shop: PlannedShop) -> None:
    warned = fill_in(staff, "sold", location="CLAW-01", quantity="35")
    assert warned.status_code == 409
    assert "only 30" in warned.text
    assert on_hand(shop, BEAR, "CLAW-01") == 30
    anyway = unescape(warned.text.split('name="anyway"')[1].split('value="')[1].split('"')[0])
    event_id = hidden(warned.text, "event_id")
    fields = {"event_id": event_id, "sku": BEAR, "location": "CLAW-01", "anyway": anyway}
    changed = staff.post("/record/sold", **{**fields, "quantity": "40"})
    assert changed.status_code == 409, "a warning is about what was typed, not about anything"
    recorded = staff.post("/record/sold", **{**fields, "quantity": "35"})
    assert recorded.status_code == 303
    assert on_hand(shop, BEAR, "CLAW-01") == 0
    assert "booked as moved from behind it" in staff.get(recorded.headers["location"]).text


def test_a_refusal_is_the_same_form_with_its_fields(staff: Browser, shop: PlannedShop) -> None:
    for quantity, location, words in (
        ("two", "CLAW-01", "whole number"),
        ("0", "CLAW-01", "at least 1"),
        ("1", "", "Choose a place"),
        ("1", "NOWHERE", "no location NOWHERE"),
        ("1", "a\x00b", "NUL"),
    ):
        answer = fill_in(staff, "sold", location=location, quantity=quantity)
        assert answer.status_code == 422
        assert words in unescape(answer.text)
        assert hidden(answer.text, "quantity") == quantity
    assert on_hand(shop, BEAR, "CLAW-01") == 30


def test_undo_takes_it_back_once(staff: Browser, shop: PlannedShop) -> None:
    recorded = fill_in(
        staff, "transferred", location="CLAW-01", to_location="BACK-01", quantity="5"
    )
    path = recorded.headers["location"]
    undo_id = hidden(staff.get(path).text, "event_id")
    for _ in range(2):
        undone = staff.post(f"{path}/undo", event_id=undo_id)
        assert undone.status_code == 303
    assert staff.post(f"{path}/undo", event_id=str(uuid4())).status_code == 303
    assert (on_hand(shop, BEAR, "CLAW-01"), on_hand(shop, BEAR, "BACK-01")) == (30, 50)
    page = staff.get(path).text
    assert "This was undone" in page
    assert "/undo" not in page
    assert "Undone: Moved 5" in staff.get(f"/recorded/{undo_id}").text


def test_many_places_are_typed_and_not_chosen(staff: Browser, shop: PlannedShop) -> None:
    shop.execute(
        "insert into catalog.locations (code, site_id, kind, name, selling)"
        " select 'S-' || n, (select site_id from catalog.sites), 'shelf', 'Shelf ' || n, true"
        " from generate_series(1, 300) as n"
    )
    assert "<datalist" in staff.get(f"/record/sold?sku={BEAR}").text
    assert fill_in(staff, "received", location="S-299", quantity="1").status_code == 303
    assert on_hand(shop, BEAR, "S-299") == 1


def test_a_viewer_reads_and_records_nothing(address: str, shop: PlannedShop) -> None:
    let_in(shop.database_url, "reader", Role.VIEWER)
    reader = browser(address)
    reader.sign_in("reader")
    assert reader.get("/stock").status_code == 200
    assert fill_in(reader, "sold", location="CLAW-01", quantity="1").status_code == 403
    assert on_hand(shop, BEAR, "CLAW-01") == 30


# Alerts, the plan, the start page


def test_alerts_are_acknowledged_and_resolved(staff: Browser, shop: PlannedShop) -> None:
    alert_id = shop.alert(BEAR, message="Bears are low.")
    page = staff.get("/alerts").text
    assert "Bears are low." in page
    assert "Slack is not connected" in page
    answer = staff.post(f"/alerts/{alert_id}/acknowledge")
    assert (
        "<strong>Plush bear</strong> is acknowledged" in staff.get(answer.headers["location"]).text
    )
    staff.post(f"/alerts/{alert_id}/resolve")
    assert "Bears are low." not in staff.get("/alerts").text
    assert "Bears are low." in staff.get("/alerts?show=resolved").text
    assert len(shop.outbox()) == 2
    assert staff.post(f"/alerts/{alert_id}/acknowledge").status_code == 409
    assert staff.post(f"/alerts/{uuid4()}/resolve").status_code == 404


def test_the_most_pressing_alert_is_on_top(staff: Browser, shop: PlannedShop) -> None:
    shop.alert(DUCK, kind="low", severity="medium", message="Ducks.")
    shop.alert(BEAR, message="Bears.", opened_at="2026-11-20T12:00Z")
    page = staff.get("/alerts").text
    assert page.index("Bears.") < page.index("Ducks.")


def test_the_plan_says_why_and_goes_into_a_spreadsheet(staff: Browser, shop: PlannedShop) -> None:
    shop.execute("update catalog.products set name = '=1+1' where sku = %s", (DUCK,))
    shop.suggest(BEAR, quantity=48)
    shop.suggest(DUCK, quantity=24, priority="critical")
    page = staff.get("/plan").text
    assert "Twenty are left." in page
    assert "Mean daily demand" in page
    answer = staff.get("/plan.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [line["quantity"] for line in lines] == ["24", "48"]
    assert lines[0]["product"] == "'=1+1", "a spreadsheet must not run it"


def test_a_line_says_what_other_terms_would_give(staff: Browser, shop: PlannedShop) -> None:
    shop.suggest(
        BEAR,
        more={
            "counterfactuals": {"with a lead time of 2 days": 24},
            "risk_of_running_out": {"without_the_order": 0.62, "with_the_order": 0.03},
            "caps": ["its places have room for 8"],
        },
    )
    for path in ("/plan", f"/products/{BEAR}"):
        page = staff.get(path).text
        assert "With a lead time of 2 days: 24." in page
        assert "Risk of running out: without the order" in page
        assert "its places have room for 8" in page


def test_todays_walk_is_a_page_of_its_own_in_the_order_of_the_places(
    staff: Browser, shop: PlannedShop
) -> None:
    shop.refill(BEAR, to="CLAW-01", quantity=6)
    shop.suggest(DUCK, quantity=24)
    walk = staff.get("/plan?show=walk").text
    assert "Carry 6" in walk
    assert "from BACK-01 to CLAW-01" in walk
    assert "CLAW-01 holds 2." in walk
    assert "Buy 24" not in walk
    assert "Carry 6" not in staff.get("/plan").text


def test_the_start_page_says_what_the_data_are(staff: Browser, shop: PlannedShop) -> None:
    assert "Simulated data" not in staff.get("/").text
    shop.execute("update catalog.sites set is_simulated = true")
    shop.execute(
        "insert into catalog.imports (source, file_name, kind, site_id, location, time_zone,"
        " lines, counts, last_day, shifted_days, imported_by)"
        " select 'gift-shop', 'f', 'sales', site_id, 'CLAW-01', 'UTC', 1, '{}', '2011-12-09',"
        " 5460, 1 from catalog.sites"
    )
    page = staff.get("/").text
    assert "Simulated data" in page
    assert "gift-shop ended on Fri 9 Dec 2011 and was moved by 5,460 days" in page


def test_numbers_link_to_their_lineage_only_where_dagster_can_be_reached(
    staff: Browser, address: str
) -> None:
    assert ":3000/assets/ledger/stock_levels" in staff.get("/stock").text
    from_afar = staff.client.get("/stock", headers={"Host": "shop.example"})
    assert "/assets/" not in from_afar.text


def test_an_empty_page_says_what_to_do_next(database_url: str) -> None:
    let_in(database_url)
    with serving(database_url) as address:
        newcomer = browser(address)
        newcomer.sign_in()
        for path, words in (
            ("/", "not been evaluated yet"),
            ("/stock", "make import"),
            ("/record", "make import"),
            ("/alerts", "Not looked at yet"),
            ("/plan", "There is no plan yet"),
        ):
            assert words in newcomer.get(path).text, path


def test_every_page_answers_on_the_simulated_arcade(small_arcade_url: str) -> None:
    let_in(small_arcade_url)
    with serving(small_arcade_url) as address:
        staff = browser(address)
        staff.sign_in()
        assert "Simulated data" in staff.get("/").text
        stock = staff.get("/stock").text
        product = stock.split('href="/products/')[1].split('"')[0]
        place = staff.get(f"/products/{product}").text.split('href="/places/')[1].split('"')[0]
        for path in ("/alerts", "/plan", "/record", f"/places/{place}"):
            assert staff.get(path).status_code == 200, path

"""Booking on a phone that loses its network, its tab and its sign-in, in a real Chromium."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

from api.deps import Role
from tests.browser import PHONE, QUIET, chromium_path
from tests.integration.planned_shop import BEAR, DUCK, PlannedShop, planned_shop
from tests.serving import PASSWORD, let_in, serving

_WITHIN_MS = 60_000


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    shop = planned_shop(database_url)
    shop.execute(
        "insert into catalog.barcodes (code, product_id)"
        " select '05901234123457', product_id from catalog.products where sku = %s",
        (DUCK,),
    )
    let_in(database_url)
    let_in(database_url, "bob", Role.STAFF)
    return shop


@pytest.fixture
def address(shop: PlannedShop) -> Iterator[str]:
    # A session that was ended is not remembered for a while, either.
    with serving(shop.database_url, actors_for_s=0) as address:
        yield address


@pytest.fixture
def playwright(address: str) -> Iterator[Playwright]:
    # After the shop: it runs a loop of its own in this thread.
    with sync_playwright() as playwright:
        yield playwright


def launched(playwright: Playwright, folder: Path) -> BrowserContext:
    """A browser whose storage outlives it, as a phone's does."""
    return playwright.chromium.launch_persistent_context(
        str(folder), executable_path=chromium_path(), args=QUIET, viewport=PHONE
    )


@pytest.fixture
def phone(playwright: Playwright, tmp_path: Path, address: str) -> Iterator[BrowserContext]:
    context = launched(playwright, tmp_path / "phone")
    sign_in(context, address)
    yield context
    context.close()


def sign_in(context: BrowserContext, address: str, username: str = "admin") -> None:
    page = context.new_page()
    page.goto(address + "/sign-in")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(address + "/")
    page.close()


def opened(context: BrowserContext, address: str) -> Page:
    """The page for booking, once it has what it keeps."""
    page = context.new_page()
    page.set_default_timeout(_WITHIN_MS)
    page.goto(address + "/book")
    page.get_by_text("All is sent.").or_(page.get_by_text("to be sent")).first.wait_for()
    return page


def kept_for_offline(page: Page) -> None:
    page.wait_for_function(
        "async () => (await (await caches.open('parstock-book')).keys()).length >= 4"
        " && (await navigator.serviceWorker.ready).active.state === 'activated'",
        timeout=_WITHIN_MS,
    )


def book(
    page: Page, product: str, quantity: int, *, kind: str = "sold", place: str = "CLAW-01"
) -> None:
    page.get_by_label("What happened?").select_option(kind)
    page.get_by_label("Where?", exact=True).select_option(place)
    page.get_by_label("Product").fill(product)
    page.locator("#found button").first.click()
    page.get_by_label("How many?").fill(str(quantity))
    page.get_by_role("button", name="Book it").click()


def all_sent(page: Page, booked: int) -> None:
    """Wait until so many were booked on this phone, and the server has had them."""
    page.wait_for_function(
        "booked => document.querySelectorAll('#booked > li').length === booked", arg=booked
    )
    page.get_by_text("All is sent.").wait_for()


def recorded(shop: PlannedShop) -> list[tuple[Any, ...]]:
    """What came from the phone; the shop was opened with four events."""
    return shop.rows(
        "select event_type::text, quantity from ledger.inventory_events"
        " where position > 4 and caused_by is null order by position"
    )


def test_booked_without_a_network_is_sent_when_it_is_back(
    phone: BrowserContext, address: str, shop: PlannedShop
) -> None:
    page = opened(phone, address)
    kept_for_offline(page)
    phone.set_offline(True)
    for quantity in (1, 2, 3):
        book(page, "plush", quantity)
    page.get_by_text("3 wait to be sent.").wait_for()
    # The tab is closed, and opened again where there is still no network.
    page.close()
    page = phone.new_page()
    page.goto(address + "/book")
    page.get_by_text("3 wait to be sent.").wait_for()
    assert recorded(shop) == []

    phone.set_offline(False)
    all_sent(page, 3)
    assert recorded(shop) == [("sold", 1), ("sold", 2), ("sold", 3)]


def test_a_browser_that_was_killed_sends_it_when_it_is_back(
    playwright: Playwright, tmp_path: Path, address: str, shop: PlannedShop
) -> None:
    context = launched(playwright, tmp_path / "phone")
    sign_in(context, address)
    page = opened(context, address)
    kept_for_offline(page)
    context.set_offline(True)
    book(page, "plush", 4)
    page.get_by_text("1 waits to be sent.").wait_for()
    context.close()

    context = launched(playwright, tmp_path / "phone")
    page = opened(context, address)
    all_sent(page, 1)
    assert recorded(shop) == [("sold", 4)]
    context.close()


def test_an_answer_that_was_lost_counts_once(
    phone: BrowserContext, address: str, shop: PlannedShop
) -> None:
    page = opened(phone, address)
    lost = []

    def lose(route: Any) -> None:
        # It arrives and is recorded; the answer does not come back.
        route.fetch()
        lost.append(route)
        route.abort()

    phone.route("**/v1/inventory-events", lose, times=1)
    book(page, "plush", 5)
    all_sent(page, 1)
    assert len(lost) == 1
    assert recorded(shop) == [("sold", 5)]


def test_two_tabs_that_send_do_no_harm(
    phone: BrowserContext, address: str, shop: PlannedShop
) -> None:
    page, other = opened(phone, address), opened(phone, address)
    kept_for_offline(page)
    phone.set_offline(True)
    for quantity in range(1, 6):
        book(page if quantity % 2 else other, "plush", quantity)
    phone.set_offline(False)
    for tab in (page, other):
        all_sent(tab, 5)
    assert sorted(recorded(shop)) == [("sold", quantity) for quantity in range(1, 6)]


def test_a_scanner_needs_no_focus(phone: BrowserContext, address: str, shop: PlannedShop) -> None:
    page = opened(phone, address)
    page.get_by_label("Where?", exact=True).select_option("CLAW-01")
    page.get_by_label("How many?").fill("2")
    page.keyboard.type("5901234123457\n")
    page.get_by_text("Rubber duck scanned.").wait_for()
    assert page.get_by_label("How many?").input_value() == "2"
    page.get_by_role("button", name="Book it").click()
    all_sent(page, 1)
    assert recorded(shop) == [("sold", 2)]
    page.get_by_label("How many?").focus()
    page.keyboard.type("4006381333931\n")
    page.get_by_text("No product has the code 4006381333931.").wait_for()


def test_what_the_shelf_disagrees_with_is_said_and_undone(
    phone: BrowserContext, address: str, shop: PlannedShop
) -> None:
    page = opened(phone, address)
    book(page, "ruber", 31)  # as thumbs write it
    page.get_by_text("Recorded; the shelf disagreed").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.locator("#booked .name", has_text="Undone").wait_for()
    all_sent(page, 2)
    assert [kind for kind, _ in recorded(shop)] == ["sold", "reversed"]
    assert page.get_by_role("button", name="Undo").count() == 0


def test_what_is_refused_can_be_mended(
    phone: BrowserContext, address: str, shop: PlannedShop
) -> None:
    page = opened(phone, address)
    book(page, "plush", 20_000_000)
    page.get_by_text("1 not taken: look below.").wait_for()
    page.get_by_role("button", name="Mend").click()
    assert page.get_by_label("Product").input_value() == "Plush bear"
    page.get_by_label("How many?").fill("2")
    page.get_by_role("button", name="Book it").click()
    all_sent(page, 1)
    assert recorded(shop) == [("sold", 2)]


def test_an_ended_sign_in_keeps_what_was_booked_and_whose_it_is(
    phone: BrowserContext, address: str, shop: PlannedShop
) -> None:
    page = opened(phone, address)
    shop.execute("delete from identity.sessions")
    book(page, "plush", 6)
    page.get_by_text("You are signed out.").wait_for()
    assert recorded(shop) == []

    sign_in(phone, address, "bob")
    page.reload()
    page.get_by_text("1 of someone else wait for them to sign in.").wait_for()
    book(page, "plush", 1)
    page.get_by_text("Recorded", exact=True).wait_for()
    assert recorded(shop) == [("sold", 1)]

    phone.clear_cookies()
    sign_in(phone, address)
    page.reload()
    all_sent(page, 2)
    assert recorded(shop) == [("sold", 1), ("sold", 6)]


def test_after_a_restore_what_it_lost_is_told_again(
    phone: BrowserContext, address: str, shop: PlannedShop
) -> None:
    page = opened(phone, address)
    book(page, "plush", 7)
    all_sent(page, 1)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    shop.execute("update ledger.epoch set epoch = gen_random_uuid()")
    with page.expect_request("**/v1/inventory-events"):
        page.reload()
    all_sent(page, 1)
    told = [json.loads(body) for body in sent if body]
    assert [event["quantity"] for event in told] == [7]
    # The ledger knew it, so it still counts once.
    assert recorded(shop) == [("sold", 7)]


def test_the_page_is_small_and_reaches_nobody_else(
    phone: BrowserContext, address: str, shop: PlannedShop
) -> None:
    page = phone.new_page()
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}))
    page.goto(address + "/book", wait_until="networkidle")
    assert all(url.startswith(address) for url in sizes)
    assert sum(sizes.values()) < 150_000
    assert BEAR in page.evaluate("fetch('/book/data.json').then(answer => answer.text())")

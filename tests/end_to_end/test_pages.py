"""A member of staff with a phone: Chromium drives the pages as a hand would."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import BrowserContext, Page, Request, sync_playwright

from tests.browser import PHONE, QUIET, chromium_path
from tests.integration.planned_shop import BEAR, DUCK, PlannedShop, planned_shop
from tests.serving import PASSWORD, let_in, serving

PAGES = [
    "/",
    "/stock",
    "/stock?search=claw",
    f"/products/{BEAR}",
    "/places/CLAW-01",
    "/record",
    "/book",
    f"/record/sold?sku={BEAR}",
    f"/record/transferred?sku={BEAR}",
    "/alerts",
    "/plan",
    "/catalog/products",
    f"/catalog/products/{BEAR}",
    f"/catalog/products/{BEAR}/pictures",
    "/catalog/sites/riverside",
    "/catalog/places/CLAW-01",
    "/catalog/new/places?site=riverside",
    "/catalog/changes",
]


@pytest.fixture(scope="module")
def chromium() -> str:
    """Where the browser is."""
    return chromium_path()


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    shop = planned_shop(database_url)
    for sku in (BEAR, DUCK):
        shop.forecast(sku, days=28)
    shop.suggest(BEAR)
    shop.alert(BEAR, message="Bears are low.")
    return shop


@pytest.fixture
def address(shop: PlannedShop) -> Iterator[str]:
    let_in(shop.database_url)
    with serving(shop.database_url) as address:
        yield address


@dataclass
class Phone:
    """A page at phone size, and everything that it asked for or complained of."""

    page: Page
    address: str
    requested: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def visit(self, path: str) -> None:
        self.page.goto(self.address + path)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def sign_in(self) -> None:
        self.visit("/")
        self.page.get_by_label("User name").fill("admin")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press("Sign in")
        self.page.wait_for_url(self.address + "/")

    def text(self) -> str:
        return self.page.get_by_role("main").inner_text()


def _phone(context: BrowserContext, address: str) -> Phone:
    page = context.new_page()
    page.set_default_timeout(60_000)
    phone = Phone(page, address)

    def remember(request: Request) -> None:
        phone.requested.append(request.url)

    page.on("request", remember)
    page.on("console", lambda message: phone.complaints.append(message.text))
    page.on("pageerror", lambda error: phone.complaints.append(str(error)))
    return phone


@pytest.fixture
def phone(chromium: str, address: str) -> Iterator[Phone]:
    """A phone that is signed in; it runs no JavaScript unless a test says otherwise."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        context = browser.new_context(viewport=PHONE, java_script_enabled=False)
        phone = _phone(context, address)
        phone.sign_in()
        yield phone
        browser.close()


def test_from_search_to_undo(phone: Phone) -> None:
    phone.page.get_by_role("searchbox").fill("plush")
    phone.press("Search")
    phone.page.get_by_role("link", name="Plush bear").click()
    phone.page.get_by_role("link", name="Record", exact=True).last.click()
    phone.page.get_by_label("How many were sold?").fill("2")
    phone.page.get_by_label("From which place?").select_option("CLAW-01")
    phone.press("Record the sale")
    phone.page.get_by_role("heading", name="Sold 2").wait_for()
    assert "Claw machine 1\n28" in phone.text().replace("\n\n", "\n")
    phone.press("Undo")
    phone.page.get_by_role("heading", name="Undone: Sold 2").wait_for()
    assert "30" in phone.text()


def test_a_move_and_a_count(phone: Phone) -> None:
    phone.visit(f"/record/transferred?sku={BEAR}")
    phone.page.get_by_label("How many were moved?").fill("5")
    phone.page.get_by_label("From").select_option("BACK-01")
    phone.page.get_by_label("To", exact=True).select_option("CLAW-01")
    phone.press("Record the move")
    phone.page.get_by_role("heading", name="Moved 5").wait_for()
    assert "45" in phone.text()
    assert "35" in phone.text()
    phone.visit("/places/CLAW-01")
    phone.page.get_by_role("link", name="Count").first.click()
    assert phone.page.get_by_label("Where?").input_value() == "CLAW-01"
    phone.page.get_by_label("How many are there?").fill("33")
    phone.press("Record the count")
    phone.page.get_by_role("heading", name="Counted 33").wait_for()


def test_a_shortage_is_warned_of_and_enter_in_haste_does_not_record_it(
    phone: Phone, shop: PlannedShop
) -> None:
    phone.visit(f"/record/sold?sku={DUCK}&location=CLAW-01")
    phone.page.get_by_label("How many were sold?").fill("31")
    phone.page.keyboard.press("Enter")
    phone.page.get_by_role("alert").wait_for()
    with phone.page.expect_navigation():
        phone.page.keyboard.press("Enter")
    assert "only 30" in phone.text()
    assert shop.rows("select count(*) from ledger.inventory_events") == [(4,)]
    phone.press("Record anyway")
    phone.page.get_by_role("heading", name="Sold 31").wait_for()
    assert "booked as moved from behind it" in phone.text()


def test_an_alert_is_acknowledged_and_resolved(phone: Phone) -> None:
    phone.page.get_by_role("link", name="Alerts").first.click()
    assert "Bears are low." in phone.text()
    phone.press("Acknowledge Plush bear")
    phone.page.get_by_role("status").wait_for()
    assert "Plush bear is acknowledged." in phone.text()
    phone.press("Resolve Plush bear")
    phone.page.get_by_text("All is well").or_(
        phone.page.get_by_text("Not looked at yet")
    ).wait_for()


def test_a_product_is_edited_and_a_conflict_is_settled(phone: Phone, shop: PlannedShop) -> None:
    phone.page.get_by_role("link", name="Catalog", exact=True).click()
    phone.page.get_by_role("searchbox").fill("plush")
    phone.press("Search")
    phone.page.get_by_role("link", name="Plush bear").click()
    phone.page.get_by_label("Price of one").fill("4.50")
    phone.page.get_by_label("Currency").fill("EUR")
    phone.page.get_by_label("Name", exact=True).fill("Teddy")
    shop.execute(
        "update catalog.products set name = 'Bruno', category = 'Soft' where sku = 'BEAR-1'"
    )
    phone.press("Save")
    phone.page.get_by_role("alert").wait_for()
    assert phone.page.get_by_label("Price of one").input_value() == "4.50"
    assert phone.page.get_by_label("Category").input_value() == "Soft"
    width = phone.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    for scheme in ("dark", "light"):
        phone.page.emulate_media(
            color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
        )
        assert phone.page.evaluate(_CONTRASTS) == [], scheme
    phone.page.get_by_label("It says Bruno now").check()
    phone.press("Save")
    phone.page.get_by_role("status").wait_for()
    assert shop.rows(
        "select name, category, unit_price from catalog.products where sku = 'BEAR-1'"
    ) == [("Bruno", "Soft", 450)]
    assert "EUR 4.50" in phone.text()


def test_a_place_is_made_with_its_par_level(phone: Phone, shop: PlannedShop) -> None:
    phone.visit("/catalog/sites/riverside")
    phone.page.get_by_role("link", name="Add to its places").click()
    phone.page.get_by_label("Code").fill("SHELF-9")
    phone.page.get_by_label("Kind").select_option("Shelf")
    phone.page.get_by_label("Stands in").select_option("BACK-01")
    phone.page.get_by_label("Units that fit").fill("a few")
    phone.press("Make it")
    phone.page.get_by_text("Give a whole number").wait_for()
    assert phone.page.get_by_label("Code").input_value() == "SHELF-9"
    phone.page.get_by_label("Units that fit").fill("40")
    phone.press("Make it")
    phone.page.get_by_role("status").wait_for()
    phone.page.get_by_role("link", name="Add to par levels").click()
    phone.page.get_by_label("SKU of the product").fill(BEAR)
    phone.page.get_by_label("Fill up to").fill("20")
    phone.press("Make it")
    phone.page.get_by_role("status").wait_for()
    assert shop.rows("select par, minimum from catalog.par_levels") == [(20, 0)]


def test_a_sale_is_recorded_by_keyboard_alone(phone: Phone) -> None:
    """From the page of a product to the confirmation without touching the glass."""
    phone.visit(f"/record/sold?sku={BEAR}")
    focused = phone.page.locator(":focus")
    assert focused.get_attribute("name") == "quantity"
    phone.page.keyboard.type("3")
    phone.page.keyboard.press("Tab")
    assert focused.get_attribute("name") == "location"
    phone.page.keyboard.type("Claw")
    phone.page.keyboard.press("Tab")
    outline = focused.evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline == "solid", "the focus must be seen"
    phone.page.keyboard.press("Enter")
    phone.page.get_by_role("heading", name="Sold 3").wait_for()


def test_every_page_stays_with_this_host_and_fits_the_phone(phone: Phone) -> None:
    for path in PAGES:
        phone.visit(path)
        width = phone.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{path} is {width} px wide"
    elsewhere = [url for url in phone.requested if not url.startswith(phone.address)]
    assert elsewhere == []
    assert phone.complaints == []


def test_whatever_can_be_pressed_is_large_enough_for_a_thumb(phone: Phone) -> None:
    for path in PAGES:
        phone.visit(path)
        small = phone.page.evaluate(
            """() => [...document.querySelectorAll(
                 `button, select, input:not([type=hidden]),
                  .nav a, .tabs a, a.button, summary, a.row`)]
               .map(element => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])
               .filter(([, box]) => box.height > 0 && (box.height < 44 || box.width < 44))
               .map(([markup, box]) => `${markup} ${box.width}x${box.height}`)"""
        )
        assert small == [], path


# The contrast of two colours as WCAG 2.2 defines it, and the colour that is really behind a text.
_CONTRASTS = """() => {
  const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) =>
    0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest('svg, .hidden-label, option')) continue;
    const [one, two] = [light(parts(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) low.push(`${walker.currentNode.data.trim().slice(0, 40)} ${ratio.toFixed(2)}`);
  }
  return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(phone: Phone, scheme: str) -> None:
    phone.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for path in [*PAGES, "/sign-in"]:
        phone.visit(path)
        assert phone.page.evaluate(_CONTRASTS) == [], f"{path} in {scheme}"


def test_the_documentation_comes_from_this_host_alone(chromium: str, address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        phone = _phone(browser.new_context(viewport=PHONE), address)
        phone.sign_in()
        phone.visit("/docs")
        phone.page.get_by_text("/v1/inventory-events").first.wait_for()
        assert [url for url in phone.requested if not url.startswith((address, "data:"))] == []
        assert [text for text in phone.complaints if "Content Security Policy" in text] == []
        browser.close()

"""Master data on pages over HTTP: saving, conflicts, what is wrong by field, who may."""

import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from PIL import Image

from api.deps import Role
from db.embedded import EmbeddedPostgres
from tests.integration.small_shop import BEAR, DUCK, SmallShop, small_shop
from tests.serving import PASSWORD, Browser, browser, let_in, serving, with_token

TOYS = "/catalog/suppliers/toys"
PRODUCT = f"/catalog/products/{BEAR}"


@pytest.fixture
def shop(database_url: str) -> SmallShop:
    return small_shop(database_url)


@pytest.fixture
def address(shop: SmallShop, tmp_path: Path) -> Iterator[str]:
    let_in(shop.database_url)
    with serving(shop.database_url, PARSTOCK_HOME=tmp_path) as address:
        yield address


@pytest.fixture
def staff(address: str) -> Iterator[Browser]:
    """A browser of an admin."""
    signed_in = browser(address)
    with signed_in.client:
        assert signed_in.sign_in().status_code == 303
        yield signed_in


@pytest.fixture(scope="module")
def shared(
    postgres: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Browser, SmallShop]]:
    """For tests that do not harm one another."""
    name = f"shared_{uuid4().hex}"
    postgres.create_database(name, template=template)
    shop = small_shop(postgres.url(name))
    let_in(shop.database_url)
    home = tmp_path_factory.mktemp("home")
    with serving(shop.database_url, PARSTOCK_HOME=home) as address:
        signed_in = browser(address)
        with signed_in.client:
            assert signed_in.sign_in().status_code == 303
            yield signed_in, shop
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("drop database {} with (force)").format(psycopg.sql.Identifier(name))
        )


def another(address: str, shop: SmallShop, username: str, role: Role) -> Browser:
    let_in(shop.database_url, username, role)
    signed_in = browser(address)
    assert signed_in.sign_in(username).status_code == 303
    return signed_in


def of_riverside(address: str, shop: SmallShop) -> Browser:
    """A manager of the site Riverside, beside which there is another one."""
    shop.execute("insert into catalog.sites (code, name) values ('far', 'Far away')")
    shop.execute(
        "insert into catalog.locations (code, site_id, kind, name, selling)"
        " select 'FAR-01', site_id, 'shelf', 'Hidden', true from catalog.sites where code = 'far'"
    )
    with with_token(address) as admin:
        made = {"username": "rita", "role": "manager", "sites": ["riverside"], "password": PASSWORD}
        assert admin.post("/v1/users", json=made).status_code == 201
    signed_in = browser(address)
    assert signed_in.sign_in("rita").status_code == 303
    return signed_in


def fields(markup: str) -> dict[str, str]:
    """What the form of the page would send as it stands."""
    form = markup.split('<form class="card narrow"')[1].split("</form>")[0]
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = (re.search(rf'\b{part}="([^"]*)"', tag) for part in ("name", "value"))
        if name and 'type="checkbox"' not in tag:
            found[name[1]] = unescape(value[1]) if value else ""
    for name, options in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.findall(r'value="([^"]*)"\s+selected', options)
        found[name] = unescape((chosen or re.findall(r'value="([^"]*)"', options))[0])
    for name, text in re.findall(
        r'<textarea[^>]*name="(\w+)"[^>]*>\n?(.*?)</textarea>', form, re.S
    ):
        found[name] = unescape(text)
    return found


def save(staff: Browser, path: str, opened: dict[str, str], **typed: str) -> httpx.Response:
    return staff.post(path, **{**opened, **typed})


def one(shop: SmallShop, columns: str, sku: str = BEAR) -> tuple[object, ...]:
    (row,) = shop.rows(f"select {columns} from catalog.products where sku = %s", (sku,))  # noqa: S608
    return row


def text_of(markup: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", markup)).split())


# Saving


def test_a_product_is_changed_and_the_page_says_who_did_it(staff: Browser, shop: SmallShop) -> None:
    opened = fields(staff.get(PRODUCT).text)
    answer = save(
        staff,
        PRODUCT,
        opened,
        unit_price="12,50",
        unit_cost="7",
        currency="eur",
        status="phasing_out",
        options="colour: brown\r\nsize: L",
    )
    assert answer.status_code == 303, text_of(answer.text)
    assert one(shop, "unit_price, unit_cost, currency, status, options, name") == (
        1250,
        700,
        "EUR",
        "phasing_out",
        {"colour": "brown", "size": "L"},
        "Plush bear",
    )
    page = staff.get(answer.headers["location"]).text
    assert "Saved." in page
    told = text_of(page.split("Who changed what")[1])
    assert "Product changed by admin" in told
    assert "Status: Active → Phasing out" in told
    assert "Price of one: \N{EN DASH} → EUR 12.50" in told
    again = fields(page)
    assert (again["unit_price"], again["options"]) == ("12.50", "colour: brown\nsize: L")
    assert save(staff, PRODUCT, again, options="size: L").status_code == 303
    assert one(shop, "options, unit_price") == ({"size": "L"}, 1250)
    assert "Product BEAR-1 changed by admin" in text_of(staff.get("/catalog/changes").text)


def test_a_form_that_changes_nothing_makes_no_version(staff: Browser, shop: SmallShop) -> None:
    opened = fields(staff.get(PRODUCT).text)
    before = shop.rows("select count(*) from catalog.changes")
    assert save(staff, PRODUCT, opened).status_code == 303
    assert one(shop, "version") == (1,)
    assert shop.rows("select count(*) from catalog.changes") == before


@pytest.mark.parametrize(
    ("path", "typed"),
    [
        (
            "products",
            {
                "sku": "tiers",
                "name": "Tiers",
                "unit_cost": "2.50",
                "currency": "EUR",
                "price_breaks": "50: 2.40\n100: 2.05",
            },
        ),
        ("products", {"sku": "a/b ä", "name": "Slashed", "supplier": "toys"}),
        (
            "suppliers",
            {
                "code": "new",
                "name": "New Ltd",
                "lead_time_days": "3",
                "minimum_order_value": "250.00",
                "currency": "EUR",
                "order_days": "mon thu",
            },
        ),
        ("sites", {"code": "hill", "name": "Hill", "time_zone": "Europe/Berlin"}),
        ("places", {"code": "BOX-1", "site": "riverside", "kind": "box", "parent": "BACK-01"}),
        ("packs", {"sku": BEAR, "pack": "case", "units": "24"}),
        ("barcodes", {"code": "4006381333931", "sku": BEAR}),
        ("par-levels", {"location": "CLAW-01", "sku": BEAR, "par": "30", "minimum": "5"}),
        (
            "calendar",
            {
                "site": "riverside",
                "code": "fair",
                "name": "Fair",
                "kind": "event",
                "first_day": "2026-06-12",
                "last_day": "2026-06-14",
                "effect_percent": "-20",
            },
        ),
    ],
)
def test_each_kind_is_made_once_and_read_back(
    shared: tuple[Browser, SmallShop], path: str, typed: dict[str, str]
) -> None:
    staff, _ = shared
    opened = fields(staff.get(f"/catalog/new/{path}").text)
    answers = [save(staff, f"/catalog/new/{path}", opened, **typed) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303], text_of(answers[0].text)
    assert len({answer.headers["location"] for answer in answers}) == 1
    page = staff.get(answers[0].headers["location"])
    assert page.status_code == 200
    held = fields(page.text)
    for name, value in typed.items():
        if name in held:
            assert held[name] == value, name
    other = {name: "77" for name in typed if name in ("units", "par", "lead_time_days")}
    other = other or {"pack" if path == "barcodes" else "name": "Other"}
    taken = save(staff, f"/catalog/new/{path}", opened, **{**typed, **other})
    if path != "barcodes":
        assert taken.status_code == 409
        assert "already" in taken.text
    listed = staff.get(f"/catalog/{path}").text
    assert answers[0].headers["location"].partition("?")[0] in listed


# Conflicts


def test_a_save_against_an_older_version_shows_both_and_loses_nothing(
    staff: Browser, address: str, shop: SmallShop
) -> None:
    mine = fields(staff.get(PRODUCT).text)
    maria = another(address, shop, "maria", Role.MANAGER)
    hers = {"name": "Bear of plush", "category": "Soft", "currency": "EUR", "unit_price": "9"}
    assert save(maria, PRODUCT, fields(maria.get(PRODUCT).text), **hers).status_code == 303
    assert save(maria, PRODUCT, fields(maria.get(PRODUCT).text), category="Toys").status_code == 303

    conflict = save(staff, PRODUCT, mine, name="My bear", pack_size="6")
    assert conflict.status_code == 412
    assert one(shop, "name, pack_size") == ("Bear of plush", 12)
    told = text_of(conflict.text)
    assert "Someone else changed it while you were typing" in told
    assert "Product changed by maria" in told
    assert "Name: Plush bear → Bear of plush" in told
    assert "It says Bear of plush now. Take that instead of what I typed." in told
    assert "Changed meanwhile: it said nothing before." in told
    again = fields(conflict.text)
    assert (again["name"], again["pack_size"]) == ("My bear", "6"), "what was typed stands"
    assert (again["category"], again["unit_price"]) == ("Toys", "9.00"), "the rest follows"
    assert save(staff, PRODUCT, again).status_code == 303
    assert one(shop, "name, pack_size, category, unit_price") == ("My bear", 6, "Toys", 900)


def test_in_a_conflict_the_other_one_can_be_taken(staff: Browser, shop: SmallShop) -> None:
    mine = fields(staff.get(TOYS).text)
    shop.execute("update catalog.suppliers set name = 'Theirs'")
    conflict = save(staff, TOYS, mine, name="Mine", lead_time_days="9")
    assert conflict.status_code == 412
    assert "by Parstock" in text_of(conflict.text)
    taken = save(staff, TOYS, fields(conflict.text), take_name="1")
    assert taken.status_code == 303
    assert shop.rows("select name, lead_time_days from catalog.suppliers") == [("Theirs", 9)]


def test_a_conflict_within_a_conflict_is_shown_too(staff: Browser, shop: SmallShop) -> None:
    mine = fields(staff.get(TOYS).text)
    shop.execute("update catalog.suppliers set name = 'Second'")
    conflict = save(staff, TOYS, mine, name="Mine")
    shop.execute("update catalog.suppliers set name = 'Third'")
    again = save(staff, TOYS, fields(conflict.text))
    assert again.status_code == 412
    assert "It says Third now" in text_of(again.text)
    assert fields(again.text)["name"] == "Mine"
    assert shop.rows("select name from catalog.suppliers") == [("Third",)]


def test_the_same_form_sent_twice_is_no_conflict(staff: Browser, shop: SmallShop) -> None:
    mine = fields(staff.get(TOYS).text)
    for _ in range(2):
        assert save(staff, TOYS, mine, name="Mine").status_code == 303
    assert shop.rows("select name, version from catalog.suppliers") == [("Mine", 2)]


def test_what_was_deleted_meanwhile_is_offered_as_new(staff: Browser, shop: SmallShop) -> None:
    new = "/catalog/new/packs"
    save(staff, new, fields(staff.get(new).text), sku=BEAR, pack="case", units="24")
    opened = fields(staff.get(f"/catalog/packs/{BEAR}/case").text)
    removed = staff.post(f"/catalog/packs/{BEAR}/case/delete", version=opened["version"])
    assert removed.headers["location"] == PRODUCT
    gone = save(staff, f"/catalog/packs/{BEAR}/case", opened, units="36")
    assert gone.status_code == 409
    assert "deleted while you were typing" in gone.text
    assert save(staff, new, fields(gone.text)).status_code == 303
    assert shop.rows("select units from catalog.packs") == [(36,)]


def test_what_changed_or_is_named_is_not_deleted(staff: Browser, shop: SmallShop) -> None:
    for path, typed in (
        ("packs", {"sku": BEAR, "pack": "case", "units": "24"}),
        ("barcodes", {"code": "4006381333931", "sku": BEAR, "pack": "case"}),
    ):
        new = f"/catalog/new/{path}"
        assert save(staff, new, fields(staff.get(new).text), **typed).status_code == 303
    case = f"/catalog/packs/{BEAR}/case"
    named = staff.post(f"{case}/delete", version="1")
    assert named.status_code == 409
    assert "still named by a barcode" in named.text
    shop.execute("update catalog.packs set units = 25")
    stale = staff.post(f"{case}/delete", version="1")
    assert stale.status_code == 412
    assert shop.rows("select units from catalog.packs") == [(25,)]


# What is wrong


@pytest.mark.parametrize(
    ("path", "typed", "field", "words"),
    [
        (PRODUCT, {"name": " "}, "name", "This has to be said."),
        (PRODUCT, {"pack_size": "many"}, "pack_size", "Give a whole number"),
        (PRODUCT, {"pack_size": "0"}, "pack_size", "greater than or equal to 1"),
        (PRODUCT, {"unit_price": "1,234", "currency": "EUR"}, "unit_price", "as in 1234.50"),
        (PRODUCT, {"unit_price": "1.50", "currency": "JPY"}, "unit_price", "as in 1234."),
        (PRODUCT, {"unit_price": "1.50"}, "currency", "a currency, as in EUR, beside money"),
        (PRODUCT, {"supplier": "NOBODY"}, "supplier", "There is no supplier NOBODY."),
        (PRODUCT, {"successor": DUCK}, "successor_from", "a successor and its first day"),
        (PRODUCT, {"successor": DUCK, "successor_from": "soon"}, "successor_from", "2026-01-31"),
        (PRODUCT, {"variant_of": BEAR}, "variant_of", "another product than this one"),
        (PRODUCT, {"options": "red"}, "options", "as in colour: red"),
        (PRODUCT, {"base_unit": "g"}, "base_unit", "counted in the unit it has"),
        (PRODUCT, {"category": "a\x00b"}, "category", "without NUL"),
        ("/catalog/sites/riverside", {"time_zone": "Mars"}, "time_zone", "name of a time zone"),
        ("/catalog/places/BACK-01", {"refilled_from": "CLAW-01"}, "refilled_from", "leads back"),
        ("/catalog/places/BACK-01", {"gln": "123"}, "gln", "13 digits"),
        ("/catalog/new/barcodes", {"code": "4006381333932", "sku": BEAR}, "code", "check digit"),
        ("/catalog/new/barcodes", {"code": "4006381333931", "sku": "NO"}, "sku", "There is no sku"),
        (
            "/catalog/new/par-levels",
            {"location": "BACK-01", "sku": BEAR, "par": "3", "minimum": "4"},
            "minimum",
            "no more than par",
        ),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_the_typing_stays(
    shared: tuple[Browser, SmallShop], path: str, typed: dict[str, str], field: str, words: str
) -> None:
    staff, shop = shared
    before = shop.rows("select max(change_id) from catalog.changes")
    answer = save(staff, path, fields(staff.get(path).text), **typed)
    assert answer.status_code == 422, text_of(answer.text)
    beside = re.search(rf'id="{field}-wrong"[^>]*>([^<]*)<', answer.text)
    assert beside is not None, text_of(answer.text)
    assert words in unescape(beside[1])
    held = fields(answer.text)
    assert {name: held[name] for name in typed} == typed
    assert shop.rows("select max(change_id) from catalog.changes") == before


# Who may


def test_who_may_not_edit_reads(staff: Browser, address: str, shop: SmallShop) -> None:
    opened = fields(staff.get(TOYS).text)
    for role in (Role.VIEWER, Role.STAFF):
        reader = another(address, shop, f"a-{role}", role)
        assert 'href="/catalog/products"><' not in reader.get("/stock").text.replace("\n", "")
        for path in ("/catalog/products", PRODUCT, TOYS, "/catalog/sites/riverside"):
            page = reader.get(path)
            assert page.status_code == 200, path
            for hidden in ('method="post" action="/catalog', "Who changed what", "/catalog/new/"):
                assert hidden not in page.text, path
        assert "Toys Ltd" in reader.get(TOYS).text
        assert save(reader, TOYS, opened, name="Mine").status_code == 403
        assert reader.get("/catalog/changes").status_code == 403
    assert shop.rows("select name from catalog.suppliers") == [("Toys Ltd",)]


def test_a_manager_of_one_site_edits_its_places_and_nothing_else(
    address: str, shop: SmallShop
) -> None:
    rita = of_riverside(address, shop)
    claw = "/catalog/places/CLAW-01"
    page = rita.get(claw).text
    assert "FAR-01" not in page
    assert save(rita, claw, fields(page), capacity="40").status_code == 303
    assert "by rita" in text_of(rita.get(claw).text)
    assert "Hidden" not in rita.get("/catalog/places").text
    assert rita.get("/catalog/places/FAR-01").status_code == 404
    assert rita.get("/catalog/sites/far").status_code == 404
    opened = fields(page)
    assert rita.post("/catalog/places/FAR-01", **opened).status_code == 404
    new = "/catalog/new/places"
    made = save(rita, new, fields(rita.get(new).text), code="S-1", site="far", kind="shelf")
    assert made.status_code == 422
    level = {"location": "FAR-01", "sku": BEAR, "par": "3", "minimum": "0"}
    assert rita.post("/catalog/new/par-levels", **level).status_code == 422
    for path in (PRODUCT, TOYS, "/catalog/sites/riverside", "/catalog/new/packs"):
        assert save(rita, path, opened, name="Mine").status_code == 403, path
    assert 'method="post" action="/catalog' not in rita.get(PRODUCT).text


# Lists and pictures


def test_products_are_searched_and_listed_page_by_page(staff: Browser, shop: SmallShop) -> None:
    shop.execute(
        "insert into catalog.products (sku, name)"
        " select 'N-' || to_char(n, 'fm000'), 'Number ' || n from generate_series(1, 120) as n"
    )
    seen: list[str] = []
    path = "/catalog/products?search=number"
    for _ in range(3):
        page = staff.get(path).text
        seen += re.findall(r'href="/catalog/products/(N-\d+)"', page)
        following = re.search(r'href="([^"]*)"\s+rel="next"', page)
        path = unescape(following[1]) if following else ""
    assert path == ""
    assert seen == [f"N-{number:03}" for number in range(1, 121)]
    assert "Nothing matches" in staff.get("/catalog/products", search="\x00<b>").text


def test_a_site_shows_its_places_as_a_tree(staff: Browser, shop: SmallShop) -> None:
    shop.execute(
        "update catalog.locations set parent_location_id ="
        " (select location_id from catalog.locations where code = 'BACK-01')"
        " where code = 'CLAW-01'"
    )
    page = staff.get("/catalog/sites/riverside").text
    rows = re.findall(r'class="row( depth-\d)?"\s+href="(/catalog/places/[^"]*)"', page)
    assert rows == [("", "/catalog/places/BACK-01"), (" depth-1", "/catalog/places/CLAW-01")]
    assert "from BACK-01" in page


def picture(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "PNG")
    return file.getvalue()


def test_pictures_are_added_replaced_and_removed(staff: Browser) -> None:
    path = f"{PRODUCT}/pictures"

    def send(content: bytes, **typed: str) -> httpx.Response:
        return staff.client.post(
            path,
            data={"csrf_token": staff.token(), "number": "1", **typed},
            files={"picture": ("it.png", content, "image/png")},
        )

    def tag() -> str:
        found = re.search(r'name="tag" value="(\w+)"', staff.get(path).text)
        assert found is not None
        return found[1]

    assert send(b"no picture").status_code == 422
    assert send(b"").status_code == 422
    assert send(picture("red")).status_code == 303
    first = tag()
    assert send(picture("blue")).status_code == 428, "someone has put one there meanwhile"
    assert send(picture("blue"), tag=first).status_code == 303
    assert staff.get(f"/v1/products/{BEAR}/images/1").headers["content-type"] == "image/png"
    assert f"/v1/products/{BEAR}/images/1" in staff.get(PRODUCT).text
    assert "Picture BEAR-1/1 changed by admin" in text_of(staff.get(PRODUCT).text)
    assert staff.post(f"{path}/remove", number="1", tag=first).status_code == 412
    assert staff.post(f"{path}/remove", number="1", tag=tag()).status_code == 303
    assert "/images/1" not in staff.get(PRODUCT).text


def test_what_is_typed_is_never_markup(staff: Browser, shop: SmallShop) -> None:
    evil = "<script>alert(1)</script>"
    mine = fields(staff.get(TOYS).text)
    assert save(staff, TOYS, mine, name=evil).status_code == 303
    conflict = save(staff, TOYS, mine, name=f'"{evil}')
    assert conflict.status_code == 412
    for page in (conflict, staff.get(TOYS), staff.get("/catalog/suppliers", search=evil)):
        assert "<script>alert" not in page.text
    for was in ("x", "[1]", '{"name": 1}', '{"name": "\\ud800"}'):
        odd = save(staff, TOYS, {"version": "2", "was": was, "take_name": "1"}, name="x")
        assert odd.status_code in (303, 412, 422), was

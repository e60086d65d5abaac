"""A purchase order as its supplier reads it."""

import csv
import io
from collections.abc import Iterator

import httpx
import pypdf
import pytest

from tests.integration.ordering_shop import (
    FIRST,
    ORDERS,
    approve,
    change,
    managing,
    order,
    ordering_shop,
)
from tests.integration.planned_shop import BEAR, DUCK, PlannedShop


@pytest.fixture
def shop(database_url: str) -> PlannedShop:
    return ordering_shop(database_url)


@pytest.fixture
def api(shop: PlannedShop) -> Iterator[httpx.Client]:
    with managing(shop) as client:
        yield client


def rows(api: httpx.Client) -> list[dict[str, str]]:
    answer = api.get(f"{ORDERS}/{FIRST}.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))


def pages(api: httpx.Client) -> list[str]:
    answer = api.get(f"{ORDERS}/{FIRST}.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.content)).pages]


def test_a_file_has_what_is_asked_of_the_supplier(api: httpx.Client, shop: PlannedShop) -> None:
    approve(api, shop.suggest(BEAR), shop.suggest(DUCK, quantity=24))
    ducks = next(line["line"] for line in order(api)["order_lines"] if line["sku"] == DUCK)
    change(api, "POST", f"{FIRST}/lines/{ducks}/close")
    [line] = rows(api)
    assert (line["sku"], line["packs"], line["quantity"]) == (BEAR, "4", "48")
    assert (line["unit_cost"], line["cost"], line["currency"]) == ("2.50", "120.00", "EUR")
    [page] = pages(api)
    for words in (FIRST, "Toys Ltd", "Plush bear", "4 of 12", "120.00 EUR", "A draft"):
        assert words in page
    assert "Rubber duck" not in page
    change(api, "POST", f"{FIRST}/send")
    assert "A draft" not in pages(api)[0]


@pytest.mark.parametrize(
    "name", ["ぬいぐるみ 熊 <大>", "Мишка", "Łoś & żółw", "곰 인형", "Bär “groß” 5 €"]
)
def test_a_document_has_the_letters_of_every_name(
    api: httpx.Client, shop: PlannedShop, name: str
) -> None:
    shop.execute("update catalog.products set name = %s where sku = %s", (name, BEAR))
    approve(api, shop.suggest(BEAR))
    assert rows(api)[0]["product"] == name
    assert "".join(name.split()) in "".join(pages(api)[0].split())


def test_a_yen_has_no_hundredths(api: httpx.Client, shop: PlannedShop) -> None:
    shop.execute("update catalog.products set currency = 'JPY' where sku = %s", (BEAR,))
    approve(api, shop.suggest(BEAR))
    assert rows(api)[0]["cost"] == "12000"


def test_a_long_order_takes_pages(api: httpx.Client, shop: PlannedShop) -> None:
    shop.execute(
        "insert into catalog.products (sku, name, supplier_id, pack_size)"
        " select 'P-' || number, 'Product ' || number, supplier_id, 12"
        " from catalog.suppliers, generate_series(1, 120) as number"
    )
    approve(api, *(shop.suggest(f"P-{number}") for number in range(1, 121)))
    told = pages(api)
    assert len(told) > 1
    assert all("Product" in page and "Packs" in page for page in told)
    assert "Product 120" in " ".join(told)


def test_a_name_is_no_formula(api: httpx.Client, shop: PlannedShop) -> None:
    shop.execute("update catalog.products set name = '=1+1' where sku = %s", (BEAR,))
    approve(api, shop.suggest(BEAR))
    assert rows(api)[0]["product"] == "'=1+1"

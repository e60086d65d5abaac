"""Which column holds what, and what kind of file that makes."""

import pytest

from api.imports.columns import (
    Column,
    guess_columns,
    guess_kind,
    guess_profile,
    require_columns,
)
from api.imports.errors import ColumnMissing, OptionUnusable


def _columns(*named: tuple[str, str]) -> list[Column]:
    return [
        Column(number, name, "VARCHAR", looks_like)
        for number, (name, looks_like) in enumerate(named)
    ]


def _guess(*named: tuple[str, str], **said: str) -> dict[str, str]:
    return {field: column.name for field, column in guess_columns(_columns(*named), said).items()}


_INVOICES = (
    ("InvoiceNo", "integer"),
    ("StockCode", "text"),
    ("Description", "text"),
    ("Quantity", "integer"),
    ("InvoiceDate", "date"),
    ("UnitPrice", "number"),
    ("CustomerID", "integer"),
    ("Country", "text"),
)


def test_names_are_known_whatever_their_case_and_signs() -> None:
    assert _guess(
        ("Item Code", "text"), ("QTY.", "integer"), ("sold_at", "date"), ("Unit Price", "number")
    ) == {"sku": "Item Code", "quantity": "QTY.", "date": "sold_at", "price": "Unit Price"}


def test_invoice_lines_are_read_by_their_names() -> None:
    assert _guess(*_INVOICES) == {
        "sku": "StockCode",
        "quantity": "Quantity",
        "date": "InvoiceDate",
        "price": "UnitPrice",
        "description": "Description",
        "reference": "InvoiceNo",
        "customer": "CustomerID",
    }


def test_a_product_column_beside_a_sku_is_its_description() -> None:
    found = _guess(("sku", "text"), ("product", "text"), ("qty", "integer"), ("date", "date"))
    assert (found["sku"], found["description"]) == ("sku", "product")


def test_a_name_that_its_values_do_not_bear_out_is_passed_over() -> None:
    found = _guess(("day", "integer"), ("dt", "date"), ("sku", "text"), ("qty", "integer"))
    assert found["date"] == "dt"


def test_types_say_what_names_do_not() -> None:
    found = _guess(("sku", "text"), ("Menge", "integer"), ("Verkauft am", "date"))
    assert (found["quantity"], found["date"]) == ("Menge", "Verkauft am")


def test_two_columns_of_a_type_are_not_guessed_between() -> None:
    assert "quantity" not in _guess(("sku", "text"), ("Menge", "integer"), ("Gewicht", "integer"))


def test_what_the_user_says_comes_before_any_guess() -> None:
    found = _guess(("sku", "text"), ("ean", "integer"), ("qty", "integer"), sku="EAN")
    assert found["sku"] == "ean"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"sku": "artikel"}, "has no column artikel; its columns are sku, qty"),
        ({"colour": "sku"}, "there is no field colour; the fields are sku, quantity"),
    ],
)
def test_an_override_names_a_field_and_a_column_that_there_are(
    said: dict[str, str], sentence: str
) -> None:
    with pytest.raises(OptionUnusable, match=sentence):
        guess_columns(_columns(("sku", "text"), ("qty", "integer")), said)


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("sku", "no column for the product's code"),
        ("quantity", "no column for the quantity"),
        ("date", "no column for the date of the sale"),
    ],
)
def test_a_missing_column_is_named_with_those_that_there_are(missing: str, sentence: str) -> None:
    named = {"sku": "text", "quantity": "integer", "date": "date"}
    columns = _columns(*[(name, kind) for name, kind in named.items() if name != missing])
    with pytest.raises(ColumnMissing, match=f"x.csv has {sentence}.*its columns are .*--column"):
        require_columns(guess_columns(columns), columns, "sales", "x.csv")


def test_stock_needs_no_date() -> None:
    columns = _columns(("sku", "text"), ("on_hand", "integer"))
    found = guess_columns(columns)
    require_columns(found, columns, "counts", "x.csv")
    assert guess_kind(found, "x") == "counts"


def test_a_sales_file_without_dates_does_not_pass_for_a_count() -> None:
    found = guess_columns(_columns(("sku", "text"), ("quantity", "integer")))
    assert guess_kind(found, "sales") == "sales"
    assert guess_kind(found, "stock-2026") == "counts"


def test_a_list_with_dates_is_stock_where_its_names_say_so() -> None:
    counted = guess_columns(_columns(("sku", "text"), ("qty", "integer"), ("counted at", "date")))
    dated = guess_columns(_columns(("sku", "text"), ("qty", "integer"), ("date", "date")))
    assert guess_kind(counted, "monday") == "counts"
    assert guess_kind(dated, "stock") == "counts"
    assert guess_kind(dated, "stock-sold") == guess_kind(dated, "monday") == "sales"


def test_a_letter_before_an_invoice_number_means_something_only_where_most_have_none() -> None:
    found = guess_columns(_columns(*_INVOICES))
    assert guess_profile(found, "sales", share_of_numeric_references=0.98) == "invoice-lines"
    assert guess_profile(found, "sales", share_of_numeric_references=0.0) == "plain"

"""Files of products, suppliers, places and sites: each line made, changed, left or rejected."""

import csv
import gzip
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from api.imports.errors import ColumnMissing, OptionUnusable
from tests.integration.importing import import_from, levels, outcomes, read, write_csv
from tests.integration.ledger_shop import execute, query

_PRODUCTS = "Item No,Item Name,Department,Cost,Case Size,Vendor"


def _products(database_url: str) -> list[tuple[Any, ...]]:
    return query(
        database_url,
        "select sku, p.name, category, unit_cost, p.currency, s.code, pack_size, p.version"
        " from catalog.products p left join catalog.suppliers s using (supplier_id) order by sku",
    )


def _workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def test_products_are_made_changed_and_left_as_they_are(database_url: str, tmp_path: Path) -> None:
    import_from(
        write_csv(tmp_path / "vendors.csv", "code,name,lead time", "toys,Toys Ltd,5"), database_url
    )
    path = write_csv(tmp_path / "items.csv", _PRODUCTS, "00123,Bear,Plush,2.50,12,toys")
    first = import_from(path, database_url, currency="EUR")
    assert (first.kind, outcomes(first)) == ("products", {"created": 1})
    assert _products(database_url) == [("00123", "Bear", "Plush", 250, "EUR", "toys", 12, 1)]
    # when the file comes again, with one line more and one changed
    write_csv(path, _PRODUCTS, "00123,Bear,Plush,2.50,12,toys", "7,Duck,,,,")
    assert outcomes(import_from(path, database_url)) == {"created": 1, "unchanged": 1}
    write_csv(path, "sku,category", "00123,", "7,Bath")
    assert outcomes(import_from(path, database_url)) == {"changed": 2}
    assert _products(database_url) == [
        ("00123", "Bear", None, 250, "EUR", "toys", 12, 2),
        ("7", "Duck", "Bath", None, None, None, 1, 2),
    ]


def test_each_rejected_line_names_row_and_field_and_imports_again_once_mended(
    database_url: str, tmp_path: Path
) -> None:
    path = write_csv(
        tmp_path / "items.csv",
        _PRODUCTS,
        "A,Good,,1.00,1,",
        ",No code,,1.00,1,",
        "B,Bad pack,,1.00,few,",
        "A,Twice,,1.00,1,",
        "C,,,1.005,0,nobody",
        "D,=Whose?,,-1,1,nobody",
        "E,Too long,,1.00,1,,what,",
    )
    report = import_from(path, database_url, currency="EUR")
    assert outcomes(report) == {"created": 1, "rejected": 6}
    assert [(error.row, error.field) for error in report.errors] == [
        (3, "Item No"),
        (4, "Case Size"),
        (5, "Item No"),
        (6, "Cost, Item Name, Case Size"),
        (7, "Cost"),
        (8, "line"),
    ]
    assert report.errors[2].reason == "A stands in row 2 already"
    assert report.rejected_file is not None
    with report.rejected_file.open(encoding="utf-8", newline="") as file:
        told = list(csv.reader(file))
    assert told[0] == [
        "rejected_row", "rejected_field", "rejected_reason", *_PRODUCTS.split(","),
    ]  # fmt: skip
    assert told[5][3:] == ["D", "'=Whose?", "", "-1", "1", "nobody"]
    # when the lines are mended in that file
    mended = [told[0], [*told[2][:7], "5", ""], [*told[5][:6], "1", "1", ""]]
    mended[1] = [*told[2][:3], "B", "Bad pack", "", "1.00", "5", ""]
    mended[2] = [*told[5][:3], "D", "'=Whose?", "", "1", "1", ""]
    write_csv(report.rejected_file, *[",".join(line) for line in mended])
    again = import_from(report.rejected_file, database_url, currency="EUR")
    assert (again.source, outcomes(again)) == ("items", {"created": 2})
    assert [row[:2] for row in _products(database_url)] == [
        ("A", "Good"), ("B", "Bad pack"), ("D", "=Whose?"),
    ]  # fmt: skip


def test_a_dry_run_checks_against_the_database_and_writes_nothing(
    database_url: str, tmp_path: Path
) -> None:
    execute(database_url, "insert into catalog.products (sku, name) values ('A', 'Old')")
    path = write_csv(tmp_path / "items.csv", _PRODUCTS, "A,New,,,,", "B,Other,,,,nobody")
    report = import_from(path, database_url, dry_run=True)
    assert outcomes(report) == {"changed": 1, "rejected": 1}
    assert report.errors[0].reason == "there is no supplier nobody"
    assert [row[:2] for row in _products(database_url)] == [("A", "Old")]
    assert query(database_url, "select count(*) from catalog.imports") == [(0,)]


def test_places_come_with_their_sites_and_with_what_refills_them(
    database_url: str, tmp_path: Path
) -> None:
    path = write_csv(
        tmp_path / "places.csv",
        "code,site,kind,refilled from,capacity",
        "CLAW-1,north,claw machine,BACK,40",
        "BACK,north,back room,,",
        "X,north,hole,,",
        "Y,north,bin,X,",
        "P,north,bin,Q,",
        "Q,north,bin,P,",
        "S,south,bin,BACK,",
    )
    report = import_from(path, database_url, time_zone="Europe/Berlin")
    assert (report.sites_made, outcomes(report)) == (1, {"created": 2, "rejected": 5})
    assert [(error.row, error.field) for error in report.errors] == [
        (4, "kind"), (5, "refilled from"), (6, "refilled from"), (7, "refilled from"),
        (8, "refilled from"),
    ]  # fmt: skip
    assert query(
        database_url,
        "select l.code, s.code, l.kind, l.name, l.selling, f.code, time_zone"
        " from catalog.locations l join catalog.sites s using (site_id)"
        " left join catalog.locations f on f.location_id = l.refilled_from_location_id order by 1",
    ) == [
        ("BACK", "north", "back_room", "BACK", False, None, "Europe/Berlin"),
        ("CLAW-1", "north", "claw_machine", "CLAW-1", True, "BACK", "Europe/Berlin"),
    ]
    assert outcomes(import_from(path, database_url)) == {"unchanged": 2, "rejected": 5}
    moved = write_csv(tmp_path / "places.csv", "code,site", "BACK,south")
    assert import_from(moved, database_url).errors[0].reason == "it is north for good"


_SHOP = """
insert into catalog.sites (code, name) values ('near', 'Near');
insert into catalog.locations (code, site_id, kind, name, selling)
select 'S', site_id, 'shelf', 'S', true from catalog.sites;
insert into catalog.products (sku, name)
select sku, sku from unnest(array['BEAR', 'DUCK', 'KIT', 'FAM', 'RED', 'BLUE']) as sku;
insert into catalog.packs (product_id, pack, units)
select product_id, 'box', 12 from catalog.products where sku = 'BEAR';
insert into catalog.recipes (product_id, recipe_version)
select product_id, 1 from catalog.products where sku = 'KIT';
insert into catalog.recipe_components
select kits.product_id, 1, components.product_id, 2
from catalog.products as kits, catalog.products as components
where kits.sku = 'KIT' and components.sku = 'DUCK';
update catalog.products set variant_of_product_id =
    (select product_id from catalog.products where sku = 'FAM'), options = '{"colour": "red"}'
where sku = 'RED';
"""
_Case = tuple[str, list[str], dict[str, int], list[tuple[int, str, str]]]
_CASES: dict[str, _Case] = {
    "packs": (
        "Item No,Pack,Units per pack",
        ["BEAR,box,12", "BEAR,tray,6", "DUCK,box,0", "NONE,box,6", "BEAR,tray,7", "DUCK,,6"],
        {"created": 1, "unchanged": 1, "rejected": 4},
        [
            (4, "Units per pack", "Input should be greater than or equal to 1"),
            (5, "Item No", "there is no product NONE"),
            (6, "Item No", "BEAR/tray stands in row 3 already"),
            (7, "Pack", "there is no pack"),
        ],
    ),
    "barcodes": (
        "EAN,Item No,Pack",
        ["4006381333931,BEAR,box", "40170725,BEAR,", "04006381333931,DUCK,", "4006381333930,DUCK,",
         "036000291452,DUCK,box", "x,BEAR,"],
        {"created": 2, "rejected": 4},
        [
            (4, "EAN", "04006381333931 stands in row 2 already"),
            (5, "EAN", "The check digit should be 1 (at character 13)"),
            (6, "Pack", "there is no pack box of the product DUCK"),
            (7, "EAN", "A GTIN has 8, 12, 13 or 14 digits (at character 1)"),
        ],
    ),
    "par-levels": (
        "Place,Item No,Par level,Min",
        ["S,BEAR,12,3", "S,DUCK,2,3", "T,DUCK,2,", "S,NONE,2,", "S,KIT,many,"],
        {"created": 1, "rejected": 4},
        [
            (3, "Min", "Expected no more than par"),
            (4, "Place", "there is no place T"),
            (5, "Item No", "there is no product NONE"),
            (6, "Par level", "a number is expected"),
        ],
    ),
    "recipes": (
        "Kit,Version,Component,Qty",
        ["KIT,1,DUCK,2", "KIT,2,BEAR,1", "KIT,2,DUCK,1", "BEAR,1,RED,1", "RED,1,KIT,1",
         "BLUE,2,DUCK,1", "FAM,1,DUCK,1", "DUCK,1,BLUE,0", "DUCK,1,RED,1"],
        {"created": 2, "unchanged": 1, "rejected": 6},
        [
            (5, "Kit", "BEAR is part of a kit, so it cannot be one"),
            (6, "Kit", "RED is part of a kit, so it cannot be one"),
            (7, "Version", "the next version of BLUE is 1"),
            (8, "Kit", "FAM has variants, so it cannot be a kit"),
            (9, "Qty", "Input should be greater than or equal to 1"),
            (10, "line", "row 9 of the same kit is wrong"),
        ],
    ),
    "products": (
        "sku,name,successor,replaced from,variant of,options",
        ["NEW,New,NEWER,2027-01-31,,", "NEWER,Newer,,,,", "BLUE,Blue,,,FAM,colour=blue; size=L",
         "DUCK,,BEAR,,,", "BEAR,,NONE,2027-01-01,,", "A,A,B,2027-01-01,,", "B,B,A,2027-01-01,,",
         "C,C,,,KIT,", "D,D,,,RED,", 'E,E,,,FAM,"{""colour"": ""red""}"', "FAM,,,,BLUE,",
         "F,F,,,,colour"],
        {"created": 2, "changed": 1, "rejected": 9},
        [
            (5, "replaced from", "Expected a successor and its first day"),
            (6, "successor", "there is no product NONE"),
            (7, "successor", "A would follow itself, over B"),
            (8, "successor", "B would follow itself, over A"),
            (9, "variant of", "KIT cannot be a parent: it is a kit or part of one"),
            (10, "variant of", "RED cannot be a parent: it is a variant itself"),
            (11, "options", "another variant has these options"),
            (12, "variant of", "BLUE cannot be a parent: it is a variant itself"),
            (13, "options", 'options as in colour=red; size=L, or {"colour": "red"}, are expected'),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", _CASES)
def test_what_belongs_to_a_product_is_made_or_its_line_told(
    database_url: str, tmp_path: Path, kind: str
) -> None:
    execute(database_url, _SHOP)
    header, rows, found, errors = _CASES[kind]
    path = write_csv(tmp_path / f"{kind}.csv", header, *rows)
    for dry_run in (True, False):
        report = import_from(path, database_url, dry_run=dry_run)
        assert (report.kind, outcomes(report)) == (kind, found)
        assert [(error.row, error.field, error.reason) for error in report.errors] == errors
    # when it comes again
    again = import_from(path, database_url)
    kept = sum(found.values()) - found["rejected"]
    assert outcomes(again) == {"unchanged": kept, "rejected": found["rejected"]}


def test_a_recipe_without_versions_is_the_next_one(database_url: str, tmp_path: Path) -> None:
    execute(database_url, _SHOP)
    path = write_csv(tmp_path / "kits.csv", "kit,component,quantity", "KIT,DUCK,2", "KIT,BEAR,1")
    assert outcomes(import_from(path, database_url)) == {"changed": 2}
    assert outcomes(import_from(path, database_url)) == {"unchanged": 2}
    write_csv(path, "kit,component,quantity", "KIT,,")
    assert outcomes(import_from(path, database_url)) == {"changed": 1}
    versions = "select recipe_version, count(component_product_id) from catalog.recipes"
    joined = " left join catalog.recipe_components using (product_id, recipe_version)"
    assert query(database_url, f"{versions}{joined} group by 1 order by 1") == [
        (1, 1), (2, 2), (3, 0),
    ]  # fmt: skip


def test_the_audit_log_says_that_an_import_changed_it(database_url: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "suppliers.csv", "code,name", "toys,Toys Ltd")
    import_from(path, database_url)
    assert query(
        database_url,
        "select entity, code, actor_id is not null, after->>'name' from catalog.changes",
    ) == [("supplier", "toys", True, "Toys Ltd")]


def test_a_workbook_is_read_by_the_meaning_of_its_cells(database_url: str, tmp_path: Path) -> None:
    path = _workbook(
        tmp_path / "export.xlsx",
        notes=[["read me"]],
        sales=[
            ["Code", "Units", "Sold at", "Place"],
            ["00123", 2, datetime(2026, 1, 5, 10, 0), "N1"],  # noqa: DTZ001 - as Excel has it
            [],
            [45, 1.0, date(2026, 1, 6), "N1"],
            [46, 1.5, date(2026, 1, 6), "N1"],
        ],
    )
    report = import_from(path, database_url, sheet="sales", opening_cover_days=0)
    assert outcomes(report) == {"sale": 2, "rejected": 1}
    assert (report.errors[0].row, report.errors[0].field) == (5, "Units")
    assert "Read from the sheet sales (--sheet)." in report.notes
    assert levels(database_url) == {("00123", "N1"): 0, ("45", "N1"): 0}
    with pytest.raises(OptionUnusable, match="has no such sheet; it has notes, sales"):
        read(path, sheet="sale")


def test_a_file_is_known_by_its_content_where_its_name_has_no_suffix(tmp_path: Path) -> None:
    lines: list[list[Any]] = [["sku", "qty", "date"], ["MUG", 1, "2026-01-05"]]
    _workbook(tmp_path / "made.xlsx", sales=lines).rename(tmp_path / "a")
    (tmp_path / "b").write_bytes(gzip.compress(b"sku,qty,date\nMUG,1,2026-01-05\n"))
    duckdb.sql("select 'MUG' as sku, 1 as qty, date '2026-01-05' as date").write_parquet(
        str(tmp_path / "c")
    )
    for upload, file_name in (("a", "till.xlsx"), ("b", "till.csv.gz"), ("c", "till.parquet")):
        report = read(tmp_path / upload, file_name=file_name)
        assert (report.source, outcomes(report)) == ("till", {"sale": 1})


def test_opening_stock_is_where_nothing_was_known(database_url: str, tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "opening.csv", "sku,location,opening quantity", "MUG,S,5", "CUP,S,0"
    )
    report = import_from(path, database_url)
    assert (report.kind, outcomes(report)) == ("opening-stock", {"opening": 1, "rejected": 1})
    assert levels(database_url) == {("MUG", "S"): 5}
    assert import_from(path, database_url).recorded == 0
    write_csv(path, "sku,location,opening quantity", "MUG,S,7", "JUG,S,1")
    report = import_from(path, database_url)
    assert report.errors[0].reason == "the stock of this product here is known already"
    assert levels(database_url) == {("MUG", "S"): 5, ("JUG", "S"): 1}


def test_what_is_counted_by_lot_is_there_by_lot_whatever_the_book_had(
    database_url: str, tmp_path: Path
) -> None:
    header = "sku,location,Counted,Batch No,Expiry"
    held = (
        "select coalesce(lots.code, ''), expires_on::text, on_hand from ledger.stock_levels"
        " left join ledger.lots using (lot_id) where on_hand > 0 order by 1"
    )
    # given: bears that no lot was ever told of, and one that was
    write_csv(tmp_path / "opening.csv", header, "BEAR,S,10,,", "BEAR,S,4,OLD,2026-02-01")
    report = import_from(tmp_path / "opening.csv", database_url, kind="opening-stock")
    assert outcomes(report) == {"opening": 2}
    assert query(database_url, held) == [("", None, 10), ("OLD", "2026-02-01", 4)]
    # when they are counted by lot, in lines in any order
    path = write_csv(
        tmp_path / "counts.csv",
        header,
        "BEAR,S,5,A,2027-05-01",
        "BEAR,S,2,,",
        "BEAR,S,3,B,",
        "BEAR,S,1,OLD,",
        "BEAR,S,1,,2027-05-01",
        "BEAR,S,1,C,soon",
    )
    report = import_from(path, database_url)
    assert outcomes(report) == {"count": 4, "rejected": 2}
    assert [(error.row, error.field, error.reason) for error in report.errors] == [
        (6, "Expiry", "what expires has a lot"),
        (7, "Expiry", "the expiry date cannot be read"),
    ]
    assert query(database_url, held) == [
        ("", None, 2), ("A", "2027-05-01", 5), ("B", None, 3), ("OLD", "2026-02-01", 1),
    ]  # fmt: skip
    assert levels(database_url) == {("BEAR", "S"): 11}
    assert import_from(path, database_url).recorded == 0


def test_a_count_whose_date_is_left_empty_is_one_of_now(database_url: str, tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "counts.csv",
        "sku,location,counted_quantity,counted_at",
        "MUG,S,5,2026-01-05T10:00:00Z",
        "CUP,S,7,",
    )
    assert outcomes(import_from(path, database_url)) == {"count": 2}
    times = "select sku, occurred_at > now() - interval '1 hour' from ledger.inventory_events"
    found = query(database_url, f"{times} join catalog.products using (product_id) order by 1")
    assert found == [("CUP", True), ("MUG", False)]


def test_a_mapping_is_saved_and_used_again(database_url: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", "Nr;Was;Preis", "1;Bär;1.234,50", "2;Ente;2,00")
    said = {"columns": {"sku": "Nr", "name": "Was", "unit_price": "Preis"}, "decimal_comma": True}
    import_from(
        path,
        database_url,
        kind="products",
        currency="EUR",
        constants={"category": "Toys"},
        save_mapping="till",
        **said,
    )
    write_csv(path, "Nr;Was;Preis", "1;Bär;9,00", "2;Ente;2,00", "3;Gans;3,00")
    report = import_from(path, database_url, mapping="till")
    assert outcomes(report) == {"created": 1, "changed": 1, "unchanged": 1}
    assert query(
        database_url, "select sku, unit_price, currency, category from catalog.products order by 1"
    ) == [("1", 900, "EUR", "Toys"), ("2", 200, "EUR", "Toys"), ("3", 300, "EUR", "Toys")]
    with pytest.raises(OptionUnusable, match="--mapping tills: there is no such mapping"):
        import_from(path, database_url, mapping="tills")


def test_what_is_the_same_in_every_line_of_sales_is_said_once(
    database_url: str, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "sales.csv", "sku;menge;tag", "MUG;1,0;05.01.2026", "MUG;x;5.1.26")
    report = import_from(
        path,
        database_url,
        columns={"quantity": "menge", "date": "tag"},
        constants={"location": "S"},
        date_format="%d.%m.%Y",
        decimal_comma=True,
        opening_cover_days=0,
    )
    assert outcomes(report) == {"sale": 1, "rejected": 1}
    assert levels(database_url) == {("MUG", "S"): 0}
    assert report.rejected_file is not None
    assert "constant" not in report.rejected_file.read_text("utf-8")


def test_a_file_without_codes_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", "name,lead time", "Toys,5")
    with pytest.raises(ColumnMissing, match="no column for the code of the suppliers"):
        read(path, kind="suppliers")

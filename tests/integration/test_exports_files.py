"""An export imports again unchanged: into an empty database, and into its own."""

import asyncio
import csv
from pathlib import Path
from typing import Any
from uuid import uuid4

import openpyxl
import psycopg
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from api.exports.schemas import FORMATS, Format
from api.exports.writer import write_export
from api.imports.schemas import KINDS, Kind, Outcome
from cli.main import main
from db.embedded import EmbeddedPostgres
from tests.integration.importing import import_from, levels, outcomes
from tests.integration.ledger_shop import event, execute, query, recording

# Text that has broken an import or a spreadsheet before.
_NASTY = """
insert into catalog.suppliers (code, name, lead_time_days) values
('=cmd', E'line\\nbreak', 0), (E'a"b', E'tab\\there', 30), ('00012', '''=quoted', 7);
update catalog.suppliers set minimum_order_value = 1234567, currency = 'KWD', order_days = 'mon sun'
where code = '=cmd';
insert into catalog.sites (code, name, time_zone, country) values
('north', '-1', 'Europe/Berlin', 'DE-BE'), ('south', 'Süd ☃', 'UTC', null);
insert into catalog.locations (code, site_id, kind, name, capacity, selling)
select made.code, site_id, made.kind, made.name, made.capacity, made.kind = 'bin'
from catalog.sites
inner join (values
    ('B 1', 'north', 'back_room', '@home', null::bigint),
    ('b  1', 'north', 'bin', 'x;y,z', 12), ('+49', 'south', 'shelf', E'a\\rb', 1000000000)
) as made (code, site, kind, name, capacity) on made.site = sites.code;
update catalog.locations set
    refilled_from_location_id = (select location_id from catalog.locations where code = 'B 1'),
    parent_location_id = (select location_id from catalog.locations where code = 'B 1'),
    gln = '4012345000009'
where code = 'b  1';
insert into catalog.products
(sku, name, category, unit_cost, unit_price, currency, supplier_id, pack_size, base_unit, status)
select made.sku, made.name, made.category, made.cost, made.price, made.currency, supplier_id,
    made.pack, 'g', 'phasing_out'
from (values
    ('=1+1', 'He said "hi"', '  padded', 1::bigint, 9007199254740991::bigint, 'EUR', '=cmd', 12),
    ('00123', '''@x', null, null, 5, 'JPY', null, 1),
    ('abc', E'a\\u000bb _x0041_', E'\\t#N/A', 5, null, 'XXX', '00012', 1),
    ('ABC', 'nan', '''''', null, null, null, null, 10000000),
    ('-7', 'NULL', 'null', 0, 0, 'KWD', E'a"b', 1)
) as made (sku, name, category, cost, price, currency, supplier, pack)
left join catalog.suppliers on suppliers.code = made.supplier;
update catalog.products set unit_cost = 7, price_breaks = '{"10": 4, "9000": 1}'
where sku = '00123';
update catalog.products set price_breaks = '{"2": 4}' where sku = 'abc';
insert into catalog.products (sku, name) values ('FAM', 'a family'), ('KIT', 'a kit');
update catalog.products set
    variant_of_product_id = (select product_id from catalog.products where sku = 'FAM'),
    options = '{"größe": "=L", "colour": "re\\"d; x=y"}'
where sku = '-7';
update catalog.products set
    successor_product_id = (select product_id from catalog.products where sku = 'ABC'),
    successor_from = '2027-02-28'
where sku = 'abc';
insert into catalog.packs (product_id, pack, units)
select product_id, made.pack, made.units
from catalog.products
inner join (values ('=1+1', '+6', 6), ('=1+1', 'box', 24), ('00123', 'box', 10000000))
    as made (sku, pack, units) on made.sku = products.sku;
insert into catalog.barcodes (code, product_id, pack)
select made.code, product_id, made.pack
from catalog.products
inner join (values ('04006381333931', '=1+1', '+6'), ('00000040170725', '=1+1', null),
    ('00036000291452', '00123', 'box'), ('14006381333938', 'ABC', null))
    as made (code, sku, pack) on made.sku = products.sku;
insert into catalog.par_levels (location_id, product_id, par, minimum)
select location_id, product_id, made.par, made.minimum
from (values ('b  1', '=1+1', 12, 3), ('b  1', '-7', 0, 0), ('+49', 'ABC', 1000000000, 1))
    as made (place, sku, par, minimum)
inner join catalog.locations on locations.code = made.place
inner join catalog.products on products.sku = made.sku;
insert into catalog.recipes (product_id, recipe_version)
select product_id, made.version from catalog.products
inner join (values ('KIT', 1), ('KIT', 2), ('00123', 1), ('00123', 2))
    as made (sku, version) on made.sku = products.sku;
insert into catalog.recipe_components
select kits.product_id, made.version, components.product_id, made.quantity
from (values ('KIT', 1, '=1+1', 2), ('KIT', 1, '00123', 1), ('KIT', 2, 'abc', 1000000),
    ('KIT', 2, '=1+1', 1), ('00123', 1, 'abc', 3)) as made (kit, version, component, quantity)
inner join catalog.products as kits on kits.sku = made.kit
inner join catalog.products as components on components.sku = made.component;
"""
_MASTERS: tuple[Kind, ...] = (
    "sites", "suppliers", "locations", "products", "packs", "barcodes", "par-levels", "recipes"
)  # fmt: skip


async def _trade(database_url: str) -> None:
    """Sales at two sites, two of them undone or cancelled, and a count to zero."""
    async with recording(database_url) as (_, record):
        for sku, place in (("=1+1", "B 1"), ("abc", "b  1"), ("ABC", "+49"), ("-7", "+49")):
            told: dict[str, Any] = {"sku": sku, "location": place}
            await record(event("received", **told, quantity=20))
            await record(event("sold", **told, quantity=3, reference="=SUM(A1)  x"))
            cancelled = {"quantity": 1, "metadata": {"cancellation": True}}
            await record(event("returned", **told, **cancelled))
        for sku, lot, on in (
            ("ABC", "=L 1", "2999-05-01"),
            ("ABC", "b", None),
            ("00123", "1", None),
        ):
            lotted: dict[str, Any] = {"sku": sku, "location": "+49", "lot": lot, "expires_on": on}
            await record(event("received", **lotted, quantity=5))
        await record(event("sold", sku="ABC", location="+49", quantity=2))
        sale = event("sold", sku="abc", location="b  1", quantity=2)
        await record(sale)
        undone: dict[str, Any] = {"sku": ..., "location": ..., "quantity": ...}
        await record(event("reversed", **undone, reverses=str(sale.event_id)))
        await record(event("counted", sku="-7", location="+49", quantity=0))


@pytest.fixture
def shop(database_url: str) -> str:
    execute(database_url, _NASTY)
    asyncio.run(_trade(database_url))
    return database_url


@pytest.fixture
def empty(postgres: EmbeddedPostgres, template: str) -> str:
    """A second database; the cluster is wiped with all of its databases."""
    name = f"second_{uuid4().hex}"
    postgres.create_database(name, template=template)
    return postgres.url(name)


def _export(kind: Kind, database_url: str, folder: Path, format_: Format = "csv") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{kind}.{format_}"
    write_export(kind, format_, path, database_url=database_url)
    return path


def _import(path: Path, kind: Kind, database_url: str) -> None:
    report = import_from(path, database_url)
    assert report.kind == kind
    assert not report.outcomes[Outcome.REJECTED], report.errors


def _state(database_url: str) -> list[Any]:
    """All that an import could change, versions included."""
    tables = (
        "suppliers", "sites", "locations", "products", "packs", "barcodes", "par_levels",
        "recipes", "recipe_components", "changes",
    )  # fmt: skip
    return [
        *(query(database_url, f"select * from catalog.{table} order by 1, 2") for table in tables),  # noqa: S608
        query(database_url, "select * from ledger.inventory_events order by position"),
        query(database_url, "select * from ledger.stock_levels order by 1, 2, 3"),
    ]


@pytest.mark.parametrize("format_", FORMATS)
def test_an_export_makes_the_same_in_an_empty_database_and_changes_nothing_in_its_own(
    shop: str, empty: str, tmp_path: Path, format_: Format
) -> None:
    before = _state(shop)
    for kind in (*_MASTERS, "sales", "counts"):
        path = _export(kind, shop, tmp_path / "first", format_)
        _import(path, kind, shop)
        _import(path, kind, empty)
    assert _state(shop) == before
    assert levels(empty) == levels(shop)
    for kind in KINDS:
        first = _export(kind, shop, tmp_path / "first").read_bytes()
        assert first.count(b"\n") > 2
        assert _export(kind, empty, tmp_path / "second").read_bytes() == first


def test_opening_stock_opens_an_empty_database_and_leaves_its_own(
    shop: str, empty: str, tmp_path: Path
) -> None:
    before = _state(shop)
    for kind in (*_MASTERS, "opening-stock"):
        path = _export(kind, shop, tmp_path / "first")
        _import(path, kind, shop)
        _import(path, kind, empty)
    assert _state(shop) == before
    assert _export("opening-stock", empty, tmp_path / "second").read_bytes() == path.read_bytes()
    assert {code: n for code, n in levels(shop).items() if n} == levels(empty)


def test_no_spreadsheet_runs_what_is_exported(shop: str, tmp_path: Path) -> None:
    with _export("products", shop, tmp_path).open(encoding="utf-8", newline="") as file:
        cells = {cell for row in csv.reader(file) for cell in row}
    assert {"'=1+1", "''@x", "'-7"} <= cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    workbook = openpyxl.load_workbook(_export("products", shop, tmp_path, "xlsx"))
    found = {cell.value: cell.data_type for row in workbook["products"] for cell in row}
    assert found["=1+1"] == "s"
    assert found["00123"] == "s"
    assert "f" not in found.values()


def test_a_sale_that_was_edited_in_an_export_is_refused(shop: str, tmp_path: Path) -> None:
    path = _export("sales", shop, tmp_path)
    before = _state(shop)
    path.write_text(path.read_text("utf-8").replace(",3,", ",4,", 1), "utf-8")
    report = import_from(path, shop)
    assert outcomes(report)["rejected"] == 1
    assert report.errors[0].reason == "this event is recorded already, with other content"
    assert report.already_recorded == report.lines - 1
    assert _state(shop) == before


def test_parquet_has_types(shop: str, tmp_path: Path) -> None:
    table = pq.read_table(_export("products", shop, tmp_path, "parquet"))
    assert str(table.schema.field("unit_price").type) == "decimal128(20, 3)"
    assert str(table.schema.field("successor_from").type) == "date32[day]"
    assert table.num_rows == 7


def test_the_verb_writes_a_file_and_says_how_much(
    shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", shop)
    monkeypatch.setenv("PARSTOCK_HOME", str(tmp_path / "home"))
    path = tmp_path / "p.xlsx"
    result = CliRunner().invoke(main, ["export", "products", str(path)])
    assert result.exit_code == 0, result.output
    assert result.output == f"{path}: 7 lines of products.\n"
    assert [found.name for found in tmp_path.iterdir() if found.suffix] == ["p.xlsx"]
    result = CliRunner().invoke(main, ["export", "products", str(tmp_path / "p.pdf")])
    assert result.exit_code == 2
    assert "a name that ends in .csv, .xlsx, .parquet is expected" in result.output


def test_what_cannot_be_read_leaves_no_half_of_a_file(shop: str, tmp_path: Path) -> None:
    execute(shop, "revoke select on catalog.products from parstock_api")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        write_export("products", "xlsx", tmp_path / "x.xlsx", database_url=shop)
    assert list(tmp_path.iterdir()) == []

"""The kinds of master data that a file can hold: their columns, and how a file is known for one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.catalog.kinds import (
    BARCODES,
    LOCATIONS,
    PACKS,
    PAR_LEVELS,
    PRODUCTS,
    SITES,
    SUPPLIERS,
    Kind,
)
from api.imports.columns import Column, speaks_of_events
from api.imports.errors import ColumnMissing
from api.imports.masters_fields import Field, Form, find_fields
from api.imports.place import queries
from api.imports.schemas import MasterKind
from db.sql import Queries, Query

parts = Queries(Path(__file__).with_name("parts.sql"))
_SKU = (
    "stockcode productsku variantsku productcode itemcode itemsku articlecode productid itemid "
    "articleid articlenumber articleno productnumber productno itemnumber itemno partnumber "
    "partno materialnumber plu"
)


@dataclass(frozen=True)
class Masters:
    """The files of one kind of master data; `tells` are the fields that only such a file has.

    `of`: the catalog's kind; None for recipes, which are kept by version. `needs`: the fields
    without whose columns no line says anything.
    """

    kind: MasterKind
    of: Kind[Any] | None
    kept: Query
    fields: tuple[Field, ...]
    tells: frozenset[str]
    stem: re.Pattern[str]
    needs: tuple[str, ...]

    @property
    def title(self) -> str:
        """The kind in words."""
        return self.kind.replace("-", " ")


def field(name: str, form: Form, words: str = "") -> Field:
    """A field under our name for it, in this form, and the words that others have for it."""
    return Field(name, form, frozenset([name.replace("_", ""), *words.split()]))


_PRODUCTS = Masters(
    kind="products",
    of=PRODUCTS,
    kept=queries.kept_products,
    needs=("sku",),
    fields=(
        field(
            "sku",
            "code",
            f"code {_SKU}",
        ),
        field(
            "name",
            "text",
            "description productname itemname articlename productdescription itemdescription "
            "title product item",
        ),
        field("category", "text", "productcategory department group productgroup producttype"),
        field("unit_cost", "money", "cost costprice purchaseprice buyingprice costperunit"),
        field("unit_price", "money", "price sellingprice saleprice retailprice netprice"),
        field("currency", "code", "currencycode"),
        field("supplier", "code", "suppliercode supplierid vendor vendorcode vendorid"),
        field("pack_size", "whole", "unitsperpack casesize caseqty packquantity unitspercase"),
        field(
            "minimum_order_quantity", "whole", "moq minimumorder minorder minorderqty minimumqty"
        ),
        field("base_unit", "code", "unit uom unitofmeasure"),
        field("status", "code", "lifecycle lifecyclestatus state"),
        field("successor", "code", "successorsku replacedby replacement followedby"),
        field("successor_from", "day", "replacedfrom successordate followedfrom"),
        field("variant_of", "code", "parent parentsku parentproduct family familysku master"),
        field("options", "options", "variantoptions attributes variation"),
        field("price_breaks", "prices", "quantityprices tierprices"),
    ),
    tells=frozenset(
        {
            "category",
            "unit_cost",
            "supplier",
            "pack_size",
            "minimum_order_quantity",
            "successor",
            "variant_of",
            "options",
        }
    ),
    stem=re.compile(r"product|catalog|article|item|sku|assortment"),
)
_SUPPLIERS = Masters(
    kind="suppliers",
    of=SUPPLIERS,
    kept=queries.kept_suppliers,
    needs=("code",),
    fields=(
        field("code", "code", "suppliercode supplierid vendorcode vendorid supplierno id"),
        field("name", "text", "suppliername supplier vendor vendorname company title"),
        field("lead_time_days", "whole", "leadtime leaddays deliverydays daystodeliver"),
        field("minimum_order_value", "money", "minordervalue mov minimumordervalue"),
        field("currency", "code", "currencycode"),
        field("order_days", "text", "orderweekdays orderingdays"),
    ),
    tells=frozenset({"lead_time_days", "minimum_order_value", "order_days"}),
    stem=re.compile(r"supplier|vendor"),
)
_LOCATIONS = Masters(
    kind="locations",
    of=LOCATIONS,
    kept=queries.kept_locations,
    needs=("code",),
    fields=(
        field("code", "code", "location locationcode locationid place placecode bin shelf id"),
        field("site", "code", "sitecode store storecode shop branch warehouse"),
        field("kind", "code", "type locationtype locationkind placetype"),
        field("name", "text", "locationname placename description title"),
        field("capacity", "whole", "maximum maxunits capacityunits holds"),
        field("metering", "code", ""),
        field("selling", "yes_no", "sells issellingplace forsale"),
        field("refilled_from", "code", "refillfrom source backroom replenishedfrom"),
        field("parent", "code", "parentlocation parentcode within"),
        field("gln", "code", "globallocationnumber"),
    ),
    tells=frozenset({"site", "kind", "capacity", "metering", "selling", "refilled_from"}),
    stem=re.compile(r"location|place|shel(f|ves)|bins|machines"),
)
_SITES = Masters(
    kind="sites",
    of=SITES,
    kept=queries.kept_sites,
    needs=("code",),
    fields=(
        field("code", "code", "site sitecode store storecode shop branch id"),
        field("name", "text", "sitename storename shopname title"),
        field("time_zone", "code", "timezone zone tz"),
        field("country", "code", "countrycode region holidays"),
    ),
    tells=frozenset({"time_zone"}),
    stem=re.compile(r"sites|stores|shops|branches"),
)
_PACKS = Masters(
    kind="packs",
    of=PACKS,
    kept=parts.kept_packs,
    needs=("sku", "pack", "units"),
    fields=(
        field("sku", "code", f"{_SKU} product item"),
        field("pack", "code", "packcode packname packaging packtype unitofmeasure uom"),
        field("units", "whole", "unitsperpack unitsinpack quantity qty contains content"),
    ),
    tells=frozenset(),
    stem=re.compile(r"pack"),
)
_BARCODES = Masters(
    kind="barcodes",
    of=BARCODES,
    kept=parts.kept_barcodes,
    needs=("code", "sku"),
    fields=(
        field("code", "gtin", "barcode gtin ean upc ean8 ean13 gtin13 gtin14 barcodenumber"),
        field("sku", "code", f"{_SKU} product item"),
        field("pack", "code", "packcode packname packaging"),
    ),
    tells=frozenset({"code"}),
    stem=re.compile(r"barcode|gtin|ean|upc"),
)
_PAR_LEVELS = Masters(
    kind="par-levels",
    of=PAR_LEVELS,
    kept=parts.kept_par_levels,
    needs=("location", "sku", "par"),
    fields=(
        field("location", "code", "locationcode locationid place placecode bin shelf machine"),
        field("sku", "code", f"{_SKU} product item"),
        field("par", "whole", "parlevel parstock fillto target targetlevel maximum max"),
        field("minimum", "whole", "min minlevel minimumlevel reorderat reorderpoint"),
    ),
    tells=frozenset({"par"}),
    stem=re.compile(r"par"),
)
_RECIPES = Masters(
    kind="recipes",
    of=None,
    kept=parts.kept_recipes,
    needs=("sku", "component", "quantity"),
    fields=(
        field("sku", "code", f"kit kitsku kitcode bundle bundlesku {_SKU}"),
        field("version", "whole", "recipeversion"),
        field("component", "code", "componentsku componentcode part partsku ingredient contains"),
        field("quantity", "whole", "qty units amount perkit quantityperkit componentquantity"),
    ),
    tells=frozenset({"component"}),
    stem=re.compile(r"recipe|kits|bundle|bom"),
)
MASTERS: Mapping[str, Masters] = {
    masters.kind: masters
    for masters in (
        _PRODUCTS, _SUPPLIERS, _LOCATIONS, _SITES, _PACKS, _BARCODES, _PAR_LEVELS, _RECIPES
    )
}  # fmt: skip
# These say a quantity, too, so they are asked before sales and stock are.
_BEFORE_EVENTS = ("packs", "recipes")


def guess_masters(columns: Sequence[Column], file_stem: str) -> Masters | None:
    """The kind of master data that the names of the columns speak of; None where they do not.

    One field that only that kind has is enough, beside the code and something else; without one,
    the file's own name must say it.
    """
    best: tuple[int, Masters, dict[str, Column]] | None = None
    for masters in MASTERS.values():
        found = find_fields(masters.fields, columns, {})
        if not found.keys() >= set(masters.needs) or len(found) < 2:
            continue
        is_told = bool(found.keys() & masters.tells)
        score = len(found) + 10 * bool(masters.stem.search(file_stem.lower()))
        if (is_told or score > 10) and (best is None or score > best[0]):
            best = score, masters, found
    if best is None:
        return None
    _, masters, found = best
    of_days = {field.name for field in masters.fields if field.form == "day"}
    days = [column for name, column in found.items() if name in of_days]
    others = [column for column in columns if column not in days]
    has_dates = any(column.looks_like == "date" for column in others)
    is_told_apart = masters.kind in _BEFORE_EVENTS and not has_dates
    return masters if is_told_apart or not speaks_of_events(others) else None


def require_columns(
    masters: Masters, found: Mapping[str, Column], columns: Sequence[Column], file_name: str
) -> None:
    """Raise ColumnMissing unless each column is there without which no line says anything."""
    for name in masters.needs:
        if name not in found:
            what = "code" if (name,) == masters.needs else name
            names = ", ".join(column.name for column in columns)
            raise ColumnMissing(
                f"{file_name} has no column for the {what} of the {masters.title}; its columns "
                f"are {names}. Name it with --column {name}=COLUMN."
            )

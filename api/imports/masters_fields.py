"""The columns of files of master data: what they are called, and what their cells mean."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Literal

from pydantic import BaseModel

from api.catalog.schemas import Location, Product, Site, Supplier
from api.imports.columns import Column, said_columns
from api.imports.currencies import MINOR_UNIT_DIGITS
from api.imports.errors import ColumnMissing
from api.imports.place import queries
from api.imports.schemas import MasterKind
from db.sql import Query

Form = Literal["code", "text", "whole", "money", "yes_no"]
_GREATEST = 2**53 - 1
_YES = {"yes", "y", "true", "1"}
_NO = {"no", "n", "false", "0"}
_OF_OTHER_CURRENCIES = 2


@dataclass(frozen=True)
class Field:
    """One field: our name for it, which is also its column in an export, and others' names."""

    name: str
    form: Form
    words: frozenset[str]


@dataclass(frozen=True)
class Masters:
    """The files of one kind of master data; `tells` are the fields that only such a file has."""

    kind: MasterKind
    noun: str
    model: type[BaseModel]
    code: str
    keep: Query
    kept: Query
    fields: tuple[Field, ...]
    tells: frozenset[str]
    stem: re.Pattern[str]


class UnreadableCell(Exception):  # noqa: N818 - a refusal by name, as in the rest of the API
    """A cell that does not mean what its field needs; the message is the reason."""


def _field(name: str, form: Form, words: str = "") -> Field:
    return Field(name, form, frozenset([name.replace("_", ""), *words.split()]))


_PRODUCTS = Masters(
    kind="products",
    noun="product",
    model=Product,
    code="sku",
    keep=queries.keep_products,
    kept=queries.kept_products,
    fields=(
        _field(
            "sku",
            "code",
            "code stockcode productsku variantsku productcode itemcode itemsku articlecode "
            "productid itemid articleid articlenumber articleno productnumber productno "
            "itemnumber itemno partnumber partno materialnumber plu",
        ),
        _field(
            "name",
            "text",
            "description productname itemname articlename productdescription itemdescription "
            "title product item",
        ),
        _field("category", "text", "productcategory department group productgroup producttype"),
        _field("unit_cost", "money", "cost costprice purchaseprice buyingprice costperunit"),
        _field("unit_price", "money", "price sellingprice saleprice retailprice netprice"),
        _field("currency", "code", "currencycode"),
        _field("supplier", "code", "suppliercode supplierid vendor vendorcode vendorid"),
        _field("pack_size", "whole", "unitsperpack casesize caseqty packquantity unitspercase"),
        _field(
            "minimum_order_quantity", "whole", "moq minimumorder minorder minorderqty minimumqty"
        ),
        _field("base_unit", "code", "unit uom unitofmeasure"),
        _field("status", "code", "lifecycle lifecyclestatus state"),
    ),
    tells=frozenset({"category", "unit_cost", "supplier", "pack_size", "minimum_order_quantity"}),
    stem=re.compile(r"product|catalog|article|item|sku|assortment"),
)
_SUPPLIERS = Masters(
    kind="suppliers",
    noun="supplier",
    model=Supplier,
    code="code",
    keep=queries.keep_suppliers,
    kept=queries.kept_suppliers,
    fields=(
        _field("code", "code", "suppliercode supplierid vendorcode vendorid supplierno id"),
        _field("name", "text", "suppliername supplier vendor vendorname company title"),
        _field("lead_time_days", "whole", "leadtime leaddays deliverydays daystodeliver"),
    ),
    tells=frozenset({"lead_time_days"}),
    stem=re.compile(r"supplier|vendor"),
)
_LOCATIONS = Masters(
    kind="locations",
    noun="location",
    model=Location,
    code="code",
    keep=queries.keep_locations,
    kept=queries.kept_locations,
    fields=(
        _field("code", "code", "location locationcode locationid place placecode bin shelf id"),
        _field("site", "code", "sitecode store storecode shop branch warehouse"),
        _field("kind", "code", "type locationtype locationkind placetype"),
        _field("name", "text", "locationname placename description title"),
        _field("capacity", "whole", "maximum maxunits capacityunits holds"),
        _field("metering", "code", ""),
        _field("selling", "yes_no", "sells issellingplace forsale"),
        _field("refilled_from", "code", "refillfrom source backroom replenishedfrom"),
        _field("parent", "code", "parentlocation parentcode within"),
    ),
    tells=frozenset({"site", "kind", "capacity", "metering", "selling", "refilled_from"}),
    stem=re.compile(r"location|place|shel(f|ves)|bins|machines"),
)
_SITES = Masters(
    kind="sites",
    noun="site",
    model=Site,
    code="code",
    keep=queries.keep_sites,
    kept=queries.kept_sites,
    fields=(
        _field("code", "code", "site sitecode store storecode shop branch id"),
        _field("name", "text", "sitename storename shopname title"),
        _field("time_zone", "code", "timezone zone tz"),
    ),
    tells=frozenset({"time_zone"}),
    stem=re.compile(r"sites|stores|shops|branches"),
)
MASTERS: Mapping[str, Masters] = {
    masters.kind: masters for masters in (_PRODUCTS, _SUPPLIERS, _LOCATIONS, _SITES)
}


def guess_masters(columns: Sequence[Column], file_stem: str) -> Masters | None:
    """The kind of master data that the names of the columns speak of; None where they do not.

    One field that only that kind has is enough, beside the code and something else; without one,
    the file's own name must say it.
    """
    best: tuple[int, Masters] | None = None
    for masters in MASTERS.values():
        found = find_fields(masters, columns, {})
        if masters.code not in found or len(found) < 2:
            continue
        is_told = bool(found.keys() & masters.tells)
        score = len(found) + 10 * bool(masters.stem.search(file_stem.lower()))
        if (is_told or score > 10) and (best is None or score > best[0]):
            best = score, masters
    return best[1] if best else None


def find_fields(
    masters: Masters, columns: Sequence[Column], said: Mapping[str, str]
) -> dict[str, Column]:
    """The column of each field, what the user said first; a name of our own before others'."""
    found = said_columns(columns, said, [field.name for field in masters.fields])
    free = [column for column in columns if column not in found.values()]
    for field in masters.fields:
        ours = [column for column in free if column.key == field.name.replace("_", "")]
        match = ours or [column for column in free if column.key in field.words]
        if field.name not in found and match:
            found[field.name] = match[0]
            free.remove(match[0])
    return found


def require_code(
    masters: Masters, found: Mapping[str, Column], columns: Sequence[Column], file_name: str
) -> None:
    """Raise ColumnMissing unless a column holds the code."""
    if masters.code not in found:
        names = ", ".join(column.name for column in columns)
        raise ColumnMissing(
            f"{file_name} has no column for the code of the {masters.kind}; its columns are "
            f"{names}. Name it with --column {masters.code}=COLUMN."
        )


def read_cell(field: Field, text: str, *, decimal_comma: bool, currency: str | None) -> Any:
    """What a cell that says something means; raises UnreadableCell with the reason."""
    match field.form:
        case "text":
            return text
        case "code":
            return text.strip()
        case "yes_no":
            word = text.strip().lower()
            if word not in _YES | _NO:
                raise UnreadableCell("yes or no is expected")
            return word in _YES
        case "whole":
            number = _number(text, decimal_comma=decimal_comma)
            if number != number.to_integral_value():
                raise UnreadableCell("a whole number is expected")
            return int(number)
        case "money":
            number = _number(text, decimal_comma=decimal_comma)
            if currency is None:
                raise UnreadableCell("money needs a currency beside it")
            units = number.scaleb(minor_digits(currency))
            if units != units.to_integral_value():
                raise UnreadableCell(f"{currency} has {minor_digits(currency)} decimals at most")
            return int(units)


def minor_digits(currency: str) -> int:
    """Decimals of a currency; two where ISO 4217 does not know it."""
    return MINOR_UNIT_DIGITS.get(currency, _OF_OTHER_CURRENCIES)


def minor_units(price: Decimal | None, digits: int) -> int | None:
    """A price in whole minor units, half up; None where it is absent or beyond any price."""
    if price is None:
        return None
    units = int(price.scaleb(digits).quantize(Decimal(1), ROUND_HALF_UP))
    return units if 0 <= units <= _GREATEST else None


def _number(text: str, *, decimal_comma: bool) -> Decimal:
    bare = text.strip().replace("\xa0", "").replace(" ", "")
    bare = bare.replace(".", "").replace(",", ".") if decimal_comma else bare
    if len(bare) > 40 or not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", bare, re.ASCII):
        raise UnreadableCell("a number is expected")
    try:
        return Decimal(bare)
    except InvalidOperation as error:
        raise UnreadableCell("a number is expected") from error

"""Which column of a file holds what: by its name first, by its type where names say nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.imports.errors import ColumnMissing, OptionUnusable
from api.imports.schemas import EventKind, Profile

_WORDS = {
    "sku": """
        sku stockcode productsku variantsku productcode itemcode itemsku articlecode productid
        itemid articleid articlenumber articleno productnumber productno itemnumber itemno
        partnumber partno materialnumber uniqueid plu gtin ean upc barcode article item product
        code""",
    "quantity": """
        quantity qty quantitysold unitssold qtysold itemssold units pieces netquantity saleamount
        salesquantity sold quantityonhand qtyonhand stockonhand onhand onhandquantity stocklevel
        stockquantity stockqty counted countedquantity openingquantity openingstock
        openingbalance opening available inventory balance stock count""",
    "date": """
        occurredat soldat datetime timestamp invoicedate invoicedatetime transactiondate
        transactiontime saledate salesdate solddate orderdate orderedat receiptdate createdat
        countedat countdate openedat asof date day dt ds time""",
    "location": """
        location locationcode locationid place shelf bin machine store storecode storeid
        storenumber shop branch outlet warehouse till site""",
    "price": "unitprice price sellingprice saleprice retailprice netprice itemprice",
    "description": """
        description productname itemname articlename productdescription itemdescription title name
        product item""",
    "reference": """
        invoiceno invoice invoicenumber invoiceid receipt receiptno receiptnumber receiptid
        transactionid transactionno transaction orderid orderno ordernumber ordername basketid
        ticket ticketno documentno reference""",
    "customer": "customerid customer customerno customernumber customercode clientid",
    "event_id": "eventid",
    "lot": "lot lotcode lotnumber lotno batch batchcode batchnumber batchno",
    "expires_on": """
        expireson expiry expirydate expirationdate expires bestbefore bestbeforedate usebydate""",
    "cancellation": "cancellation",
}
# Best first; a name is looked up without case, spaces and signs.
_SYNONYMS = {field: tuple(words.split()) for field, words in _WORDS.items()}
FIELDS = tuple(_SYNONYMS)
_OPENING_WORDS = re.compile(r"opening")
_STOCK_WORDS = re.compile(
    r"onhand|stocklevel|stockq|stockcount|inventory|counted|balance|available|^stock$"
)
_COUNT_DAY = re.compile(r"count|asof")
_STOCK_FILE = re.compile(r"stock|inventory|on_?hand|count|levels")
_SALES_FILE = re.compile(r"sale|sold|order|invoice|transaction|receipt")
_NEEDED: Mapping[EventKind, tuple[str, ...]] = {
    "sales": ("sku", "quantity", "date"),
    "counts": ("sku", "quantity"),
    "opening-stock": ("sku", "quantity"),
}
_MEANING = {
    "sku": "the product's code (sku)",
    "quantity": "the quantity",
    "date": "the date of the sale",
}


@dataclass(frozen=True)
class Column:
    """A column of the file: its place, name and DuckDB type, and what its values look like."""

    number: int
    name: str
    type: str
    looks_like: str = "text"

    @property
    def key(self) -> str:
        """The name without case, spaces and signs."""
        return re.sub(r"[^a-z0-9]", "", self.name.lower())


def guess_columns(
    columns: Sequence[Column], said: Mapping[str, str] | None = None
) -> dict[str, Column]:
    """The column of each field that can be found; what the user said comes first."""
    found = said_columns(columns, said or {}, FIELDS)
    for name in FIELDS:
        if name not in found:
            free = [column for column in columns if column not in found.values()]
            match = _by_name(name, free)
            if match is not None:
                found[name] = match
    for name, type_ in (("date", "date"), ("quantity", "integer")):
        free = [column for column in columns if column not in found.values()]
        fitting = [column for column in free if column.looks_like == type_]
        if name not in found:
            # A name without fitting values (20260131 looks like a number) is better than none.
            match = fitting[0] if len(fitting) == 1 else _by_name(name, free, fitting=False)
            if match is not None:
                found[name] = match
    return found


def speaks_of_events(columns: Sequence[Column]) -> bool:
    """Whether a name says quantity or a column holds dates: master data has neither."""
    named = _by_name("quantity", columns) is not None and _by_name("sku", columns) is not None
    return named or any(column.looks_like == "date" for column in columns)


def guess_kind(found: Mapping[str, Column], file_stem: str) -> EventKind:
    """Stock only where a name says so: a sales file without dates must not pass for a count."""
    stem = file_stem.lower()
    names = [found[field].key for field in ("quantity", "date") if field in found]
    if any(_OPENING_WORDS.search(name) for name in names) or (
        "reference" not in found and _OPENING_WORDS.search(stem)
    ):
        return "opening-stock"
    quantity = found.get("quantity")
    if quantity is not None and _STOCK_WORDS.search(quantity.key):
        return "counts"
    day = found.get("date")
    if day is not None and _COUNT_DAY.search(day.key):
        return "counts"
    if "reference" not in found and _STOCK_FILE.search(stem) and not _SALES_FILE.search(stem):
        return "counts"
    return "sales"


def guess_profile(
    found: Mapping[str, Column], kind: EventKind, *, share_of_numeric_references: float
) -> Profile:
    """Invoice lines have a number, a code, a quantity, a date and a price.

    A letter before an invoice number means something only where most numbers have none.
    """
    invoiced = {"reference", "sku", "quantity", "date", "price"} <= found.keys()
    if kind == "sales" and invoiced and share_of_numeric_references >= 0.9:
        return "invoice-lines"
    return "plain"


def require_columns(
    found: Mapping[str, Column], columns: Sequence[Column], kind: EventKind, file_name: str
) -> None:
    """Raise ColumnMissing, naming the columns there are, unless the kind's own are all found."""
    for name in _NEEDED[kind]:
        if name not in found:
            names = ", ".join(column.name for column in columns)
            hint = " (or, for a list of stock, --kind counts)" if name == "date" else ""
            raise ColumnMissing(
                f"{file_name} has no column for {_MEANING[name]}; its columns are {names}. "
                f"Name it with --column {name}=COLUMN{hint}, or say what the file is with --kind."
            )


def said_columns(
    columns: Sequence[Column], said: Mapping[str, str], fields: Sequence[str]
) -> dict[str, Column]:
    """The columns that the user named; raises OptionUnusable for one that there is not."""
    found: dict[str, Column] = {}
    for name, wanted in said.items():
        if name not in fields:
            raise OptionUnusable(
                f"--column {name}={wanted}: there is no field {name}; "
                f"the fields are {', '.join(fields)}."
            )
        match = [column for column in columns if column.name == wanted] or [
            column for column in columns if column.name.lower() == wanted.lower()
        ]
        if not match:
            names = ", ".join(column.name for column in columns)
            raise OptionUnusable(
                f"--column {name}={wanted}: the file has no column {wanted}; "
                f"its columns are {names}."
            )
        found[name] = match[0]
    return found


def _by_name(name: str, columns: Sequence[Column], *, fitting: bool = True) -> Column | None:
    by_key = {column.key: column for column in reversed(columns)}
    for synonym in _SYNONYMS[name]:
        column = by_key.get(synonym)
        if column is not None and (not fitting or _fits(name, column)):
            return column
    return None


def _fits(name: str, column: Column) -> bool:
    """Whether the first values can be what the name says ("amount" may be money, "item" a name)."""
    if name in ("quantity", "price"):
        return column.looks_like in ("integer", "number", "nothing", "text")
    if name in ("date", "expires_on"):
        return column.looks_like in ("date", "nothing", "text")
    return True

"""What the forms of master data ask for, and how each field is shown as text and read from it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from api.catalog import kinds
from api.catalog.kinds import Key, Kind
from api.staff.formats import minor_digits
from api.staff.forms import whole_number
from api.staff.pages import quoted

Choices = tuple[tuple[str, str], ...]
YES_NO: Choices = (("yes", "Yes"), ("no", "No"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: `source` names choices that are read when the form is shown."""

    name: str
    label: str
    kind: Literal["text", "number", "signed", "money", "day", "yes_no", "lines", "prices"] = "text"
    hint: str = ""
    required: bool = False
    choices: Choices = ()
    source: Literal["", "suppliers", "sites", "kinds", "places", "time_zones"] = ""


@dataclass(frozen=True)
class Master:
    """One kind of master data as the pages have it: `path` stands in their addresses."""

    kind: Kind[Any]
    path: str
    title: str
    plural: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        return next((field for field in self.fields if field.name == name), None)

    @property
    def fixed(self) -> tuple[str, ...]:
        """What is said when a row is made, and stays."""
        return (*self.kind.key, *self.kind.fixed)

    def asked(self, *, is_new: bool) -> list[Field]:
        return [field for field in self.fields if is_new or field.name not in self.fixed]


class NotRead(Exception):  # noqa: N818 - what was typed says nothing that can be kept
    """What was typed is none; the words say what was expected."""


def shown(field: Field, value: Any, currency: str | None) -> str:
    """A value as the text of its field."""
    match field.kind:
        case _ if value is None:
            return ""
        case "money":
            return _amount(value, currency)
        case "prices":
            costs = ((least, value[least]) for least in sorted(value, key=int))
            return "\n".join(f"{least}: {_amount(cost, currency)}" for least, cost in costs)
        case "yes_no":
            return "yes" if value else "no"
        case "lines":
            return "\n".join(f"{name}: {told}" for name, told in sorted(value.items()))
        case _:
            return str(value)


def _amount(minor: int, currency: str | None) -> str:
    digits = minor_digits(currency)
    whole, part = divmod(minor, 10**digits)
    return f"{whole}.{part:0{digits}}" if digits else str(whole)


def read(field: Field, text: str, currency: str | None) -> Any:
    """The value that was typed; None where the field is empty. Raises NotRead."""
    text = text.strip()
    if not text and field.kind not in ("lines", "prices"):
        if field.required:
            raise NotRead("This has to be said.")
        return None
    match field.kind:
        case "number":
            return _whole(text)
        case "signed":
            return _signed(text)
        case "money":
            return _minor_units(text, currency)
        case "day":
            return _day(text)
        case "yes_no":
            return text == "yes"
        case "lines":
            return _pairs(text)
        case "prices":
            return {least: _minor_units(cost, currency) for least, cost in _pairs(text).items()}
        case _:
            return text


def _whole(text: str) -> int:
    number = whole_number(text)
    if number is None:
        raise NotRead("Give a whole number, for example 3.")
    return number


def _signed(text: str) -> int:
    bare = text.removesuffix("%").strip()
    size = whole_number(bare.lstrip("+-"))
    if size is None or len(bare) - len(bare.lstrip("+-")) > 1:
        raise NotRead("Give a whole number, for example 40 or -20.")
    return -size if bare.startswith("-") else size


def _minor_units(text: str, currency: str | None) -> int:
    """An amount without thousands separators, since 1,234 is two numbers in two countries."""
    digits = minor_digits(currency)
    parts = rf"([.,]\d{{1,{digits}}})?" if digits else "()"
    found = re.fullmatch(r"(\d{1,12})" + parts, text.replace(" ", ""), re.ASCII)
    if found is None:
        example = f"1234.{'5'.ljust(digits, '0')}" if digits else "1234"
        raise NotRead(f"Give an amount as in {example}.")
    return int(found[1] + (found[2] or "")[1:].ljust(digits, "0"))


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise NotRead("Give a day as in 2026-01-31.") from None


def _pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, told = map(str.strip, line.partition(":"))
        if not (name and colon and told):
            raise NotRead("Give one to a line, as in colour: red.")
        pairs[name] = told
    return pairs


def address_of(master: Master, key: Key) -> str:
    """Where the row of a key is shown and changed."""
    return "/".join(("/catalog", master.path, *map(quoted, key)))


def named(value: str, choices: Choices) -> str:
    """A value in the words that it is chosen by."""
    return dict(choices).get(value, value)


_CODE = "It is for good: labels, tills and files name it."

PRODUCTS = Master(
    kinds.PRODUCTS,
    "products",
    "Product",
    "Products",
    (
        Field(name="sku", label="SKU", hint=_CODE, required=True),
        Field(name="name", label="Name", required=True),
        Field(name="category", label="Category"),
        Field(
            name="status",
            label="Status",
            required=True,
            choices=(
                ("planned", "Planned"),
                ("active", "Active"),
                ("phasing_out", "Phasing out"),
                ("discontinued", "Discontinued"),
            ),
        ),
        Field(
            name="base_unit",
            label="Counted in",
            required=True,
            hint="It stays once the product was counted.",
            choices=(("each", "Pieces"), ("g", "Grams"), ("ml", "Millilitres")),
        ),
        Field(name="unit_cost", label="Cost of one", kind="money"),
        Field(name="unit_price", label="Price of one", kind="money"),
        Field(name="currency", label="Currency", hint="Three letters, as in EUR."),
        Field(name="supplier", label="Supplier", source="suppliers"),
        Field(
            name="pack_size",
            label="Ordered in packs of",
            kind="number",
            hint="1 where single ones can be ordered.",
            required=True,
        ),
        Field(
            name="minimum_order_quantity",
            label="Ordered at least",
            kind="number",
            required=True,
        ),
        Field(name="successor", label="Successor", hint="SKU of what follows it."),
        Field(name="successor_from", label="Succeeded from", kind="day"),
        Field(name="variant_of", label="Variant of", hint="SKU of the parent, never stocked."),
        Field(name="options", label="Options", kind="lines", hint="A line each, as colour: red."),
        Field(
            name="price_breaks",
            label="Cost of one in larger orders",
            kind="prices",
            hint="A line each: from how many on, and the cost of one, as 50: 2.40.",
        ),
    ),
)
SUPPLIERS = Master(
    kinds.SUPPLIERS,
    "suppliers",
    "Supplier",
    "Suppliers",
    (
        Field(name="code", label="Code", hint=_CODE, required=True),
        Field(name="name", label="Name", required=True),
        Field(name="lead_time_days", label="Delivers within days", kind="number", required=True),
        Field(
            name="minimum_order_value",
            label="Orders from",
            kind="money",
            hint="What an order has to be worth. Empty: any order is taken.",
        ),
        Field(name="currency", label="Currency", hint="Three letters, as in EUR."),
        Field(
            name="order_days",
            label="Takes orders on",
            hint="As in mon thu. Empty: every day.",
        ),
    ),
)
SITES = Master(
    kinds.SITES,
    "sites",
    "Site",
    "Sites",
    (
        Field(name="code", label="Code", hint=_CODE, required=True),
        Field(name="name", label="Name", required=True),
        Field(
            name="time_zone",
            label="Time zone",
            hint="Its day begins at midnight there.",
            required=True,
            source="time_zones",
        ),
        Field(
            name="country",
            label="Country",
            hint="Whose public holidays it keeps: two letters, with its part, as in DE-BE.",
        ),
    ),
)
PLACES = Master(
    kinds.LOCATIONS,
    "places",
    "Place",
    "Places",
    (
        Field(name="code", label="Code", hint=_CODE, required=True),
        Field(
            name="site", label="Site", hint="A place stays there.", required=True, source="sites"
        ),
        Field(name="kind", label="Kind", required=True, source="kinds"),
        Field(name="name", label="Name", hint="The code where it is empty."),
        Field(name="capacity", label="Units that fit", kind="number"),
        Field(
            name="metering",
            label="How its sales are known",
            required=True,
            choices=(("metered", "Each is recorded"), ("periodic", "From counts")),
        ),
        Field(
            name="selling",
            label="Sells to customers",
            kind="yes_no",
            hint="As its kind does where nothing is chosen.",
            choices=YES_NO,
        ),
        Field(name="refilled_from", label="Refilled from", source="places"),
        Field(name="parent", label="Stands in", source="places"),
        Field(name="gln", label="GLN", hint="Its GS1 Global Location Number, 13 digits."),
    ),
)
PACKS = Master(
    kinds.PACKS,
    "packs",
    "Pack",
    "Packs",
    (
        Field(name="sku", label="SKU of the product", required=True),
        Field(name="pack", label="Name of the pack", hint="As in case.", required=True),
        Field(name="units", label="Units in one", kind="number", required=True),
    ),
)
BARCODES = Master(
    kinds.BARCODES,
    "barcodes",
    "Barcode",
    "Barcodes",
    (
        Field(
            name="code",
            label="Barcode",
            hint="8, 12, 13 or 14 digits, as a scanner reads them.",
            required=True,
        ),
        Field(name="sku", label="SKU of the product", required=True),
        Field(name="pack", label="Pack", hint="Empty: one scan is one unit."),
    ),
)
PAR_LEVELS = Master(
    kinds.PAR_LEVELS,
    "par-levels",
    "Par level",
    "Par levels",
    (
        Field(name="location", label="Code of the place", required=True),
        Field(name="sku", label="SKU of the product", required=True),
        Field(name="par", label="Fill up to", kind="number", required=True),
        Field(name="minimum", label="Short below", kind="number", required=True),
    ),
)
CALENDAR_EVENTS = Master(
    kinds.CALENDAR_EVENTS,
    "calendar",
    "Calendar event",
    "Calendar",
    (
        Field(name="site", label="Site", required=True, source="sites"),
        Field(name="code", label="Code", hint="As in fair-2026.", required=True),
        Field(name="name", label="Name", hint="As in Convention next door.", required=True),
        Field(
            name="kind",
            label="What it is",
            required=True,
            choices=(
                ("event", "Event"),
                ("promotion", "Promotion"),
                ("price_change", "Price change"),
                ("closure", "Closed"),
            ),
        ),
        Field(name="first_day", label="First day", kind="day", required=True),
        Field(name="last_day", label="Last day", kind="day", required=True),
        Field(name="sku", label="SKU of the product", hint="Empty: everything."),
        Field(name="category", label="Category", hint="Empty: everything."),
        Field(
            name="effect_percent",
            label="Demand differs by, in percent",
            kind="signed",
            hint="As in 40 or -20. Empty: learned from such days.",
        ),
    ),
)
MASTERS = (PRODUCTS, SUPPLIERS, SITES, PLACES, PACKS, BARCODES, PAR_LEVELS, CALENDAR_EVENTS)
BY_ENTITY: Mapping[str, Master] = {master.kind.name: master for master in MASTERS}

"""The columns of files of master data: how they are found, and what their cells mean."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Literal

from api.catalog.barcodes import BarcodeError, gtin_14
from api.currencies import MINOR_UNIT_DIGITS
from api.imports.columns import Column, said_columns

Form = Literal["code", "text", "whole", "money", "yes_no", "gtin", "day", "options", "prices"]
# Fields whose cells need the currency of their line.
MONEY = frozenset({"unit_cost", "unit_price", "minimum_order_value"})
_GREATEST = 2**53 - 1
_YES = {"yes", "y", "true", "1"}
_NO = {"no", "n", "false", "0"}
_OF_OTHER_CURRENCIES = 2
_OPTIONS = 'options as in colour=red; size=L, or {"colour": "red"}, are expected'


@dataclass(frozen=True)
class Field:
    """One field: our name for it, which is also its column in an export, and others' names."""

    name: str
    form: Form
    words: frozenset[str]


@dataclass(frozen=True)
class Reading:
    """How the cells of one file are read; `currency` is that of money in this line."""

    decimal_comma: bool = False
    date_format: str | None = None
    currency: str | None = None


class UnreadableCell(Exception):  # noqa: N818 - a refusal by name, as in the rest of the API
    """A cell that does not mean what its field needs; the message is the reason."""


def find_fields(
    fields: Sequence[Field], columns: Sequence[Column], said: Mapping[str, str]
) -> dict[str, Column]:
    """The column of each field, what the user said first; a name of our own before others'."""
    found = said_columns(columns, said, [field.name for field in fields])
    free = [column for column in columns if column not in found.values()]
    for field in fields:
        ours = [column for column in free if column.key == field.name.replace("_", "")]
        match = ours or [column for column in free if column.key in field.words]
        if field.name not in found and match:
            found[field.name] = match[0]
            free.remove(match[0])
    return found


def read_cell(form: Form, text: str, reading: Reading) -> Any:
    """What a cell that says something means; raises UnreadableCell with the reason."""
    match form:
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
            number = _number(text, decimal_comma=reading.decimal_comma)
            if number != number.to_integral_value():
                raise UnreadableCell("a whole number is expected")
            return int(number)
        case "money":
            return _money(_number(text, decimal_comma=reading.decimal_comma), reading.currency)
        case "gtin":
            return _gtin(text.strip())
        case "day":
            return _day(text.strip(), reading.date_format)
        case "options":
            return _options(text.strip())
        case "prices":
            return _prices(text.strip(), reading)


def minor_digits(currency: str) -> int:
    """Decimals of a currency; two where ISO 4217 does not know it."""
    return MINOR_UNIT_DIGITS.get(currency, _OF_OTHER_CURRENCIES)


def minor_units(price: Decimal | None, digits: int) -> int | None:
    """A price in whole minor units, half up; None where it is absent or beyond any price."""
    if price is None:
        return None
    units = int(price.scaleb(digits).quantize(Decimal(1), ROUND_HALF_UP))
    return units if 0 <= units <= _GREATEST else None


def _money(number: Decimal, currency: str | None) -> int:
    if currency is None:
        raise UnreadableCell("money needs a currency beside it")
    units = number.scaleb(minor_digits(currency))
    if units != units.to_integral_value():
        raise UnreadableCell(f"{currency} has {minor_digits(currency)} decimals at most")
    return int(units)


def _gtin(text: str) -> str:
    try:
        return gtin_14(text)
    except BarcodeError as error:
        raise UnreadableCell(str(error)) from error


def _day(text: str, date_format: str | None) -> date:
    """ISO 8601 first, which a date of Excel is, too."""
    for form in (None, date_format):
        try:
            if form is None:
                return datetime.fromisoformat(text).date()
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    form = f"in the form {date_format}" if date_format else "as in 2026-01-31"
    raise UnreadableCell(f"a date {form} is expected")


def _options(text: str) -> Any:
    """As JSON, which an export writes, or as a person writes them."""
    if text.startswith("{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UnreadableCell(_OPTIONS) from error
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    options = {name.strip(): value.strip() for name, _, value in pairs}
    if len(options) < len(pairs) or not all(options.values()):
        raise UnreadableCell(_OPTIONS)
    return options


def _prices(text: str, reading: Reading) -> dict[str, int]:
    """The cost of one by the quantity from on, as in 50=2.40; 100=2.20."""
    told: dict[str, int] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        least, _, cost = part.partition("=")
        number = _number(cost, decimal_comma=reading.decimal_comma)
        told[least.strip()] = _money(number, reading.currency)
    return told


def _number(text: str, *, decimal_comma: bool) -> Decimal:
    bare = text.strip().replace("\xa0", "").replace(" ", "")
    bare = bare.replace(".", "").replace(",", ".") if decimal_comma else bare
    if len(bare) > 40 or not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", bare, re.ASCII):
        raise UnreadableCell("a number is expected")
    try:
        return Decimal(bare)
    except InvalidOperation as error:
        raise UnreadableCell("a number is expected") from error

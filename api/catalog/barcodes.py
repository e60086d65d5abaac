"""What a scanner reads, understood: GTINs, GS1 element strings, GS1 Digital Link, our own labels.

Pure. Whatever cannot be understood is a BarcodeError that says what is wrong at which character.
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qsl, unquote, urlsplit

FNC1 = "\x1d"
_GTIN_LENGTHS = (8, 12, 13, 14)
# GS1 General Specifications, figure 7.11-1: what a lot or a serial number may hold.
_TEXT = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]+")
_GS1_SYMBOLS = ("]C1", "]d2", "]e0", "]Q3", "]J1")
_OTHER_SYMBOL = re.compile(r"\][A-Za-z][0-9]")
_IN_BRACKETS = re.compile(r"\((\d{2,4})\)")


class BarcodeError(ValueError):
    """It cannot be understood; `at` is the character, from 0, where that shows."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(f"{reason} (at character {at + 1})")
        self.reason = reason
        self.at = at


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one scan says. `count` is AI 30 or 37: how many of what the GTIN names."""

    gtin: str | None = None
    lot: str | None = None
    serial: str | None = None
    produced_on: date | None = None
    best_before: date | None = None
    expires_on: date | None = None
    count: int | None = None
    net_weight_mg: int | None = None
    sscc: str | None = None
    gln: str | None = None
    sku: str | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class _Identifier:
    """What an application identifier is followed by."""

    field: str
    length: int
    is_fixed: bool = False
    is_text: bool = False


_DATES = {"11": "produced_on", "15": "best_before", "17": "expires_on"}
_IDENTIFIERS = {
    "00": _Identifier("sscc", 18, is_fixed=True),
    "01": _Identifier("gtin", 14, is_fixed=True),
    "02": _Identifier("gtin", 14, is_fixed=True),
    "10": _Identifier("lot", 20, is_text=True),
    "21": _Identifier("serial", 20, is_text=True),
    "30": _Identifier("count", 8),
    "37": _Identifier("count", 8),
    "414": _Identifier("gln", 13, is_fixed=True),
    **{ai: _Identifier(field, 6, is_fixed=True) for ai, field in _DATES.items()},
    **{f"310{n}": _Identifier("net_weight_mg", 6, is_fixed=True) for n in range(6)},
}
_PRIMARY = ("01", "00", "414")
_Element = tuple[str, str, int]


def check_digit(digits: str) -> str:
    """The digit that follows these, modulo 10 with weights 3 and 1 from the right (GS1, 7.9)."""
    total = sum(int(digit) * (3, 1)[i % 2] for i, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def gtin_14(text: str, at: int = 0) -> str:
    """A GTIN-8, -12, -13 or -14 as 14 digits, its check digit verified."""
    if len(text) not in _GTIN_LENGTHS:
        raise BarcodeError("A GTIN has 8, 12, 13 or 14 digits", at)
    return _checked(text, at).zfill(14)


def gln(text: str, at: int = 0) -> str:
    """A Global Location Number, its check digit verified."""
    if len(text) != 13:
        raise BarcodeError("A GLN has 13 digits", at)
    return _checked(text, at)


def parse(text: str, *, today: date) -> Scanned:
    """What a scan says; two digits of a year mean the one that is nearest to today's."""
    at = len(text) - len(text.lstrip(" \t\r\n"))
    code = text.strip(" \t\r\n")
    if code.lower().startswith(("https://", "http://")):
        return _of_address(code, at, today)
    if code.startswith(_GS1_SYMBOLS):
        return _of_elements(_of_string(code[3:], at + 3), today)
    if _OTHER_SYMBOL.match(code):
        at, code = at + 3, code[3:]
    if _IN_BRACKETS.match(code):
        return _of_elements(_of_brackets(code, at), today)
    if FNC1 in code or (_is_digits(code[:16]) and len(code) >= 16):
        return _of_elements(_of_string(code, at), today)
    if _is_digits(code):
        return Scanned(gtin=gtin_14(code, at))
    raise BarcodeError("This is no GTIN, no GS1 code and no address", at)


def _of_address(address: str, at: int, today: date) -> Scanned:
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise BarcodeError("This is no address", at) from error
    start = at + max(address.find(parts.path, len(parts.scheme) + 3), 0)
    segments = parts.path.split("/")
    for number, segment in enumerate(segments):
        if segment in _PRIMARY:
            place = start + len("/".join(segments[:number])) + 1
            elements = [*_of_path(segments[number:], place), *_of_query(parts.query, address, at)]
            return _of_elements(iter(elements), today)
        if segment in ("places", "products") and segments[number + 1 :] not in ([], [""]):
            code = unquote("/".join(segments[number + 1 :]))
            if "\x00" in code:
                raise BarcodeError("No code has a NUL character", start)
            return Scanned(place=code) if segment == "places" else Scanned(sku=code)
    raise BarcodeError("This address names neither a product nor a place", start)


def _of_path(segments: list[str], at: int) -> Iterator[_Element]:
    for identifier, value in zip(segments[::2], segments[1::2], strict=False):
        _known(identifier, at)
        at += len(identifier) + 1
        yield identifier, _padded(identifier, unquote(value)), at
        at += len(value) + 1
    if len(segments) % 2 and segments[-1]:
        raise BarcodeError(f"Nothing follows {segments[-1]}", at)


def _of_query(query: str, address: str, at: int) -> Iterator[_Element]:
    start = at + len(address) - len(query) if query else at
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise BarcodeError("The address has too many fields", start) from error
    for identifier, value in pairs:
        if _is_digits(identifier):
            _known(identifier, start)
            yield identifier, _padded(identifier, value), start


def _padded(identifier: str, value: str) -> str:
    """An address may give a GTIN as short as it is printed."""
    is_short = identifier in ("01", "02") and len(value) in _GTIN_LENGTHS
    return value.zfill(14) if is_short else value


def _of_brackets(text: str, at: int) -> Iterator[_Element]:
    marks = [mark for mark in _IN_BRACKETS.finditer(text) if mark[1] in _IDENTIFIERS]
    if not marks or marks[0].start() != 0:
        _known(text[1 : text.index(")")], at + 1)
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        end = following.start() if following is not None else len(text)
        yield mark[1], text[mark.end() : end], at + mark.end()


def _of_string(text: str, at: int) -> Iterator[_Element]:
    place = len(text) - len(text.removeprefix(FNC1))
    while place < len(text):
        identifier = next(
            (text[place : place + n] for n in (2, 3, 4) if text[place : place + n] in _IDENTIFIERS),
            text[place : place + 2],
        )
        rule = _known(identifier, at + place)
        start = place + len(identifier)
        separator = text.find(FNC1, start)
        end = separator if separator >= 0 else len(text)
        if rule.is_fixed:
            end = min(end, start + rule.length)
        yield identifier, text[start:end], at + start
        place = end + 1 if text[end : end + 1] == FNC1 else end


def _of_elements(elements: Iterator[_Element], today: date) -> Scanned:
    found: dict[str, str | int | date] = {}
    for identifier, value, at in elements:
        rule = _IDENTIFIERS[identifier]
        meant = _value(identifier, rule, value, at, today)
        if found.setdefault(rule.field, meant) != meant:
            raise BarcodeError(f"({identifier}) says another {rule.field} than before", at)
    if not found:
        raise BarcodeError("The code is empty", 0)
    return Scanned(**found)  # type: ignore[arg-type]  # a field's type is that of its identifier


def _value(
    identifier: str, rule: _Identifier, value: str, at: int, today: date
) -> str | int | date:
    if rule.is_text:
        if not 0 < len(value) <= rule.length:
            raise BarcodeError(f"({identifier}) has 1 to {rule.length} characters", at)
        fitting = _TEXT.match(value)
        if fitting is None or fitting.end() < len(value):
            wrong = at + (fitting.end() if fitting else 0)
            raise BarcodeError(f"({identifier}) has a character that GS1 does not know", wrong)
        return value
    if rule.is_fixed and len(value) != rule.length:
        raise BarcodeError(f"({identifier}) has {rule.length} digits", at)
    if len(value) > rule.length or not _is_digits(value):
        raise BarcodeError(f"({identifier}) has up to {rule.length} digits and nothing else", at)
    if rule.field in ("gtin", "sscc", "gln"):
        return _checked(value, at)
    if identifier in _DATES:
        return _day(value, at, today)
    if rule.field == "net_weight_mg":
        return int(value + "0" * (6 - int(identifier[3])))
    return int(value)


def _day(value: str, at: int, today: date) -> date:
    """YYMMDD. Day 00 is the month's last; the century is that of the nearest year (GS1, 7.12)."""
    years, month, day = int(value[:2]), int(value[2:4]), int(value[4:])
    ahead = years - today.year % 100
    century = today.year // 100 + (ahead <= -50) - (ahead > 50)
    if not 1 <= month <= 12:
        raise BarcodeError("A month is 01 to 12", at + 2)
    year = 100 * century + years
    last = calendar.monthrange(year, month)[1]
    if day > last:
        raise BarcodeError(f"This month has {last} days", at + 4)
    return date(year, month, day or last)


def _known(identifier: str, at: int) -> _Identifier:
    rule = _IDENTIFIERS.get(identifier)
    if rule is None:
        raise BarcodeError(f"There is no application identifier {identifier!r} here", at)
    return rule


def _checked(digits: str, at: int) -> str:
    if not _is_digits(digits):
        wrong = next(i for i, digit in enumerate(digits) if not _is_digits(digit))
        raise BarcodeError("Expected digits only", at + wrong)
    expected = check_digit(digits[:-1])
    if digits[-1] != expected:
        raise BarcodeError(f"The check digit should be {expected}", at + len(digits) - 1)
    return digits


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()

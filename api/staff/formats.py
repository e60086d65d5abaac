"""Numbers, money and moments as people read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from numbers import Real
from typing import Any
from zoneinfo import ZoneInfo

from api.alerts.schemas import ShownAlert, Summary
from api.currencies import MINOR_UNIT_DIGITS
from api.purchasing.schemas import Kind, PlanLine

_MONTHS_AND_DAY = "%-d %b"
_NONE = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"


def number(value: float | None) -> str:
    """1234 -> 1,234."""
    return _NONE if value is None else f"{value:,.0f}"


def signed(value: int | None) -> str:
    """A change: +3, -3 (with a true minus sign), ±0; nothing where there is none to tell."""
    if value is None:
        return ""
    return f"+{value:,}" if value > 0 else f"{_MINUS}{-value:,}" if value < 0 else "±0"


def money(minor: int, currency: str | None) -> str:
    """Minor units as an amount: 123450 EUR -> EUR 1,234.50."""
    if currency is None:
        return _NONE
    digits = minor_digits(currency)
    return f"{currency} {minor / 10**digits:,.{digits}f}"


def minor_digits(currency: str | None) -> int:
    """How many digits of an amount stand behind the point."""
    return MINOR_UNIT_DIGITS.get(currency or "", 2)


def cover(days: float | None) -> str:
    """How long stock lasts."""
    if days is None:
        return "end not in sight"
    if days == 0:
        return "nothing left"
    if days < 1:
        return "lasts less than a day"
    return f"lasts about {days:.0f} day{'' if round(days) == 1 else 's'}"


def day(value: date) -> str:
    return f"{value:%a %-d %b %Y}"


def moment(at: datetime, zone: str, *, now: datetime | None = None) -> str:
    """When, in the zone of the site: near moments by the clock, far ones by the day."""
    local = at.astimezone(ZoneInfo(zone))
    today = (now or datetime.now(UTC)).astimezone(ZoneInfo(zone)).date()
    clock = f"{local:%H:%M}"
    match (today - local.date()).days:
        case 0:
            return f"today {clock}"
        case 1:
            return f"yesterday {clock}"
        case ago if 0 < ago < 300:
            return f"{local:{_MONTHS_AND_DAY}} {clock}"
        case _:
            return f"{local:{_MONTHS_AND_DAY} %Y} {clock}"


def terms(arithmetic: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The terms of a plan line with their names in words; parts of a term are named after it."""
    named: list[tuple[str, str]] = []
    for key, value in arithmetic.items():
        title = key.replace("_", " ").capitalize()
        if isinstance(value, Mapping):
            named += [(f"{title}: {name.lower()}", term) for name, term in terms(value)]
        else:
            named.append((title, _term(value)))
    return named


def _term(value: Any) -> str:
    match value:
        case None:
            return _NONE
        case bool():
            return "yes" if value else "no"
        case Real():
            text = f"{float(value):,.2f}"
            return text.rstrip("0").rstrip(".")
        case list():
            return ", ".join(_term(part) for part in value)
        case _:
            return str(value)


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of the start page: where it leads, and the table that it comes from."""

    title: str
    figure: str
    address: str
    table: str
    pressing: bool = False


def tiles(summary: Summary) -> list[Tile]:
    """The numbers of the start page."""
    value = money(summary.stock_value_minor, summary.currency)
    return [
        Tile(
            "open alerts",
            number(summary.open_alerts),
            "/alerts",
            "alerts.alerts",
            pressing=summary.open_alerts > 0,
        ),
        Tile("low", number(summary.low), "/stock?show=low", "planning.policies"),
        Tile("out of stock", number(summary.out_of_stock), "/stock?show=out", "planning.policies"),
        Tile("products", number(summary.products), "/stock", "catalog.products"),
        Tile("stock at cost", value, "/stock", "ledger.stock_levels"),
    ]


_TO_DO: dict[Kind, str] = {
    "purchase": "Buy {}",
    "transfer": "Bring {}",
    "refill": "Carry {}",
    "overstock": "{} too many",
    "dead_stock": "{} not asked for",
    "slow_seller": "{} sell slowly",
    "lower_minimum": "Minimum too high by {}",
}


def to_do(line: PlanLine) -> str:
    """What a line of the plan says to do: Buy 48."""
    return _TO_DO[line.kind].format(number(line.quantity))


def where_from(line: PlanLine) -> str:
    """From where to where a line of the plan moves goods."""
    match line.kind:
        case "purchase":
            return f"{line.supplier or 'no supplier'} \N{MIDDLE DOT} {line.site}"
        case "transfer":
            return f"from {line.from_site} to {line.site}"
        case "refill":
            return f"from {line.from_location} to {line.location}"
        case _:
            return line.location or line.site


def slack_text(alert: ShownAlert) -> str:
    """The alert as a message: what, where, and what to do."""
    where = alert.location or alert.site
    state = "" if alert.status == "open" else f" ({alert.status})"
    return (
        f"{alert.severity.capitalize()}: {alert.product} at {where}{state}\n"
        f"{alert.message}\n{alert.recommendation}"
    )

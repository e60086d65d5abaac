"""The alerts that follow from the ledger alone: by which rule, when, and in what words. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

LedgerAlertKind = Literal[
    "over_promised", "discrepancy", "shortage_source", "expiring_lot", "demand_anomaly"
]

_NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Rule:
    """What one kind of alert goes by, for everything or for a product, a category or a site."""

    kind: LedgerAlertKind
    product_id: int | None = None
    category: str | None = None
    site_id: int | None = None
    is_on: bool = True
    within_days: int | None = None
    within_hours: int | None = None
    at_least_units: int | None = None
    at_least_lines: int | None = None
    at_least_percent: int | None = None

    @property
    def precedence(self) -> tuple[bool, bool, bool]:
        """The more closely a rule says what it is for, the earlier it is asked."""
        return (self.product_id is not None, self.category is not None, self.site_id is not None)


def rule_for(
    rules: Iterable[Rule],
    kind: LedgerAlertKind,
    *,
    site_id: int,
    product_id: int | None = None,
    category: str | None = None,
) -> Rule | None:
    """The rule that holds here: product before category before site; None where it is off."""
    holding = [
        rule
        for rule in rules
        if rule.kind == kind
        and rule.product_id in (None, product_id)
        and rule.category in (None, category)
        and rule.site_id in (None, site_id)
    ]
    closest = max(holding, key=lambda rule: rule.precedence, default=None)
    return closest if closest is not None and closest.is_on else None


@dataclass(frozen=True)
class Broken:
    """A reservation that lost some of what it held, since it was not there any more."""

    reservation: str
    reference: str | None
    location: str
    units: int


def over_promised_words(
    broken: Sequence[Broken], *, product: str, sku: str, site: str
) -> tuple[str, str]:
    """What was promised and cannot be served, and what to do about it."""
    lost = [
        f"{each.reference or 'reservation ' + each.reservation[:8]} lost {each.units} at"
        f" {each.location}"
        for each in broken
    ]
    units = sum(each.units for each in broken)
    places = _listed(sorted({each.location for each in broken}))
    return (
        f"{product} ({sku}) is over-promised at {site}, {units} more than there is: "
        f"{_listed(lost)}.",
        f"Bring {units} to {places} and reserve again, or tell whoever waits for them.",
    )


def discrepancy_words(
    *, short: int, product: str, sku: str, location: str, site: str
) -> tuple[str, str]:
    """By how much the book of a place was wrong, and the count that is asked for."""
    return (
        f"The book of {product} ({sku}) at {location}, {site} was wrong: "
        f"{short} more left than it held.",
        f"Count {sku} at {location}.",
    )


def goes_short(*, lines: int, short_lines: int, rule: Rule) -> bool:
    """Whether so many of a source's lines are short that its mapping is more likely wrong."""
    share, enough = rule.at_least_percent or 0, rule.at_least_lines or 0
    return lines >= enough and short_lines * 100 >= share * lines


def goes_well_again(*, lines: int, short_lines: int, rule: Rule) -> bool:
    """Whether fewer than half as many lines are short as would open it, or there are none."""
    return lines == 0 or short_lines * 200 < (rule.at_least_percent or 0) * lines


def source_name(*, recorded_by: int, source: str | None) -> str:
    """What a source is called; one that does not say is known by the number of who records."""
    return source or f"actor {recorded_by}"


def shortage_source_words(
    *, source: str, site: str, lines: int, short_lines: int, within_hours: int
) -> tuple[str, str]:
    """How often a source went short, and that its mapping is to be looked at before any count."""
    return (
        f"{source} at {site}: {short_lines} of {lines} lines in {within_hours} hours took more"
        " than the book held.",
        "Look how it maps products and places, and whether deliveries are booked. No counts are"
        " asked for until then.",
    )


@dataclass(frozen=True)
class Lot:
    """What a site has of a lot that expires."""

    code: str
    expires_on: date
    on_hand: int
    is_past: bool


def expiring(lots: Iterable[Lot], *, today: date, within_days: int) -> list[Lot]:
    """The lots whose expiry is at most so many days away, or past; the first to expire first."""
    near = [lot for lot in lots if (lot.expires_on - today).days <= within_days]
    return sorted(near, key=lambda lot: (lot.expires_on, lot.code))


def expiring_words(lots: Sequence[Lot], *, product: str, sku: str, site: str) -> tuple[str, str]:
    """Which lots expire when, and what to do with them."""
    told = [
        f"lot {lot.code} {'expired' if lot.is_past else 'expires'} {lot.expires_on}"
        f" ({lot.on_hand} on hand)"
        for lot in lots
    ]
    past = [lot.code for lot in lots if lot.is_past]
    to_come = [lot.code for lot in lots if not lot.is_past]
    advice = []
    if past:
        advice.append(f"Take out what has expired ({_listed(past)}) and record it as expired.")
    if to_come:
        advice.append(f"Use {_listed(to_come)} first.")
    return f"{product} ({sku}) at {site}: {_listed(told)}.", " ".join(advice)


def _listed(named: Sequence[str]) -> str:
    more = len(named) - _NAMED_AT_MOST
    return ", ".join(named[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True)
class Anomaly:
    """A day on which demand lay outside of low and high, far from what was expected of it."""

    day: date
    demand: float
    expected: float
    low: float
    high: float

    @property
    def beyond(self) -> float:
        """Units beyond the nearer bound."""
        return max(self.demand - self.high, self.low - self.demand)


def anomaly_words(days: Sequence[Anomaly], *, product: str, sku: str, site: str) -> tuple[str, str]:
    """What was asked for on which days and what had been expected, and what to do about it."""
    told = [
        f"{each.demand:g} on {each.day} where {each.expected:.0f} were expected"
        f" ({each.low:.0f} to {each.high:.0f})"
        for each in days
    ]
    too_little = all(each.demand < each.low for each in days)
    look = (
        "Look whether the shelf was really stocked and the sales came in."
        if too_little
        else "Look whether it was one large order, or the beginning of something."
    )
    return (
        f"{product} ({sku}) at {site}: {_listed(told)}.",
        f"{look} Until it is confirmed it changes the forecast only as far as had been thought"
        " possible.",
    )

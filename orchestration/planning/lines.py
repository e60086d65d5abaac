"""A line of the plan, and how the lines that people see follow the lines that are wanted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from orchestration.planning.replenishment import PRIORITIES, Priority, is_worth_a_change

Kind = Literal[
    "purchase",
    "transfer",
    "refill",
    "overstock",
    "dead_stock",
    "slow_seller",
    "lower_minimum",
]
# Product, site, and the place where the line is about one (else 0).
Key = tuple[Kind, int, int, int]

# A line that was turned down comes back when half as much again is wanted.
_GROWN_TO_ASK_AGAIN = 1.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """What to do about one product, how much of it, how soon, and why; quantity in base units.

    change_from: the smallest change of quantity that is shown, apart from a tenth of it; None when
    whoever made the line has decided so already, and each difference is shown.
    """

    kind: Kind
    product_id: int
    site_id: int
    quantity: int
    priority: Priority
    inventory_position: int
    reorder_point: int
    order_up_to_level: int
    days_until_stockout: float | None
    reason: str
    arithmetic: dict[str, Any]
    supplier_id: int | None = None
    from_site_id: int | None = None
    from_location_id: int | None = None
    location_id: int | None = None
    change_from: int | None = 1
    is_within_budget: bool = True

    @property
    def key(self) -> Key:
        return (self.kind, self.product_id, self.site_id, self.location_id or 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A line as people see it, or as someone turned it down."""

    suggestion_id: UUID
    status: Literal["open", "dismissed"]
    quantity: int
    priority: Priority
    from_site_id: int | None = None
    from_location_id: int | None = None
    is_within_budget: bool = True


@dataclass(frozen=True, slots=True)
class Changes:
    """What to write so that people see what is wanted."""

    opened: list[Line] = field(default_factory=list)
    revised: list[tuple[UUID, Line]] = field(default_factory=list)
    kept: list[UUID] = field(default_factory=list)
    closed: list[UUID] = field(default_factory=list)


def what_changes(*, shown: Mapping[Key, Shown], wanted: Iterable[Line]) -> Changes:
    """Open what is new, revise what moved, close what has no reason any more; keep the rest.

    One line a key. What was turned down stays so until `asks_again`; when its need ends it closes,
    so that a later need is a new one.
    """
    changes = Changes()
    unwanted = dict(shown)
    for line in wanted:
        before = unwanted.pop(line.key, None)
        if before is None:
            changes.opened.append(line)
        elif is_revised(before, line):
            changes.revised.append((before.suggestion_id, line))
        else:
            changes.kept.append(before.suggestion_id)
    changes.closed.extend(before.suggestion_id for before in unwanted.values())
    return changes


def is_revised(before: Shown, line: Line) -> bool:
    """Whether people see `line` in place of what they saw before."""
    if before.status == "dismissed":
        return asks_again(before, quantity=line.quantity, priority=line.priority)
    if (before.from_site_id, before.from_location_id) != (line.from_site_id, line.from_location_id):
        return True
    if before.is_within_budget != line.is_within_budget:
        return True
    if line.change_from is None:
        return before.quantity != line.quantity
    return is_worth_a_change(
        shown=before.quantity, wanted=line.quantity, pack_size=line.change_from
    )


def asks_again(before: Shown, *, quantity: int, priority: Priority) -> bool:
    """Whether the reason has changed: it is more urgent, or half as much again is wanted."""
    is_more_urgent = PRIORITIES.index(priority) < PRIORITIES.index(before.priority)
    return is_more_urgent or quantity >= _GROWN_TO_ASK_AGAIN * before.quantity

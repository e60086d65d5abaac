"""Over-promised: reservations that lost what is not there any more (decision 0013)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orchestration.defs.alerts.ledger_look import QUERIES, Connection, Look, rows_of
from orchestration.defs.alerts.lives import Changes, Opening, Restatement
from orchestration.planning.ledger_alerting import Broken, over_promised_words, rule_for


@dataclass(frozen=True)
class _BrokenRow:
    product_id: int
    sku: str
    product: str
    category: str | None
    site_id: int
    site: str
    location: str
    location_id: int
    position: int
    reservation: str
    reference: str | None
    units: int

    @property
    def kept(self) -> dict[str, Any]:
        names = ("location", "location_id", "position", "reservation", "reference", "units")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class _LivePromises:
    alert_id: UUID
    product_id: int
    site_id: int
    detail: Mapping[str, Any]
    position: int
    sku: str
    product: str
    site: str


def look_at_promises(connection: Connection, look: Look, changes: Changes) -> None:
    """Open, restate or end what the reservations lost, and found again, since the last look."""
    window = look.window("over_promised")
    broken = [
        row
        for row in rows_of(connection, "broken_promises", _BrokenRow, window)
        if rule_for(
            look.rules,
            "over_promised",
            site_id=row.site_id,
            product_id=row.product_id,
            category=row.category,
        )
    ]
    live = rows_of(
        connection,
        "promises_to_look_at",
        _LivePromises,
        {**window, "by_the_clock": look.by_the_clock},
    )
    lives = {(each.product_id, each.site_id): each for each in live}
    named: dict[tuple[int, int], _BrokenRow | _LivePromises] = {
        **{(row.product_id, row.site_id): row for row in broken},
        **lives,
    }
    for key, row in named.items():
        lost = _still_broken(connection, window, row.product_id, _merged(key, lives, broken))
        _tell_of_promises(changes, row, lives.get(key), lost, "over_promised" in look.first)


def _merged(
    key: tuple[int, int],
    lives: Mapping[tuple[int, int], _LivePromises],
    broken: Iterable[_BrokenRow],
) -> list[dict[str, Any]]:
    """What each reservation lost of a product at a site, told before or new."""
    kept = list(lives[key].detail["reservations"]) if key in lives else []
    lost = {(each["reservation"], each["location"]): each for each in kept}
    for row in broken:
        if (row.product_id, row.site_id) == key:
            of_it = (row.reservation, row.location)
            units = lost[of_it]["units"] if of_it in lost else 0
            lost[of_it] = {**row.kept, "units": row.units + units}
    return list(lost.values())


def _still_broken(
    connection: Connection,
    window: Mapping[str, int],
    product_id: int,
    lost: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    found = connection.execute(
        QUERIES.promises_still_broken.text,
        {
            "from_position": window["from_position"],
            "to_position": window["to_position"],
            "product_ids": [product_id] * len(lost),
            "reservations": [each["reservation"] for each in lost],
            "location_ids": [each["location_id"] for each in lost],
            "positions": [each["position"] for each in lost],
            "units": [each["units"] for each in lost],
        },
    )
    owed = {reservation for (reservation,) in found}
    return [each for each in lost if each["reservation"] in owed]


def _tell_of_promises(
    changes: Changes,
    row: _BrokenRow | _LivePromises,
    live: _LivePromises | None,
    lost: Sequence[dict[str, Any]],
    is_baseline: bool,
) -> None:
    if not lost:
        if live is not None:
            changes.ends.append(live.alert_id)
        return
    detail = {"reservations": list(lost)}
    if live is not None and live.detail == detail:
        return
    message, recommendation = over_promised_words(
        [
            Broken(each["reservation"], each["reference"], each["location"], each["units"])
            for each in lost
        ],
        product=row.product,
        sku=row.sku,
        site=row.site,
    )
    position = max(each["position"] for each in lost)
    if live is not None:
        position = max(position, live.position)
        changes.restated.append(
            Restatement(live.alert_id, message, recommendation, position, detail)
        )
        return
    changes.opens.append(
        Opening(
            kind="over_promised",
            severity="high",
            site_id=row.site_id,
            product_id=row.product_id,
            message=message,
            recommendation=recommendation,
            position=position,
            is_baseline=is_baseline,
            detail=detail,
        )
    )

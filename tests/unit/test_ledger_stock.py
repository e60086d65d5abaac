"""Stock arithmetic: nothing below zero, and every order of arrival ends in the same stock."""

from datetime import UTC, date, datetime
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.ledger.stock import (
    NO_LOT,
    Expiry,
    Leg,
    Past,
    Rank,
    Shelf,
    Why,
    apply,
    is_in_order,
    moment_of,
    replay,
)

BEAR = 1
CLAW, SHELF, BACK, STORE = 11, 12, 13, 14
REFILLED_FROM = {CLAW: BACK, SHELF: BACK, BACK: STORE}
OLD, NEW, UNDATED = 1, 2, 3
EXPIRY = Expiry({OLD: date(2027, 1, 1), NEW: date(2027, 2, 1)})


def take(units: int, place: int = CLAW, lot: int | None = None) -> Leg:
    return Leg(BEAR, place, change=-units, lot=lot)


def put(units: int, place: int = CLAW, lot: int | None = None) -> Leg:
    return Leg(BEAR, place, change=units, lot=lot)


def count(units: int, place: int = CLAW, lot: int | None = None) -> Leg:
    return Leg(BEAR, place, counted=units, lot=lot)


def shelf(*units: int, **lots: int) -> Shelf:
    held = {NO_LOT: sum(units)} | {{"old": OLD, "new": NEW}[name]: n for name, n in lots.items()}
    return Shelf(lots=held, on_hand=sum(held.values()))


def booked(
    leg: Leg, at: Shelf, behind: Shelf | None = None
) -> list[tuple[str, int, int | None, int]]:
    changes = apply(leg, 1, at, (BACK, behind) if behind is not None else None, EXPIRY)
    return [(each.why.name, each.location_id, each.lot, each.on_hand) for each in changes]


def test_what_leaves_is_taken_from_the_shelf() -> None:
    held = shelf(5)
    assert booked(take(2), held) == [("OWN", CLAW, NO_LOT, -2)]
    assert held.on_hand == 3


def test_a_count_is_an_absolute() -> None:
    held = shelf(5)
    assert booked(count(9), held) == [("OWN", CLAW, NO_LOT, 4)]
    assert held.on_hand == 9


def test_a_shortage_is_covered_from_behind_before_the_book_is_called_wrong() -> None:
    held, behind = shelf(1), shelf(3)
    assert booked(take(6), held, behind) == [
        ("IMPLIED", BACK, NO_LOT, -3),
        ("IMPLIED", CLAW, NO_LOT, 3),
        ("SHORTAGE", CLAW, NO_LOT, 2),
        ("OWN", CLAW, NO_LOT, -6),
    ]
    assert (held.on_hand, behind.on_hand) == (0, 0)


def test_first_expired_is_first_out() -> None:
    held = shelf(4, new=4, old=1)
    assert booked(take(7), held) == [
        ("OWN", CLAW, OLD, -1),
        ("OWN", CLAW, NEW, -4),
        ("OWN", CLAW, NO_LOT, -2),
    ]


def test_a_named_lot_is_taken_before_what_carries_no_lot() -> None:
    held = shelf(5, old=2)
    assert booked(take(3, lot=OLD), held) == [("OWN", CLAW, OLD, -2), ("OWN", CLAW, NO_LOT, -1)]


def test_a_count_of_one_lot_leaves_the_others() -> None:
    held = shelf(3, old=2, new=2)
    assert booked(count(5, lot=OLD), held) == [("OWN", CLAW, OLD, 3)]
    assert held.on_hand == 10


def test_a_count_below_the_book_writes_off_what_expires_first() -> None:
    held = shelf(3, old=2)
    assert booked(count(2), held) == [("OWN", CLAW, OLD, -2), ("OWN", CLAW, NO_LOT, -1)]


@pytest.mark.parametrize(
    ("leg", "rank"), [(put(1), Rank.IN), (take(1), Rank.OUT), (count(0), Rank.COUNT)]
)
def test_what_comes_in_comes_before_what_goes_out(leg: Leg, rank: Rank) -> None:
    instant = datetime(2026, 11, 20, 12, 0, 0, 7, UTC)
    assert leg.rank is rank
    assert moment_of(instant, Rank.IN) < moment_of(instant, Rank.OUT) < moment_of(instant, 2)
    assert moment_of(instant, 2) < moment_of(instant.replace(microsecond=8), Rank.IN)


def test_a_late_sale_of_what_was_there_needs_no_replay() -> None:
    held = shelf(5)
    apply(put(1), 10, held, None, EXPIRY)
    apply(take(1), 30, held, None, EXPIRY)
    assert is_in_order(take(5), 20, held, None)
    assert not is_in_order(take(6), 20, held, None)
    assert not is_in_order(take(1), 5, held, None)


def test_whatever_comes_to_a_level_of_unknown_past_is_replayed() -> None:
    assert not is_in_order(put(1), 10**18, Shelf(last_moment=None, settled_moment=None), None)


PLACES = st.sampled_from([CLAW, SHELF, BACK, STORE])


def legs(lots: st.SearchStrategy[int | None]) -> st.SearchStrategy[Leg]:
    units = st.integers(1, 5)
    return st.one_of(
        st.builds(put, units, PLACES, lots),
        st.builds(take, units, PLACES, lots),
        st.builds(take, units, PLACES, lots),
        st.builds(count, st.integers(0, 5), PLACES, lots),
    )


def happenings(lots: st.SearchStrategy[int | None]) -> st.SearchStrategy[list[Past]]:
    """Legs with few distinct instants, so that many share one."""
    drawn = st.lists(st.tuples(st.integers(0, 6), legs(lots)), max_size=12)
    return drawn.map(
        lambda found: [
            Past(4 * instant + leg.rank, number, leg) for number, (instant, leg) in enumerate(found)
        ]
    )


def arrived(past: list[Past]) -> dict[int, Shelf]:
    """As the writer does it: at once where that is in order, else all that came so far again."""
    shelves = {place: Shelf() for place in (CLAW, SHELF, BACK, STORE)}
    for number, each in enumerate(past):
        at = shelves[each.leg.location_id]
        source = REFILLED_FROM.get(each.leg.location_id)
        behind = shelves[source] if source is not None else None
        if is_in_order(each.leg, each.moment, at, behind):
            covered = (source, behind) if source is not None and behind is not None else None
            apply(each.leg, each.moment, at, covered, EXPIRY)
        else:
            shelves = {place: Shelf() for place in (CLAW, SHELF, BACK, STORE)}
            replay(shelves, past[: number + 1], refilled_from=REFILLED_FROM, expiry=EXPIRY)
    return shelves


def levels(shelves: dict[int, Shelf]) -> dict[int, dict[int, int]]:
    return {
        place: {lot: units for lot, units in held.lots.items() if units}
        for place, held in shelves.items()
    }


@settings(max_examples=400, deadline=None)
@given(data=st.data(), with_lots=st.booleans())
def test_every_order_of_arrival_ends_in_the_same_levels(
    data: st.DataObject, with_lots: bool
) -> None:
    lots = st.sampled_from([None, None, OLD, NEW, UNDATED]) if with_lots else st.none()
    past = data.draw(happenings(lots))
    in_one_order = arrived(data.draw(st.permutations(past)))
    in_another = arrived(data.draw(st.permutations(past)))
    assert levels(in_one_order) == levels(in_another)
    for held in in_one_order.values():
        assert held.on_hand == sum(held.lots.values())
        assert min(held.lots.values()) >= 0


@pytest.mark.parametrize(("of_back", "of_claw"), [(2, 3), (3, 2)])
def test_who_takes_first_of_one_instant_is_not_who_is_told_first(
    of_back: int, of_claw: int
) -> None:
    past = [
        Past(0, 0, put(5, BACK)),
        Past(0, 1, put(9, STORE)),
        Past(9, of_back, take(4, BACK)),
        Past(9, of_claw, take(3, CLAW)),
    ]
    told = [levels(arrived(list(order))) for order in permutations(past)]
    assert told == told[:1] * len(told)


@settings(max_examples=200, deadline=None)
@given(past=happenings(st.sampled_from([None, OLD])))
def test_the_event_that_is_watched_tells_what_it_changed_by_itself(past: list[Past]) -> None:
    for each in past:
        own = replay(
            {}, past, refilled_from=REFILLED_FROM, expiry=EXPIRY, watched=each.event_number
        )
        assert all(change.why is Why.OWN for change in own)
        if each.leg.counted is None:
            assert sum(change.on_hand for change in own) == each.leg.change

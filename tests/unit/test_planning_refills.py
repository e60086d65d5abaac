"""Today's walk, rule by rule."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from orchestration.planning.refills import Refill, Shelf, refill_walk

BACK = 99


def shelf(
    on_hand: int,
    *,
    location_id: int = 1,
    daily_use: float = 4.0,
    par: int | None = 20,
    minimum: int = 0,
    product_id: int = 7,
) -> Shelf:
    return Shelf(
        product_id=product_id,
        location_id=location_id,
        code=f"CLAW-{location_id:02}",
        on_hand=on_hand,
        daily_use=daily_use,
        source_location_id=BACK,
        par=par,
        minimum=minimum,
    )


def walk(*shelves: Shelf, behind: int = 100, **more: object) -> list[tuple[int, int]]:
    """(place, quantity) of each refill."""
    settings: dict[str, object] = {"held": {(7, BACK): behind}, "room": {}, **more}
    planned: list[Refill] = refill_walk(shelves, **settings)  # type: ignore[arg-type]
    return [(one.shelf.location_id, one.quantity) for one in planned]


def test_a_place_that_will_not_last_until_the_walk_after_next_is_filled_to_its_par() -> None:
    assert walk(shelf(7)) == [(1, 13)]
    assert walk(shelf(8)) == []


def test_a_place_at_its_minimum_is_filled_whatever_is_expected() -> None:
    assert walk(shelf(5, daily_use=0.0, minimum=5)) == [(1, 15)]
    assert walk(shelf(6, daily_use=0.0, minimum=5)) == []


def test_an_empty_place_where_nothing_is_asked_for_stays_empty_without_a_par() -> None:
    assert walk(shelf(0, daily_use=0.0, par=None)) == []
    assert walk(shelf(0, daily_use=0.0, par=6)) == [(1, 6)]


def test_a_place_without_a_par_is_filled_for_a_week_of_expected_use() -> None:
    assert walk(shelf(3, par=None)) == [(1, 25)]
    assert walk(shelf(3, par=None), cover_days=3.0) == [(1, 9)]


def test_the_back_room_and_the_place_cap_the_quantity() -> None:
    assert walk(shelf(2), behind=5) == [(1, 5)]
    assert walk(shelf(2), behind=0) == []
    assert walk(shelf(2), room={1: 10}) == [(1, 10)]


def test_the_emptiest_place_takes_first_and_the_walk_goes_by_code() -> None:
    assert walk(shelf(6, location_id=1), shelf(0, location_id=2), behind=24) == [(1, 4), (2, 20)]


def test_products_share_the_room_of_a_place() -> None:
    planned = refill_walk(
        [shelf(0, product_id=7), shelf(1, product_id=8)],
        held={(7, BACK): 50, (8, BACK): 50},
        room={1: 30},
    )
    assert [(one.shelf.product_id, one.quantity) for one in planned] == [(7, 20), (8, 10)]


def test_what_people_see_stays_until_it_moves_by_a_tenth() -> None:
    assert walk(shelf(3), shown={(7, 1): 18}) == [(1, 18)]
    assert walk(shelf(2), shown={(7, 1): 16}) == [(1, 18)]
    assert walk(shelf(2), behind=17, shown={(7, 1): 18}) == [(1, 17)]


SHELVES = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.integers(1, 4),
        st.integers(0, 30),
        st.floats(0, 9),
        st.none() | st.integers(0, 40),
        st.integers(0, 10),
    ),
    max_size=10,
    unique_by=lambda one: (one[0], one[1]),
)


@given(shelves=SHELVES, behind=st.integers(0, 80), room=st.integers(0, 60))
def test_a_walk_carries_no_more_than_there_is_or_fits_and_twice_is_the_same(
    shelves: list[tuple[int, int, int, float, int | None, int]], behind: int, room: int
) -> None:
    places = [
        shelf(
            on_hand,
            product_id=product_id,
            location_id=location_id,
            daily_use=daily_use,
            par=par,
            minimum=minimum if par is None else min(minimum, par),
        )
        for product_id, location_id, on_hand, daily_use, par, minimum in shelves
    ]
    held = {(product_id, BACK): behind for product_id in (1, 2, 3)}
    space = {1: room, 2: room}
    planned = refill_walk(places, held=held, room=space)
    taken, brought = Counter[int](), Counter[int]()
    for one in planned:
        assert 0 < one.quantity <= one.wanted
        taken[one.shelf.product_id] += one.quantity
        brought[one.shelf.location_id] += one.quantity
    assert all(units <= behind for units in taken.values())
    assert all(brought[location_id] <= room for location_id in space)
    assert [one.shelf.code for one in planned] == sorted(one.shelf.code for one in planned)
    shown = {(one.shelf.product_id, one.shelf.location_id): one.quantity for one in planned}
    assert refill_walk(places, held=held, room=space, shown=shown) == planned

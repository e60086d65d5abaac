"""What fills an order up to its supplier's minimum, without buying for no need."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.purchasing.minimums import Candidate, fill


def candidate(**more: Any) -> Candidate:
    """Ten units of room in packs of two, at 100 each."""
    told = {
        "sku": "A",
        "product": "A",
        "pack_size": 2,
        "minimum_order_quantity": 1,
        "unit_cost": 100,
        "reorder_point": 40,
        "order_up_to_level": 60,
        "inventory_position": 50,
        "days_to_reorder_point": 2.5,
    }
    return Candidate(**{**told, **more})


def test_the_fewest_packs_of_the_first_fill_it() -> None:
    fillers, still = fill(500, [candidate(), candidate(sku="B")])
    assert [(one.sku, one.quantity, one.cost) for one in fillers] == [("A", 6, 600)]
    assert still == 0


def test_the_next_one_makes_up_what_the_first_leaves() -> None:
    fillers, still = fill(1_100, [candidate(), candidate(sku="B")])
    assert [(one.sku, one.quantity) for one in fillers] == [("A", 10), ("B", 2)]
    assert still == 0


def test_what_needs_more_than_its_level_to_be_ordered_is_passed_over() -> None:
    fillers, still = fill(500, [candidate(minimum_order_quantity=12), candidate(sku="B")])
    assert [one.sku for one in fillers] == ["B"]
    assert fill(500, [candidate(pack_size=12)]) == ([], 500)
    assert still == 0


def test_what_no_need_fills_stays_short() -> None:
    fillers, still = fill(1_500, [candidate()])
    assert ([one.quantity for one in fillers], still) == ([10], 500)


@given(
    short_by=st.integers(1, 100_000),
    candidates=st.lists(
        st.builds(
            candidate,
            pack_size=st.integers(1, 30),
            minimum_order_quantity=st.integers(1, 30),
            unit_cost=st.integers(1, 5_000),
            inventory_position=st.integers(41, 59),
        ),
        max_size=6,
    ),
)
def test_no_filler_goes_above_its_level(short_by: int, candidates: list[Candidate]) -> None:
    numbered = [one.model_copy(update={"sku": str(at)}) for at, one in enumerate(candidates)]
    fillers, still = fill(short_by, numbered)
    by_sku = {one.sku: one for one in numbered}
    for filler in fillers:
        one = by_sku[filler.sku]
        assert one.inventory_position + filler.quantity <= one.order_up_to_level
        assert filler.quantity % one.pack_size == 0
        assert filler.quantity >= one.minimum_order_quantity
    assert still == max(0, short_by - sum(one.cost for one in fillers))

"""When a larger order costs less in total, and what an order costs."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestration.planning.lines import Line
from orchestration.planning.plan_purchases import purchase_lines
from orchestration.planning.planned import Terms
from orchestration.planning.price_breaks import cheaper_quantity, unit_cost_at
from tests.unit.planned_site import site

BREAKS = {50: 240, 100: 200}


def test_all_units_have_the_price_of_the_quantity() -> None:
    found = [
        unit_cost_at(units, unit_cost=250, price_breaks=BREAKS) for units in (1, 49, 50, 99, 100)
    ]
    assert found == [250, 250, 240, 240, 200]


def test_a_little_more_is_cheaper_where_the_break_is_near() -> None:
    # 49 cost 122.50 and 50 cost 120.00; 84 cost 201.60 and 100 cost 200.00
    terms: dict[str, Any] = {"pack_size": 1, "unit_cost": 250, "price_breaks": BREAKS}
    assert cheaper_quantity(49, **terms) == 50
    assert cheaper_quantity(48, **terms) is None
    assert cheaper_quantity(84, **terms) == 100
    assert cheaper_quantity(100, **terms) is None


def test_packs_and_caps_are_kept_to() -> None:
    assert cheaper_quantity(84, pack_size=12, unit_cost=250, price_breaks={90: 200}) == 96
    assert (
        cheaper_quantity(84, pack_size=12, unit_cost=250, price_breaks={90: 200}, most=95) is None
    )


@given(
    quantity=st.integers(1, 300),
    pack_size=st.integers(1, 24),
    price_breaks=st.dictionaries(st.integers(2, 300), st.integers(1, 500), max_size=4),
)
def test_no_quantity_up_to_the_last_break_costs_less(
    quantity: int, pack_size: int, price_breaks: dict[int, int]
) -> None:
    quantity = -(-quantity // pack_size) * pack_size

    def cost(units: int) -> int:
        return units * unit_cost_at(units, unit_cost=500, price_breaks=price_breaks)

    found = cheaper_quantity(
        quantity, pack_size=pack_size, unit_cost=500, price_breaks=price_breaks
    )
    least = min(cost(units) for units in range(quantity, 400 + quantity, pack_size))
    assert (cost(quantity) if found is None else cost(found)) == least


def test_the_line_names_the_larger_order_and_keeps_its_own_quantity() -> None:
    def line(**more: Any) -> Line:
        [found] = purchase_lines([site(0, **more)], {}, proposed={}, space={}, terms=Terms())
        return found

    plain = line()
    quantity = plain.quantity
    told = line(price_breaks={quantity + 6: 200})
    assert told.quantity == quantity
    assert told.arithmetic["cheaper_in_total"] == {
        "quantity": quantity + 6,
        "cost": f"EUR {(quantity + 6) * 2:,.2f}",
    }
    assert f"{quantity + 6} would cost EUR" in told.reason
    assert plain.arithmetic["cheaper_in_total"] is None
    assert line(price_breaks={quantity: 200}).arithmetic["cost"] == f"EUR {quantity * 2:,.2f}"

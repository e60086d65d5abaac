"""The plots of the documents: the world they are drawn from, and the lines."""

import re

import numpy as np

from bench.plots import Line, draw, make_world


def test_what_is_sold_is_what_was_asked_for_while_the_shelf_had_stock() -> None:
    world = make_world(20, 180)
    empty = world.exposure == 0
    assert empty.any()
    assert (world.sold[empty] == 0).all()
    assert (world.sold[~empty] == world.asked[~empty]).all()
    assert np.array_equal(world.asked, make_world(20, 180).asked)


def test_a_gap_lifts_the_pen_and_the_ends_lie_on_the_edges() -> None:
    y = np.array([0.0, np.nan, 5.0, 10.0])
    line = Line("units", np.arange(4.0), y, "#000")
    svg = draw("Units", [line], ticks=[0, 10], unit="", ends=("first", "last"))
    assert re.findall('<path d="([^"]*)" fill="none"', svg) == [
        "M60.0 300.0 M473.3 170.0 L680.0 40.0"
    ]

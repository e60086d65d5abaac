"""Demand is classed by how often and how evenly it comes."""

import numpy as np
import pytest

from orchestration.planning.demand_classes import demand_classes, models_of_classes


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ([3, 4, 3, 5, 4, 3], "smooth"),
        ([1, 30, 1, 1, 40, 1], "erratic"),
        ([0, 0, 3, 0, 3, 0, 4, 0, 0, 3], "intermittent"),
        ([0, 0, 1, 0, 90, 0, 1, 0, 0, 2], "lumpy"),
        ([0, 0, 0, 5, 0, 5, 5, np.nan], "hardly_any"),
        ([np.nan, 3, np.nan, 4, np.nan, 3, np.nan, 4], "smooth"),
    ],
)
def test_a_class_is_how_often_and_how_evenly_something_is_asked_for(
    units: list[float], expected: str
) -> None:
    assert demand_classes(np.array([units], dtype=float)) == [expected]


def test_a_class_is_forecast_by_the_model_of_most_of_its_products() -> None:
    classes = ["smooth", "lumpy", "smooth", "smooth"]
    found = models_of_classes(classes, ["a", "b", "a", "c"])
    assert found == {"lumpy": ("b", 1), "smooth": ("a", 3)}

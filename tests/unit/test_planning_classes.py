"""How products are classed, and what follows from it."""

import numpy as np
import pytest
from pydantic import ValidationError

from orchestration.planning.classes import abc_classes, service_level_of, xyz_classes
from orchestration.settings import Settings


def test_the_products_that_make_up_four_fifths_of_the_value_are_a() -> None:
    assert abc_classes(np.array([10.0, 50.0, 30.0, 5.0, 4.0, 1.0])) == list("BAABCC")


def test_one_product_is_a_and_what_is_worth_nothing_is_c() -> None:
    assert abc_classes(np.array([3.0])) == ["A"]
    assert abc_classes(np.array([0.0, 0.0])) == ["C", "C"]
    assert abc_classes(np.array([])) == []


def test_a_product_without_a_cost_is_in_the_middle() -> None:
    assert abc_classes(np.array([np.nan, 9.0, 1.0])) == ["B", "A", "B"]


def test_the_wider_the_demand_the_later_the_letter() -> None:
    mean = np.array([100.0, 100.0, 100.0, 0.0])
    low = np.array([50.0, 0.0, 0.0, 0.0])
    high = np.array([150.0, 200.0, 300.0, 0.0])
    # 100, 200 and 300 over 2.563 are deviations of 39, 78 and 117 percent
    assert xyz_classes(mean, low=low, high=high) == ["X", "Y", "Z", "Z"]


@pytest.mark.parametrize(
    ("demand_class", "level"), [("AX", 0.99), ("AZ", 0.98), ("BZ", 0.9), ("CX", 0.95)]
)
def test_the_closest_target_counts(demand_class: str, level: float) -> None:
    levels = {"A": 0.98, "AX": 0.99, "Z": 0.9}
    assert service_level_of(demand_class, levels, otherwise=0.95) == level


def test_targets_are_read_from_one_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/none")
    monkeypatch.setenv("PARSTOCK_SERVICE_LEVELS", "A=0.98, CZ = 0.9,")
    assert Settings().service_levels == {"A": 0.98, "CZ": 0.9}
    monkeypatch.setenv("PARSTOCK_SERVICE_LEVELS", "")
    assert Settings().service_levels == {}


@pytest.mark.parametrize("said", ["D=0.9", "A", "A=95", "A=0", "XA=0.9", "A=high"])
def test_a_target_that_is_none_is_refused(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/none")
    monkeypatch.setenv("PARSTOCK_SERVICE_LEVELS", said)
    with pytest.raises(ValidationError, match="no class with its service level"):
        Settings()

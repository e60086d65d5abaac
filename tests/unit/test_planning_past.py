"""The default stands until another choice wins clearly, and often enough."""

import numpy as np
import pytest

from orchestration.planning.past import Choice, Past

DEFAULT: Choice = (0.07, 0.98, 0)
OTHER: Choice = (0.2, 0.98, 0)


def past(origins: int, errors: dict[Choice, float]) -> Past:
    """Two series asked for 10 a day for a week; each choice errs by the same from every origin."""
    actual = np.full((2, 7), 10.0)
    return Past(
        origins=list(range(30, 30 + origins)),
        horizon=7,
        actual=[actual] * origins,
        means=[{choice: actual + error for choice, error in errors.items()}] * origins,
        weight=[np.ones(2)] * origins,
    )


@pytest.mark.parametrize(
    ("error", "origins", "chosen"),
    [
        (0.98, 3, DEFAULT),
        (0.96, 3, OTHER),
        (0.96, 2, DEFAULT),
        (0.96, 6, OTHER),
        (1.10, 6, DEFAULT),
    ],
)
def test_the_default_stands_unless_another_wins_by_over_three_percent_over_three_origins(
    error: float, origins: int, chosen: Choice
) -> None:
    replayed = past(origins, {DEFAULT: 1.0, OTHER: error})
    assert replayed.best(DEFAULT) == chosen
    verdict = replayed.verdict(DEFAULT, chosen)
    assert verdict.stands == (chosen == DEFAULT)
    assert verdict.margin == pytest.approx(1 - error)


def test_of_those_that_win_the_quickest_near_the_best_is_taken() -> None:
    quicker: Choice = (0.35, 0.98, 0)
    close = past(3, {DEFAULT: 1.0, OTHER: 0.900, quicker: 0.905})
    assert close.best(DEFAULT) == quicker
    # but not one that does not win over the default by itself
    short = past(3, {DEFAULT: 1.0, OTHER: 0.966, quicker: 0.972})
    assert short.best(DEFAULT) == OTHER


def test_without_a_past_the_default_stands() -> None:
    assert past(0, {DEFAULT: 1.0, OTHER: 0.5}).best(DEFAULT) == DEFAULT

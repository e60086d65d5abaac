"""ABC and XYZ: how much a product matters, how hard it is to foretell, and what that asks for."""

from collections.abc import Mapping

import numpy as np

from orchestration.planning.expected import Array

# A: what makes up the first four fifths of the value; B: up to 95 %; C: the rest (Silver, Pyke &
# Thomas 2017, 2.3).
_A_SHARE, _B_SHARE = 0.8, 0.95
# Coefficients of variation below which demand is steady (X), and below which it varies (Y).
_X_VARIATION, _Y_VARIATION = 0.5, 1.0
# From the 80 % interval of a normal demand to its standard deviation.
_SPREAD_OF_80_PERCENT = 2.5631


def abc_classes(value: Array) -> list[str]:
    """The class of each product by the value (N,) of its demand; B where it is not known (nan).

    The product that crosses a border still belongs to the class before it.
    """
    known = np.flatnonzero(~np.isnan(value))
    made = ["B"] * len(value)
    order = known[np.argsort(-value[known], kind="stable")]
    total = float(value[order].sum())
    so_far = 0.0
    for at in order:
        share = so_far / total if total > 0 else 1.0
        made[at] = "A" if share < _A_SHARE else "B" if share < _B_SHARE else "C"
        so_far += float(value[at])
    return made


def xyz_classes(mean: Array, *, low: Array, high: Array) -> list[str]:
    """The class of each product by the spread of a total with this mean (N,), from its q10 and q90.

    The coefficient of variation is (q90 - q10) / 2.563 / mean, as if it were normal; Z where
    nothing is expected.
    """
    spread = (high - low) / _SPREAD_OF_80_PERCENT
    variation = np.divide(spread, mean, out=np.full(len(mean), np.inf), where=mean > 0)
    return ["X" if one < _X_VARIATION else "Y" if one < _Y_VARIATION else "Z" for one in variation]


def service_level_of(demand_class: str, levels: Mapping[str, float], *, otherwise: float) -> float:
    """The service level of a class such as AX: its own, that of A, that of X, or the rest's."""
    for name in (demand_class, *demand_class):
        if name in levels:
            return levels[name]
    return otherwise

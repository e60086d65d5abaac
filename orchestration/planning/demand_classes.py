"""Classes of demand: how often something is asked for, and how much that varies.

Syntetos, Boylan & Croston 2005: p is the mean number of days from one day with demand to the next,
cv2 the squared coefficient of variation of the demand on such days; the cuts are 1.32 and 0.49.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LEAST_DAYS_WITH_DEMAND = 4
_INTERVAL_CUT, _VARIATION_CUT = 1.32, 0.49


def demand_classes(demand: Array) -> list[str]:
    """Of each row (N by T, NaN unknown): smooth, erratic, intermittent, lumpy, or hardly_any."""
    known = (~np.isnan(demand)).sum(axis=1)
    sold = np.where(demand > 0, demand, np.nan)
    times = (~np.isnan(sold)).sum(axis=1)
    return [
        _class(float(known[row] / times[row]), sold[row][~np.isnan(sold[row])])
        if times[row] >= _LEAST_DAYS_WITH_DEMAND
        else "hardly_any"
        for row in range(len(demand))
    ]


def _class(interval: float, sold: Array) -> str:
    varies = float((sold.std() / sold.mean()) ** 2) >= _VARIATION_CUT
    if interval < _INTERVAL_CUT:
        return "erratic" if varies else "smooth"
    return "lumpy" if varies else "intermittent"


def models_of_classes(classes: Sequence[str], models: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Of each class, the model that forecasts most of its products, and how many it has."""
    counts: dict[str, Counter[str]] = {}
    for demand_class, model in zip(classes, models, strict=True):
        counts.setdefault(demand_class, Counter())[model] += 1
    return {
        name: (min(found, key=lambda model: (-found[model], model)), found.total())
        for name, found in sorted(counts.items())
    }

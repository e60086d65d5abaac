"""planning.demand_distributions as JSON and back: what policies need without the history."""

from typing import Any

import numpy as np

from orchestration.planning.forecasting import Accuracy, RatioTable, TotalDemand


def totals_to_json(totals: TotalDemand) -> dict[str, Any]:
    return {
        str(days): {
            "centres": np.round(table.centres, 6).tolist(),
            "ratios": np.round(table.ratios, 6).tolist(),
        }
        for days, table in totals.tables.items()
    }


def totals_from_json(stored: dict[str, Any]) -> TotalDemand:
    return TotalDemand(
        {
            int(days): RatioTable(np.array(table["centres"]), np.array(table["ratios"]))
            for days, table in stored.items()
        }
    )


def accuracy_to_json(accuracy: Accuracy) -> dict[str, Any]:
    """What was measured; what could not be is null."""
    return {
        "origins": accuracy.origins,
        "observations": accuracy.observations,
        "wape": _finite(accuracy.wape),
        "bias": _finite(accuracy.bias),
        "mase": _finite(accuracy.mase),
        **_finite({"coverage_80": accuracy.coverage_80, "coverage_95": accuracy.coverage_95}),
    }


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {
        name: round(float(value), 4) if np.isfinite(value) else None
        for name, value in values.items()
    }

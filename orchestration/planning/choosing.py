"""Which reading of demand the policy orders by: the one that cost least on the history's own past.

The policy itself is replayed over the last periods before the window, with each candidate in turn;
so what is compared is money and not a forecast's error, and nothing of the window is seen. A
candidate is taken only where it is clearly cheaper than what would be taken without it.
"""

from dataclasses import dataclass, replace

import numpy as np

from orchestration.planning.backtest import Window, replay, simulated
from orchestration.planning.rolling import Model, Period, has_season

# Without a past to choose by. Measured on the first half of a year of sales of a gift shop.
DEFAULTS: dict[Period, Model] = {
    "day": Model(smoothing=0.02),
    "week": Model(smoothing=0.1),
    "month": Model(smoothing=0.3),
}
_SMOOTHINGS: dict[Period, tuple[float, ...]] = {
    "day": (0.01, 0.04, 0.08),
    "week": (0.05, 0.2, 0.35),
    "month": (0.15, 0.5),
}
_SEASON_WEIGHTS = (0.5, 1.0)
_SPREADS = (0.5, 1.1)
# The past that is replayed, and what must lie before it.
_REPLAYED: dict[Period, int] = {"day": 91, "week": 52, "month": 24}
_BEFORE: dict[Period, int] = {"day": 91, "week": 26, "month": 12}
_CLEARLY = 0.01
_MOST_SERIES = 1_500


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The model taken, and the cost of each that was tried on the past, the default first."""

    model: Model
    tried: list[tuple[Model, float]]
    periods: int


def choose(window: Window) -> Choice:
    """The model whose orders cost least over the periods before the window."""
    period = window.history.period
    model = DEFAULTS[period]
    past = _past(window)
    if past is None:
        return Choice(model=model, tried=[], periods=0)
    counted_from = window.lead_time + window.review
    observed = past.history.exposure[:, past.first : past.first + past.periods] >= 1.0
    observed[:, :counted_from] = False
    tried: list[tuple[Model, float]] = []

    def cost(candidate: Model) -> float:
        happened = replay(past, simulated(past, candidate))
        held = happened.on_hand * past.holding_cost[:, None]
        charged = held + happened.lost * past.shortage_cost[:, None]
        total = float(np.nansum(np.where(observed, charged, 0.0)))
        tried.append((candidate, total))
        return total

    least = cost(model)
    seasons = _SEASON_WEIGHTS if has_season(past.history, past.first) else ()
    rounds = [
        [("season_weight", weight) for weight in seasons],
        [("smoothing", smoothing) for smoothing in _SMOOTHINGS[period]],
        [("spread", spread) for spread in _SPREADS],
    ]
    for changes in rounds:
        found = [(cost(candidate), candidate) for candidate in _changed(model, changes)]
        if found:
            cheapest, candidate = min(found, key=lambda pair: pair[0])
            if cheapest < (1 - _CLEARLY) * least:
                least, model = cheapest, candidate
    return Choice(model=model, tried=tried, periods=past.periods)


def _changed(model: Model, changes: list[tuple[str, float]]) -> list[Model]:
    return [replace(model, **{name: value}) for name, value in changes]


def _past(window: Window) -> Window | None:
    """The periods before the window as a window of their own, of at most _MOST_SERIES series."""
    period = window.history.period
    span = window.lead_time + window.review
    periods = min(_REPLAYED[period], window.first - max(_BEFORE[period], 2 * span))
    periods -= periods % window.review
    if periods < 2 * span + window.review:
        return None
    step = max(1, -(-len(window.on_hand) // _MOST_SERIES))
    history = window.history
    known = replace(
        history,
        demand=history.demand[::step, : window.first],
        exposure=history.exposure[::step, : window.first],
    )
    first = window.first - periods
    recent = known.demand[:, max(0, first - 8 * span) : first]
    seen = np.maximum((~np.isnan(recent)).sum(axis=1), 1)
    return replace(
        window,
        history=known,
        first=first,
        periods=periods,
        holding_cost=window.holding_cost[::step],
        shortage_cost=window.shortage_cost[::step],
        on_hand=np.ceil(np.nansum(recent, axis=1) / seen * span),
        arrivals=np.zeros((len(known.demand), 0)),
    )

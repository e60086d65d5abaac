"""The refresh: demand facts, forecasts, policies and suggestions, in one run and one process."""

import dagster as dg

# The replay of the past changes no plan, and takes its time once a week.
_REPLAYED = dg.AssetSelection.assets(["planning", "backtests"])
_EVERYTHING = dg.AssetSelection.all() - _REPLAYED

# A run's events, some thirty lines a step, are in the UI; the worker's log shows warnings only.
QUIET = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}

refresh = dg.define_asset_job(
    "refresh",
    selection=_EVERYTHING.without_checks(),
    executor_def=dg.in_process_executor,
    config=QUIET,
    description=(
        "Bring demand, forecasts and the restock plan up to one event position, for what moved. "
        "Leaves out the checks, which look at everything; the nightly one makes them."
    ),
)

full_refresh = dg.define_asset_job(
    "full_refresh",
    selection=_EVERYTHING | dg.AssetSelection.all_asset_checks(),
    executor_def=dg.in_process_executor,
    config=QUIET,
    description=(
        "The same for every product and site, with every check, those on the ledger included."
    ),
)

backtest = dg.define_asset_job(
    "backtest",
    selection=_REPLAYED,
    executor_def=dg.in_process_executor,
    config=QUIET,
    description="Replay the last weeks of every site with several policies.",
)

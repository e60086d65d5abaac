"""Everything that Dagster knows about Parstock: one asset graph, from the ledger to the alerts."""

from functools import cache
from pathlib import Path

import dagster as dg

from orchestration.resources import Database, Slack


@dg.definitions
@cache
def definitions() -> dg.Definitions:
    """The folder `defs/`, and what its assets and sensors reach the world through."""
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
        dg.Definitions(resources={"database": Database(), "slack": Slack()}),
    )

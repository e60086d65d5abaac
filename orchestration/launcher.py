"""Hand a run to the resident worker: Dagster's own table of runs is the queue, NOTIFY the bell.

A run that no worker has begun waits in STARTING; the worker (orchestration/worker.py) begins them
one after another. Whether it lives is asked of an advisory lock that it holds while it lives.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final

import dagster as dg
from dagster._config.config_schema import UserConfigSchema
from dagster._core.launcher.base import (
    CheckRunHealthResult,
    LaunchRunContext,
    RunLauncher,
    WorkerStatus,
)
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from db.connect import ORCHESTRATION_ROLE, connect

RUNS_CHANNEL: Final = "parstock_runs"
WORKER_LOCK_KEY: Final = 7_270_004
RUN_TAG: Final = "parstock/run_worker"
RUN_TAG_VALUE: Final = "warm"


class WarmRunLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """Leaves runs for the resident worker, which has everything imported already."""

    def __init__(self, database_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._database_url = database_url
        self._inst_data = inst_data
        super().__init__()  # type: ignore[no-untyped-call] # Dagster's base names no types

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {"database_url": dg.StringSource}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "WarmRunLauncher":
        return cls(database_url=config_value["database_url"], inst_data=inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        self._instance.add_run_tags(run.run_id, {RUN_TAG: RUN_TAG_VALUE})
        self._ring(run.run_id)

    def terminate(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        begun = run.status != dg.DagsterRunStatus.STARTING
        self._instance.report_run_canceling(run)
        if begun:
            self._ring(f"cancel {run_id}")
        else:
            self._instance.report_run_canceled(run, "Canceled before the worker began it.")
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the worker lives; one that starts fails what its predecessor left."""
        if run.tags.get(RUN_TAG) != RUN_TAG_VALUE:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "executed by other means")
        if self._worker_lives():
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the run worker is gone")

    def _ring(self, payload: str) -> None:
        with closing(self._connect()) as connection:
            connection.execute("select pg_notify(%s, %s)", (RUNS_CHANNEL, payload))

    def _worker_lives(self) -> bool:
        with closing(self._connect()) as connection:
            found = connection.execute(
                "select exists (select from pg_locks where locktype = 'advisory' and classid = 0"
                " and objid = %s and granted and database ="
                " (select oid from pg_database where datname = current_database()))",
                (WORKER_LOCK_KEY,),
            ).fetchone()
        return found is not None and bool(found[0])

    def _connect(self) -> Any:
        return connect(self._database_url, role=ORCHESTRATION_ROLE, autocommit=True)

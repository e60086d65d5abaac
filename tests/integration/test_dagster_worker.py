"""The warm worker: runs one after another, what is cut is said to have failed, the rest goes on."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.launcher.base import WorkerStatus

from db.connect import connect
from db.embedded import EmbeddedPostgres
from orchestration.settings import dagster_storage_url

_ROOT = Path(__file__).parents[2]
_RUNS_IN_A_ROW = 24
_WITHIN_S = 240.0
# The warm launcher asks no code server, so it needs no workspace.
_NO_WORKSPACE: Any = None


@pytest.fixture(scope="module")
def database_url(postgres: EmbeddedPostgres, template: str) -> str:
    """One database for all tests of the worker: to start one takes its time."""
    postgres.create_database("test_worker", template=template)
    return postgres.url("test_worker")


@pytest.fixture(scope="module")
def instance(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance as the program has it."""
    home = tmp_path_factory.mktemp("dagster")
    shutil.copy(_ROOT / "orchestration" / "dagster.yaml", home)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", str(home))
        environment.setenv("DATABASE_URL", database_url)
        environment.setenv("PARSTOCK_DAGSTER_POSTGRES_URL", dagster_storage_url(database_url))
        with dg.DagsterInstance.get() as instance:
            yield instance


@dataclass
class RunningWorker:
    """A worker process that can be killed and started again, as a supervisor does."""

    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            begun_at = output.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "orchestration.worker"],
                cwd=_ROOT,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
            )
        self.process = process
        wait_until(
            lambda: (
                b"run_worker_ready" in self.log.read_bytes()[begun_at:]
                or process.poll() is not None
            ),
            _WITHIN_S,
        )
        assert process.poll() is None, self.log.read_text()

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def worker(
    instance: dg.DagsterInstance, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningWorker]:
    """A worker that is ready; it ends at the first SIGTERM."""
    worker = RunningWorker(tmp_path_factory.mktemp("worker") / "worker.log")
    worker.start()
    yield worker
    assert worker.end(signal.SIGTERM) == 0, worker.log.read_text()


def wait_until(met: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.05)


def launch(instance: dg.DagsterInstance, job: str, *, only: dg.AssetKey | None = None) -> str:
    """Ask for a run as the daemon does."""
    repository = ReconstructableRepository.for_module(
        "orchestration.definitions", "definitions", working_directory=str(_ROOT)
    )
    recon_job = repository.get_reconstructable_job(job)
    run = instance.create_run_for_job(
        job_def=recon_job.get_definition(),
        job_code_origin=recon_job.get_python_origin(),
        asset_selection=None if only is None else frozenset({only}),
    )
    instance.launch_run(run.run_id, _NO_WORKSPACE)
    return run.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def is_in_its_step(instance: dg.DagsterInstance, run_id: str) -> bool:
    return bool(instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_START))


REFRESHES = dg.AssetKey(["planning", "refreshes"])


@contextmanager
def nobody_may_touch_the_refreshes(database_url: str) -> Iterator[None]:
    """A run of planning.refreshes waits as long as this lasts."""
    with closing(connect(database_url)) as blocker:
        blocker.execute("lock table planning.refreshes in access exclusive mode")
        yield


def test_dozens_of_runs_in_a_row_succeed_in_their_order(
    instance: dg.DagsterInstance, worker: RunningWorker
) -> None:
    asked_for = [launch(instance, "purge_old_runs") for _ in range(_RUNS_IN_A_ROW)]

    wait_until(lambda: status(instance, asked_for[-1]) == dg.DagsterRunStatus.SUCCESS, _WITHIN_S)

    records = {record.dagster_run.run_id: record for record in instance.get_run_records()}
    assert {status(instance, run_id) for run_id in asked_for} == {dg.DagsterRunStatus.SUCCESS}
    begun = [records[run_id].start_time or 0 for run_id in asked_for]
    assert begun == sorted(begun)
    steps = instance.all_logs(asked_for[0], of_type=dg.DagsterEventType.STEP_SUCCESS)
    assert [event.step_key for event in steps] == ["delete_old_runs"]


def test_a_failed_run_leaves_the_worker_to_the_next_one(
    instance: dg.DagsterInstance, worker: RunningWorker
) -> None:
    # No refresh is under way whose end this step could note.
    failing = launch(instance, "refresh", only=REFRESHES)
    after = launch(instance, "purge_old_runs")

    wait_until(lambda: status(instance, after) == dg.DagsterRunStatus.SUCCESS, _WITHIN_S)
    assert status(instance, failing) == dg.DagsterRunStatus.FAILURE


def test_a_canceled_run_ends_and_the_worker_goes_on(
    instance: dg.DagsterInstance, worker: RunningWorker, database_url: str
) -> None:
    with nobody_may_touch_the_refreshes(database_url):
        canceled = launch(instance, "refresh", only=REFRESHES)
        not_begun = launch(instance, "purge_old_runs")
        wait_until(lambda: status(instance, canceled) == dg.DagsterRunStatus.STARTED, _WITHIN_S)
        assert instance.run_launcher.terminate(not_begun)
        wait_until(lambda: is_in_its_step(instance, canceled), _WITHIN_S)
        assert instance.run_launcher.terminate(canceled)
        wait_until(lambda: status(instance, canceled) == dg.DagsterRunStatus.CANCELED, _WITHIN_S)
    after = launch(instance, "purge_old_runs")

    wait_until(lambda: status(instance, after) == dg.DagsterRunStatus.SUCCESS, _WITHIN_S)
    assert status(instance, not_begun) == dg.DagsterRunStatus.CANCELED
    assert instance.all_logs(not_begun, of_type=dg.DagsterEventType.STEP_START) == []


def test_a_run_cut_by_sigkill_is_failed_and_what_waits_is_executed_by_the_next_worker(
    instance: dg.DagsterInstance, worker: RunningWorker, database_url: str
) -> None:
    launcher = instance.run_launcher
    with nobody_may_touch_the_refreshes(database_url):
        cut = launch(instance, "refresh", only=REFRESHES)
        waiting = launch(instance, "purge_old_runs")
        wait_until(lambda: status(instance, cut) == dg.DagsterRunStatus.STARTED, _WITHIN_S)
        under_way = instance.get_run_by_id(cut)
        assert under_way is not None
        assert launcher.check_run_worker_health(under_way).status == WorkerStatus.RUNNING

        worker.end(signal.SIGKILL)

        wait_until(
            lambda: launcher.check_run_worker_health(under_way).status == WorkerStatus.NOT_FOUND,
            _WITHIN_S,
        )
    assert status(instance, waiting) == dg.DagsterRunStatus.STARTING

    worker.start()

    wait_until(lambda: status(instance, waiting) == dg.DagsterRunStatus.SUCCESS, _WITHIN_S)
    assert status(instance, cut) == dg.DagsterRunStatus.FAILURE

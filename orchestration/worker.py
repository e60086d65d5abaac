"""The resident run worker: everything imported once, one run after another (`python -m ...`).

A fresh interpreter needs eight seconds to load dbt, the forecaster and the definitions; here a run
begins at once, and its events, logs and lineage are recorded as those of any run. It crashes
rather than guesses: whoever supervises starts it again, and it then fails the run that was cut.
"""

import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Final

import dagster as dg
import psycopg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._grpc.impl import core_execute_run
from dagster._utils.hosted_user_process import recon_job_from_origin
from dagster._utils.interrupts import (
    capture_interrupts,
    check_captured_interrupt,
    pop_captured_interrupt,
)

from db.connect import ORCHESTRATION_ROLE, connect
from orchestration.definitions import definitions
from orchestration.launcher import RUN_TAG, RUN_TAG_VALUE, RUNS_CHANNEL, WORKER_LOCK_KEY
from orchestration.settings import settings

_LOG = logging.getLogger(__name__)

# What the definitions import only when they run.
_HEAVY: Final = ("statsforecast", "statsforecast.models", "dbt.cli.main", "dbt.adapters.postgres")
_LOOK_AGAIN_S: Final = 5.0
_LOOK_FOR_A_STOP_S: Final = 0.5
_LOCK_TIMEOUT: Final = "10s"

Connection = psycopg.Connection[tuple[Any, ...]]


class AnotherWorkerError(Exception):
    """Another run worker serves this database."""


class Worker:
    """Executes the runs that the launcher left, until it is told to stop."""

    def __init__(self, instance: dg.DagsterInstance, database_url: str) -> None:
        self._instance = instance
        self._database_url = database_url
        self._current: str | None = None
        self._canceled: str | None = None
        self._stopping = threading.Event()

    def serve(self) -> None:
        """Take runs in the order of their making; returns after SIGTERM or SIGINT."""
        with ExitStack() as stack:
            listener = stack.enter_context(closing(self._connect()))
            _take_worker_lock(listener)
            listener.execute(f"listen {RUNS_CHANNEL}".encode())
            stack.enter_context(self._cancellations())
            stack.enter_context(capture_interrupts())
            self._fail_what_was_cut()
            _LOG.info("run_worker_ready pid=%d", os.getpid())
            while not self._is_told_to_stop():
                run = self._next_run()
                if run is None:
                    self._wait(listener)
                elif not self._execute(run):
                    return

    def stop(self) -> None:
        """End the run under way as interrupted, and then this process."""
        self._stopping.set()
        os.kill(os.getpid(), signal.SIGINT)

    def _is_told_to_stop(self) -> bool:
        return self._stopping.is_set() or check_captured_interrupt()

    def _wait(self, listener: Connection) -> None:
        deadline = time.monotonic() + _LOOK_AGAIN_S
        while time.monotonic() < deadline and not self._is_told_to_stop():
            for _ in listener.notifies(timeout=_LOOK_FOR_A_STOP_S, stop_after=1):
                return

    def _next_run(self) -> dg.DagsterRun | None:
        waiting = self._instance.get_runs(
            dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING], tags={RUN_TAG: RUN_TAG_VALUE}),
            limit=1,
            ascending=True,
        )
        return waiting[0] if waiting else None

    def _execute(self, run: dg.DagsterRun) -> bool:
        """Execute one run to its end; False when this process was told to stop."""
        begun = time.monotonic()
        origin = run.job_code_origin
        if origin is None:
            self._instance.report_run_failed(run, "The run does not say where its code is.")
            return True
        self._current = run.run_id
        try:
            for _ in core_execute_run(
                recon_job_from_origin(origin), run, self._instance, inject_env_vars=True
            ):
                continue
        except DagsterExecutionInterruptedError:
            pop_captured_interrupt()
            return self._canceled == run.run_id and not self._stopping.is_set()
        except Exception:  # noqa: BLE001 # the edge: the run is marked failed, the worker goes on
            _LOG.exception("run_broke run_id=%s", run.run_id)
            _fail(self._instance, run.run_id, "The run broke outside of its own code.")
        finally:
            self._current = None
        ended = self._instance.get_run_by_id(run.run_id)
        _LOG.info(
            "run_ended run_id=%s job=%s status=%s seconds=%.2f",
            run.run_id,
            run.job_name,
            ended.status.value if ended else "deleted",
            time.monotonic() - begun,
        )
        return True

    def _fail_what_was_cut(self) -> None:
        """Runs that were under way when the last worker ended: nobody goes on with them."""
        for run in self._instance.get_runs(
            dg.RunsFilter(
                statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING],
                tags={RUN_TAG: RUN_TAG_VALUE},
            )
        ):
            _fail(self._instance, run.run_id, "The run worker ended while this run was under way.")

    @contextmanager
    def _cancellations(self) -> Iterator[None]:
        """Interrupt the run under way when somebody cancels it."""
        ended = threading.Event()
        thread = threading.Thread(target=self._watch_cancellations, args=(ended,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _watch_cancellations(self, ended: threading.Event) -> None:
        with closing(self._connect()) as connection:
            connection.execute(f"listen {RUNS_CHANNEL}".encode())
            while not ended.is_set():
                for notice in connection.notifies(timeout=_LOOK_FOR_A_STOP_S):
                    verb, _, run_id = notice.payload.partition(" ")
                    if verb == "cancel" and run_id == self._current:
                        self._canceled = run_id
                        os.kill(os.getpid(), signal.SIGINT)

    def _connect(self) -> Connection:
        return connect(self._database_url, role=ORCHESTRATION_ROLE, autocommit=True)


def _take_worker_lock(connection: Connection) -> None:
    """One worker a database; waits a little for the session of a killed one to end."""
    connection.execute("select set_config('lock_timeout', %s, false)", (_LOCK_TIMEOUT,))
    try:
        connection.execute("select pg_advisory_lock(%s)", (WORKER_LOCK_KEY,))
    except psycopg.errors.LockNotAvailable:
        raise AnotherWorkerError("Another run worker serves this database.") from None


def _fail(instance: dg.DagsterInstance, run_id: str, why: str) -> None:
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_failed(run, why)


def _warm_up() -> None:
    for name in _HEAVY:
        importlib.import_module(name)
    definitions().get_repository_def().get_all_jobs()


def main() -> None:
    """Serve with the instance of DAGSTER_HOME."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Dagster gives SIGTERM to whatever it runs just then, where it can get lost. Blocked here, in
    # every thread, it reaches the one that waits for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    _warm_up()
    with dg.DagsterInstance.get() as instance:
        worker = Worker(instance, settings().database_url)
        threading.Thread(target=_stop_at_sigterm, args=(worker,), daemon=True).start()
        try:
            worker.serve()
        except KeyboardInterrupt:
            _LOG.info("run_worker_stopped before it was ready")
        except AnotherWorkerError as refusal:
            sys.exit(str(refusal))


def _stop_at_sigterm(worker: Worker) -> None:
    signal.sigwait({signal.SIGTERM})
    worker.stop()


if __name__ == "__main__":
    main()

"""Keeps Parstock running: the database first, then the API, then everything else.

One a home (a file lock) and one a database (a session advisory lock on a connection of its own).
It never waits where it cannot be stopped: a signal only sets a flag, which every wait looks at.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType

import psycopg

from cli.admin import ensure_admin
from cli.database import embedded, queries, refuse_unreachable, start_embedded
from cli.home import Home, HomeTakenError, is_full
from cli.nightly import NightlyBackup
from cli.parts import (
    ROOT,
    Part,
    api_part,
    dagster_parts,
    environment,
    free_port,
    refuse_taken_ports,
    simulator_part,
)
from cli.processes import Child, Children, stop_orphans
from cli.settings import Settings, StartError
from cli.summary import addresses, summary
from db.connect import connect
from db.embedded import EmbeddedPostgres
from db.migrate import MigrationError, migrate

_TURN_S = 0.1
_ANSWER_WITHIN_S = 120.0
_FIRST_PLAN_WITHIN_S = 240.0
_DATABASE_CHECK_S = 1.0
_FULL_DISK_CHECK_S = 10.0
_FAILURES_AT_START = 3
_TOLD_EVERY_S = 15.0


class StopAskedError(Exception):
    """Someone asked the supervisor to stop while it was starting."""


class Supervisor:
    """One run of `parstock up`. `tell` shows progress, `show_once` what no file may keep."""

    def __init__(
        self,
        settings: Settings,
        *,
        tell: Callable[[str], None],
        show_once: Callable[[str], None],
        ready: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._home = Home(settings.home)
        self._tell = tell
        self._show_once = show_once
        self._ready = ready
        self._cluster: EmbeddedPostgres | None = None
        self._database_url = ""
        self._port: int | None = None
        self._lock: psycopg.Connection[tuple[object, ...]] | None = None
        self._children: Children | None = None
        self._nightly: NightlyBackup | None = None
        self._looked_at_database = 0.0
        self._database_failures = 0
        self._waits_for_room = False
        self._stop_asked = False

    def run(self) -> None:
        """Start everything, keep it running until a signal, stop it."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        with self._home.held():
            try:
                self._start()
                self._ready()
                while True:
                    self._turn()
            except StopAskedError:
                self._tell("stopping")
            finally:
                self._stop()
        self._tell("stopped; the data stay for the next start")

    def _start(self) -> None:
        self._say_state("starting")
        stop_orphans(self._home, self._tell)
        refuse_taken_ports(self._settings)
        self._start_database()
        self._hold_database()
        try:
            migrate(self._database_url, tell=self._tell)
        except MigrationError as error:
            raise StartError(str(error)) from error
        self._record_supervisor()
        made_password = ensure_admin(self._database_url, self._settings.admin_password)
        if made_password is not None:  # now, and again at the end: a start may be cut short
            self._show_once(_sign_in_with(made_password))
        code_port = free_port()
        shutil.copyfile(
            ROOT / "orchestration" / "dagster.yaml", self._home.dagster / "dagster.yaml"
        )
        self._children = Children(
            self._home,
            environment(
                self._settings,
                self._home,
                database_url=self._database_url,
                code_port=code_port,
                data_folder=None if self._cluster is None else self._cluster.data.parent,
            ),
            self._tell,
        )
        self._start_part(api_part(self._settings))
        self._tell(f"pages answer at {addresses(self._settings)['Staff pages']}")
        self._seed()
        for part in dagster_parts(self._settings, code_port=code_port):
            self._start_part(part)
        if self._settings.simulate > 0 and self._ask("has_simulated_site"):
            self._start_part(simulator_part())
        self._await_first_plan()
        self._back_up_at_night()
        self._say_state("ready")
        self._say_summary(made_password)

    def _back_up_at_night(self) -> None:
        """Only what is ours to keep: a server of DATABASE_URL has whoever keeps it."""
        if self._cluster is not None and self._settings.backups_kept > 0:
            hour = self._settings.backup_hour
            self._nightly = NightlyBackup(self._home, hour=hour, tell=self._tell)

    def _start_database(self) -> None:
        if self._settings.database_url is not None:
            refuse_unreachable(self._settings.database_url)
            self._database_url = self._settings.database_url
            return
        self._tell("starting the embedded PostgreSQL")
        self._cluster = embedded(self._settings, tell=self._tell)
        if not start_embedded(self._cluster, tell=self._tell):
            self._tell("the embedded PostgreSQL still runs; it is used again")
        self._port = self._cluster.port()
        self._database_url = self._cluster.url()

    def _hold_database(self) -> None:
        """Take the lock that makes this the only supervisor of the database."""
        connection = connect(self._database_url, autocommit=True)
        if _one(connection, "try_supervisor_lock"):
            self._lock = connection
            return
        with connection:
            other = None
            if _one(connection, "has_supervisor_table"):
                other = connection.execute(queries.other_supervisor.text.encode()).fetchone()
        who = "" if other is None else f" (process {other[0]} on {other[1]}, home {other[2]})"
        raise HomeTakenError(f"Another supervisor{who} already runs Parstock on this database.")

    def _record_supervisor(self) -> None:
        if self._lock is not None:
            self._lock.execute(
                queries.record_supervisor.text.encode(),
                {
                    "process_id": os.getpid(),
                    "host": socket.gethostname(),
                    "home": str(self._home.path),
                },
            )

    def _start_part(self, part: Part) -> None:
        """Start it and wait until it answers; a part that keeps ending is a failed start."""
        if self._children is None:
            raise RuntimeError("the parts start after the database")
        child = self._children.start(part)
        deadline = time.monotonic() + _ANSWER_WITHIN_S
        while part.answers is not None and not part.answers():
            self._turn()
            if child.failures >= _FAILURES_AT_START or time.monotonic() > deadline:
                raise StartError(self._why_not(child))

    def _why_not(self, child: Child) -> str:
        if self._children is None:
            return f"{child.part.name} does not start."
        log = self._children.log_of(child)
        tail = log.read_text("utf-8", "replace").splitlines()[-15:]
        return "\n".join([f"{child.part.name} does not start; {log} ends:", *tail])

    def _seed(self) -> None:
        if not self._settings.demo or not self._ask("wants_seed"):
            return
        self._tell("filling the empty database with a simulated arcade (PARSTOCK_DEMO=0: without)")
        log = self._home.logs / "seed.log"
        with log.open("wb") as file:
            seeding = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "seed"],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={**os.environ, "DATABASE_URL": self._database_url, "PYTHONUNBUFFERED": "1"},
                cwd=ROOT,
                start_new_session=True,
            )
        self._home.write_part("seed", seeding.pid)
        try:
            with log.open(encoding="utf-8", errors="replace") as lines:
                while seeding.poll() is None:
                    self._turn()
                    for line in lines:
                        self._tell(line.rstrip())
                for line in lines:
                    self._tell(line.rstrip())
            if seeding.returncode != 0:
                raise StartError("The simulated arcade could not be written (see above).")
        finally:
            seeding.terminate()
            seeding.wait()
            self._home.forget_part("seed")

    def _await_first_plan(self) -> None:
        """On a first run the plan takes a while; later ones have the plan of before."""
        if not self._ask("has_events"):
            return
        began_at = told_at = time.monotonic()
        while not self._ask("alerts_ready"):
            now = time.monotonic()
            if now - began_at > _FIRST_PLAN_WITHIN_S:
                self._tell("the first plan is late; it appears on the pages when it is there")
                return
            if told_at == began_at or now - told_at > _TOLD_EVERY_S:
                self._tell("waiting for the first forecast and restock plan")
                told_at = now
            self._turn(10)

    def _say_summary(self, made_password: str | None) -> None:
        lines = list(summary(self._settings, self._database_url))
        for line in lines:
            self._tell(line)
        self._tell("")
        if made_password is not None:
            self._show_once(_sign_in_with(made_password))
        elif self._settings.admin_password is not None:
            self._tell("  Sign in as admin, with the password of PARSTOCK_ADMIN_PASSWORD.")
        else:
            self._tell("  Sign in as admin, with the password of the first start")
            self._tell("  (PARSTOCK_ADMIN_PASSWORD=... at a start sets another).")

    def _ask(self, name: str) -> bool:
        with connect(self._database_url, autocommit=True) as connection:
            return _one(connection, name)

    def _turn(self, times: int = 1) -> None:
        """One short wait, in which whatever ended is started again."""
        for _ in range(times):
            if self._stop_asked:
                raise StopAskedError
            self._keep_database()
            if self._children is not None:
                self._children.tend()
            if self._nightly is not None:
                self._nightly.tend()
            time.sleep(_TURN_S)

    def _keep_database(self) -> None:
        now = time.monotonic()
        if now - self._looked_at_database < _DATABASE_CHECK_S:
            return
        self._looked_at_database = now
        self._keep_embedded()
        try:
            if self._lock is not None:
                self._lock.execute("select 1")
        except psycopg.OperationalError:
            self._lock = None
            self._tell("the connection to the database was lost; taking it up again")
        if self._lock is None:
            try:
                self._hold_database()
            except psycopg.OperationalError:
                return
            self._record_supervisor()

    def _keep_embedded(self) -> None:
        """Start it again on its old port, where all parts look for it."""
        if self._cluster is None or self._cluster.pid() is not None:
            return
        self._tell("the embedded PostgreSQL ended; starting it again")
        try:
            start_embedded(self._cluster, tell=self._tell, port=self._port)
        except StartError as error:  # its last backends may still be ending
            self._database_failures += 1
            if is_full(self._cluster.data.parent):
                self._wait_for_room()
            elif self._database_failures >= _FAILURES_AT_START:
                raise
            else:
                self._tell(error.message)
        else:
            self._database_failures = 0
            self._waits_for_room = False

    def _wait_for_room(self) -> None:
        """PostgreSQL cannot start on a full disk; it is tried again until it can."""
        if not self._waits_for_room:
            self._tell("the disk of the database is full: make room, and it goes on by itself")
        self._waits_for_room = True
        self._looked_at_database = time.monotonic() + _FULL_DISK_CHECK_S

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_asked = True

    def _stop(self) -> None:
        """The parts first, Postgres last; what ran before us and is not ours goes on."""
        self._say_state("stopping")
        if self._nightly is not None:
            self._nightly.stop()
        if self._children is not None:
            self._children.stop()
        if self._lock is not None:
            self._release()
        if self._cluster is not None:
            self._cluster.stop()
        self._home.forget_supervisor()

    def _release(self) -> None:
        if self._lock is None:
            return
        try:
            self._lock.execute(queries.forget_supervisor.text.encode())
        except psycopg.Error:
            self._tell("the database could not be told that its supervisor ends")
        self._lock.close()
        self._lock = None

    def _say_state(self, state: str) -> None:
        self._home.write_supervisor(state, addresses(self._settings))


def _sign_in_with(made_password: str) -> str:
    return f"  Sign in as admin, password {made_password} (shown only now)"


def _one(connection: psycopg.Connection[tuple[object, ...]], name: str) -> bool:
    """The one truth value that a named query answers."""
    row = connection.execute(getattr(queries, name).text.encode()).fetchone()
    return bool(row is not None and row[0])

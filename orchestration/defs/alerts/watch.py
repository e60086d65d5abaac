"""Wait for the ledger inside a sensor's tick, and let alerts and their messages follow at once.

The gap between two ticks of one sensor is up to five seconds, so two sensors run this: one serves,
the other waits for its turn, and the serving tick ends only when somebody waits to go on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import psycopg

from db.connect import ORCHESTRATION_ROLE, connect
from db.sql import load_queries
from orchestration.defs.alerts.evaluation import Evaluation, evaluate
from orchestration.defs.alerts.lives import wake
from orchestration.defs.alerts.sender import Sender
from orchestration.resources import Slack

_QUERIES = load_queries(__file__)
_CHANNELS: Final = ("parstock_ledger", "parstock_outbox", "parstock_refresh")

# A notification can be lost with its connection; the tables are looked at this often anyway.
_LOOK_AGAIN_S: Final = 5.0
_LOOK_FOR_RELIEF_S: Final = 0.5
# A busy ledger notifies many times a second; its groups are looked at together.
_REST_S: Final = 0.2

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Shift:
    """How long one tick lives: it hands over when it can, and ends when it must.

    Dagster gives up on a tick after 60 s.
    """

    hand_over_after_s: float = 25.0
    end_after_s: float = 45.0


@dataclass
class Served:
    """What one tick did."""

    evaluations: int = 0
    opened: int = 0
    ended: int = 0
    sent: int = 0

    @property
    def did_something(self) -> bool:
        return bool(self.opened or self.ended or self.sent)


def watch(
    database_url: str,
    slack: Slack,
    *,
    shift: Shift,
    report: Callable[[Evaluation, float | None], None],
) -> Served | None:
    """Serve until somebody else can; None when another tick had the turn all the time.

    `report` is told of each evaluation that changed something, and of the seconds since its event
    was recorded, after the messages of that evaluation went out.
    """
    begun = time.monotonic()
    with _connect(database_url) as listener:
        if not _take_turn(listener, wait_s=shift.end_after_s * 0.9):
            return None
        for channel in _CHANNELS:
            listener.execute(f"listen {channel}".encode())
        with _connect(database_url) as connection:
            served = Served()
            client = slack.get_client() if slack.bot_token else None
            channel = slack.to_channel if client else ""
            sender = Sender(connection, client, channel, pages=slack.pages)
            while True:
                pause_s = _serve_once(connection, sender, served, report)
                age_s = time.monotonic() - begun
                if age_s >= shift.end_after_s or (
                    age_s >= shift.hand_over_after_s and _is_relieved(connection)
                ):
                    return served
                _wait(listener, _longest_wait(shift, age_s, pause_s))


def _serve_once(
    connection: Connection,
    sender: Sender,
    served: Served,
    report: Callable[[Evaluation, float | None], None],
) -> float | None:
    wake(connection)
    looked = evaluate(connection)
    pause_s = sender.send_due()
    served.sent = sender.sent
    if looked is not None:
        served.evaluations += 1
        served.opened += looked.opened
        served.ended += looked.ended
        if looked.opened or looked.ended or looked.was_baseline:
            report(looked, _seconds_since_event(connection, looked.position))
    return pause_s


def _connect(database_url: str) -> Connection:
    return connect(database_url, role=ORCHESTRATION_ROLE, autocommit=True)


def _take_turn(listener: Connection, *, wait_s: float) -> bool:
    listener.execute("select set_config('lock_timeout', %s, false)", (f"{int(wait_s * 1000)}ms",))
    try:
        listener.execute(_QUERIES.take_alerts_turn.text)
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def _is_relieved(connection: Connection) -> bool:
    found = connection.execute(_QUERIES.somebody_waits_for_the_turn.text).fetchone()
    return bool(cast("tuple[Any, ...]", found)[0])


def _longest_wait(shift: Shift, age_s: float, pause_s: float | None) -> float:
    waits = [_LOOK_AGAIN_S, shift.end_after_s - age_s]
    if pause_s is not None:
        waits.append(pause_s)
    if age_s >= shift.hand_over_after_s:
        waits.append(_LOOK_FOR_RELIEF_S)
    else:
        waits.append(shift.hand_over_after_s - age_s)
    return max(min(waits), 0.01)


def _wait(listener: Connection, wait_s: float) -> None:
    for _ in listener.notifies(timeout=wait_s, stop_after=1):
        time.sleep(_REST_S)
    for _ in listener.notifies(timeout=0):
        continue


def _seconds_since_event(connection: Connection, position: int) -> float | None:
    found = connection.execute(_QUERIES.seconds_since_event.text, {"position": position}).fetchone()
    return None if found is None else float(found[0])

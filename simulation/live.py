"""`python -m simulation.live`: the simulated arcade goes on, over the HTTP API, in real time.

It acts only at simulated sites, with a device key that it makes for itself at each start and
revokes at its end; the key is neither printed nor stored. It runs at all hours.
"""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import numpy as np
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.database import DatabaseConnection, open_connection
from api.identity.errors import NameTaken
from api.identity.service import create_device_key
from api.log import EventLog, configure_logging
from db.sql import load_queries
from simulation.floor import Deed, Floor, Spot, Target

_queries = load_queries(__file__)
_log = EventLog("simulation.live")
_KEY_NAME = "simulator"
_NEW_PLAN_EVERY_S = 120.0
_LONGEST_PAUSE_S = 5.0
_REVOKED_WITHIN_S = 2.0
# The server starts, stops, is full, or went away as it was asked.
_UNREACHABLE = (
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
)


class LiveSettings(BaseSettings):
    """Where the arcade is, and how fast it lives."""

    model_config = SettingsConfigDict(populate_by_name=True, extra="ignore")

    database_url: str = Field(validation_alias="DATABASE_URL", min_length=1)
    api_url: str | None = Field(default=None, validation_alias="PARSTOCK_API_URL")
    api_port: int = Field(default=8000, validation_alias="PARSTOCK_API_PORT", ge=1, le=65535)
    events_a_minute: float = Field(
        default=10.0, validation_alias="PARSTOCK_SIMULATE", ge=0, le=60_000, allow_inf_nan=False
    )
    seed: int = Field(default=20, validation_alias="PARSTOCK_SIMULATE_SEED", ge=0)

    @property
    def address(self) -> str:
        return self.api_url or f"http://127.0.0.1:{self.api_port}"


class RefusedError(Exception):
    """The API understood an event and does not take it."""


class RelievedError(Exception):
    """The key was revoked: another simulator has taken over, or somebody wants none."""


async def live(settings: LiveSettings) -> None:
    """Go on until cancelled; the device key is revoked then."""
    async with _database(settings) as connection:
        spots = await _look_round(connection)
        targets = await _read_targets(connection)
        if not spots:
            _log.info("nothing_to_simulate")
            return
    try:
        key = await _take_over(settings)
        _log.info("simulating", events_a_minute=settings.events_a_minute, spots=len(spots))
        await _go_on(settings, key, Floor(spots, targets, seed=settings.seed))
    except (RelievedError, NameTaken):
        raise  # the key that bears the name now is another's
    except BaseException:
        with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            async with asyncio.timeout(_REVOKED_WITHIN_S), _database(settings) as connection:
                await connection.execute(_queries.retire_keys.positional)
        raise


async def _take_over(settings: LiveSettings) -> str:
    """A key of our own; that of a simulator before us is revoked.

    Who is told to stop while this commits cannot know whether there is a key: it is to be revoked.
    """
    async with _database(settings) as connection, connection.transaction():
        await connection.execute(_queries.retire_keys.positional)
        return await create_device_key(connection, _KEY_NAME)


@asynccontextmanager
async def _database(settings: LiveSettings) -> AsyncIterator[DatabaseConnection]:
    """A connection for a moment: the database may be restarted while the arcade goes on."""
    connection = await _connect(settings.database_url)
    try:
        yield connection
    finally:
        connection.terminate()


async def _connect(database_url: str) -> "asyncpg.Connection[asyncpg.Record]":
    while True:
        try:
            return await open_connection(database_url, settings={}, connect_timeout_s=5.0)
        except (OSError, *_UNREACHABLE) as error:
            _log.warning("database_not_reached", reason=str(error))
            await asyncio.sleep(1.0)


async def _look_round(connection: DatabaseConnection) -> list[Spot]:
    rows = await connection.fetch(_queries.find_simulated_levels.positional)
    return [
        Spot(
            sku=row["sku"],
            location=row["location"],
            on_hand=row["on_hand"],
            sales=row["sales"],
            selling=row["selling"],
            periodic=row["periodic"],
            refilled_from=row["refilled_from"],
        )
        for row in rows
    ]


async def _read_targets(connection: DatabaseConnection) -> dict[str, Target]:
    return {
        row["sku"]: Target(
            reorder_point=row["reorder_point"],
            selling_minimum=row["selling_minimum"],
            refill_minimum=row["refill_minimum"],
            pack_size=row["pack_size"],
        )
        for row in await connection.fetch(_queries.find_targets.positional)
    }


async def _go_on(settings: LiveSettings, key: str, floor: Floor) -> None:
    rng = np.random.default_rng([settings.seed, 5])
    planned_at = time.monotonic()
    async with httpx.AsyncClient(
        base_url=settings.address, headers={"Authorization": f"Bearer {key}"}, timeout=10.0
    ) as client:
        while True:
            await asyncio.sleep(float(rng.exponential(60.0 / settings.events_a_minute)))
            if time.monotonic() - planned_at > _NEW_PLAN_EVERY_S:
                planned_at = time.monotonic()
                await _follow_the_plan(settings, floor)
            await _act(client, floor)


async def _follow_the_plan(settings: LiveSettings, floor: Floor) -> None:
    try:
        async with _database(settings) as connection:
            floor.aim(await _read_targets(connection))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        _log.warning("plan_not_read", reason=str(error))


async def _act(client: httpx.AsyncClient, floor: Floor) -> None:
    """One deed, unless somebody else turns out to be working on the product."""
    deed = floor.next_deed()
    if deed is None:
        return
    try:
        levels = await _send(client, "GET", "/v1/stock-levels", params={"sku": deed.sku})
        held = [(row["location"], row["on_hand"]) for row in levels["items"]]
        if not floor.hear(deed.sku, held):
            _log.info("left_alone", sku=deed.sku)
            return
        body = _event(deed)
        answer = await _send(client, "POST", "/v1/inventory-events", json=body)
    except RefusedError as refused:
        _log.warning("refused", kind=deed.kind, sku=deed.sku, reason=str(refused))
        return
    floor.settle(deed, [(row["location"], row["on_hand"]) for row in answer["stock_levels"]])


def _event(deed: Deed) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    body: dict[str, Any] = {
        "event_id": str(uuid4()),
        "event_type": deed.kind,
        "sku": deed.sku,
        "location": deed.location,
        "occurred_at": now,
        "sent_at": now,
        "source": "simulation",
    }
    body["quantity_change" if deed.kind == "adjusted" else "quantity"] = deed.quantity
    if deed.reason is not None:
        body["reason"] = deed.reason
    if deed.to_location is not None:
        body["to_location"] = deed.to_location
    return body


async def _send(client: httpx.AsyncClient, method: str, path: str, **content: Any) -> Any:
    """Ask until there is an answer, blindly: the event_id makes a repeat count once."""
    pause = 0.1
    while True:
        try:
            answer = await client.request(method, path, **content)
        except httpx.TransportError as error:
            _log.warning("api_not_reached", reason=type(error).__name__)
        else:
            if answer.is_success:
                return answer.json()
            if answer.status_code == 401:
                raise RelievedError(answer.text[:300])
            if answer.status_code < 500 and answer.status_code != 429:
                raise RefusedError(f"{answer.status_code} {answer.text[:300]}")
            _log.warning("api_not_ready", status=answer.status_code)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)


async def _until_told_to_stop(settings: LiveSettings) -> None:
    task = asyncio.create_task(live(settings))
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        _log.info("stopped")
    except RelievedError as relieved:
        _log.warning("key_revoked", reason=str(relieved))


def main() -> int:
    """0 when there is nothing to do or it was told to stop, 2 for a malformed setting."""
    try:
        settings = LiveSettings.model_validate({})
    except ValidationError as error:
        for problem in error.errors():
            sys.stderr.write(f"{problem['loc'][0]} is malformed: {problem['msg'].lower()}.\n")
        return 2
    configure_logging("INFO")
    if settings.events_a_minute == 0:
        return 0
    asyncio.run(_until_told_to_stop(settings))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

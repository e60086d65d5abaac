"""Connections that act as the API's role, each with its timeouts."""

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from db.connect import API_ROLE

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    DatabaseConnection: TypeAlias = (
        asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    )
    DatabasePool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    DatabaseConnection = asyncpg.Connection
    DatabasePool = asyncpg.Pool


async def open_connection(
    database_url: str, *, settings: dict[str, str], connect_timeout_s: float
) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection outside the pool."""
    connection = await asyncpg.connect(
        database_url, timeout=connect_timeout_s, server_settings={"application_name": "parstock"}
    )
    try:
        await _act_as_the_api(connection, settings)
    except BaseException:
        connection.terminate()
        raise
    return connection


def make_pool(
    database_url: str, *, size: int, connect_timeout_s: float, statement_timeout_s: float
) -> DatabasePool:
    """A pool that has yet to be opened (`async with`), so that it may outwait the database."""
    settings = {
        "statement_timeout": _milliseconds(statement_timeout_s),
        "lock_timeout": _milliseconds(statement_timeout_s),
        "idle_in_transaction_session_timeout": _milliseconds(2 * statement_timeout_s),
        # A list whose filters are optional is planned for those that were given.
        "plan_cache_mode": "force_custom_plan",
    }

    async def init(connection: Any) -> None:
        await _act_as_the_api(connection, settings)

    return asyncpg.create_pool(
        database_url,
        min_size=0,
        max_size=size,
        timeout=connect_timeout_s,
        command_timeout=statement_timeout_s + 5,
        init=init,
        reset=_roll_back_what_is_open,
        server_settings={"application_name": "parstock"},
    )


async def say_who_acts(connection: DatabaseConnection, actor_id: int) -> None:
    """Name the actor of this transaction, for the log of changes of master data."""
    await connection.execute(
        "select set_config('parstock.actor_id', $1::text, true)", str(actor_id)
    )


async def _act_as_the_api(connection: Any, settings: dict[str, str]) -> None:
    values = {"role": API_ROLE, "timezone": "UTC", **settings}
    await connection.execute(
        "select set_config(name, value, false)"
        " from unnest($1::text[], $2::text[]) as settings (name, value)",
        list(values),
        list(values.values()),
    )
    await connection.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
    )


async def _roll_back_what_is_open(connection: Any) -> None:
    # Nothing else of a session is ever changed, so asyncpg's own reset would be a round trip
    # for nothing at each request.
    if connection.is_in_transaction():
        await connection.execute("rollback")


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))

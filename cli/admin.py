"""The first user, and device keys: what the identity service does, done from a verb."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import SecretStr

from api.database import DatabaseConnection, open_connection
from api.identity import service

_Answer = TypeVar("_Answer")
_CONNECT_TIMEOUT_S = 10.0


def ensure_admin(database_url: str, password: SecretStr | None) -> str | None:
    """Make the user `admin` unless it is there; answers the password that was made up for it."""
    wanted = None if password is None else password.get_secret_value()
    return asyncio.run(_with_connection(database_url, lambda it: service.ensure_admin(it, wanted)))


def create_device_key(database_url: str, name: str) -> str:
    """A new key for a device; only its hash is kept."""
    return asyncio.run(
        _with_connection(database_url, lambda it: service.create_device_key(it, name))
    )


async def _with_connection(
    database_url: str, work: Callable[[DatabaseConnection], Awaitable[_Answer]]
) -> _Answer:
    connection = await open_connection(
        database_url, settings={}, connect_timeout_s=_CONNECT_TIMEOUT_S
    )
    try:
        return await work(connection)
    finally:
        await connection.close()

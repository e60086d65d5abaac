"""Devices as an admin keeps them: a key is shown once, and never again."""

import asyncpg

from api.database import DatabaseConnection
from api.identity.errors import UnknownDevice
from api.identity.schemas import Device
from api.identity.service import fetch, hash_secret, new_device_key, note, queries


async def list_devices(
    connection: DatabaseConnection, *, after: str | None, limit: int
) -> list[Device]:
    """Devices in order of their names, those with a revoked key too."""
    rows = await fetch(connection, queries.list_devices, name=None, after=after, limit=limit)
    return [_device(row) for row in rows]


async def read_device(connection: DatabaseConnection, name: str) -> Device:
    return _device(await _find(connection, name))


async def renew_key(
    connection: DatabaseConnection, name: str, *, changed_by: int
) -> tuple[str, int]:
    """Another key for the same device; the one before stops, a revoked one is in use again."""
    key = new_device_key()
    actor_id: int = (await _find(connection, name))["actor_id"]
    await fetch(connection, queries.renew_key, actor_id=actor_id, key_hash=hash_secret(key))
    await note(connection, "device_key_renewed", actor_id, changed_by)
    return key, actor_id


async def revoke(connection: DatabaseConnection, name: str, *, changed_by: int) -> int:
    """The key stops; saying so twice changes nothing. Answers the actor_id."""
    row = await _find(connection, name)
    actor_id: int = row["actor_id"]
    if row["revoked_at"] is None:
        await fetch(connection, queries.revoke_key, actor_id=actor_id)
        await note(connection, "device_revoked", actor_id, changed_by)
    return actor_id


async def _find(connection: DatabaseConnection, name: str) -> asyncpg.Record:
    found = await fetch(connection, queries.list_devices, name=name, after=None, limit=1)
    if not found:
        raise UnknownDevice(name)
    return found[0]


def _device(row: asyncpg.Record) -> Device:
    return Device(**{name: row[name] for name in Device.model_fields})

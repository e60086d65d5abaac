"""/v1/devices, for admins."""

from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from api.deps import Admin, Connection, ReadingConnection
from api.identity import machines
from api.identity.schemas import Device, DeviceKey, NewDevice
from api.identity.service import create_device_key
from api.pagination import Page, PagingQuery, page_of
from api.text import SoughtCode

router = APIRouter(prefix="/devices")


@router.get("")
async def list_devices(
    connection: ReadingConnection, actor: Admin, paging: PagingQuery
) -> Page[Device]:
    """Every device, in order of their names; never a key."""
    (after,) = paging.after(str) or (None,)
    rows = await machines.list_devices(connection, after=after, limit=paging.limit + 1)
    items, cursor = page_of(rows, paging.limit, lambda device: (device.name,))
    return Page(items=items, next_cursor=cursor)


@router.get("/{name}")
async def get_device(name: SoughtCode, connection: ReadingConnection, actor: Admin) -> Device:
    """One device."""
    return await machines.read_device(connection, name)


@router.post("", status_code=201, responses={409: {"description": "The name is taken"}})
async def create_device(
    new: NewDevice, connection: Connection, actor: Admin, response: Response
) -> DeviceKey:
    """Make a device and its key, which this answer alone shows; if it is lost, renew the key."""
    key = await create_device_key(
        connection,
        new.name,
        scopes=new.scopes,
        sites=new.sites,
        expires_at=new.expires_at,
        changed_by=actor.actor_id,
    )
    response.headers["Location"] = f"/v1/devices/{quote(new.name, safe='')}"
    return _shown_once(response, new.name, key)


@router.post("/{name}/key")
async def renew_key(
    name: SoughtCode, request: Request, connection: Connection, actor: Admin, response: Response
) -> DeviceKey:
    """Another key for the device; the one before stops."""
    key, actor_id = await machines.renew_key(connection, name, changed_by=actor.actor_id)
    request.app.state.actors.forget_actor(actor_id)
    return _shown_once(response, name, key)


@router.delete("/{name}", status_code=204)
async def revoke_device(
    name: SoughtCode, request: Request, connection: Connection, actor: Admin
) -> None:
    """Revoke the key: here at once, in other processes within seconds."""
    actor_id = await machines.revoke(connection, name, changed_by=actor.actor_id)
    request.app.state.actors.forget_actor(actor_id)


def _shown_once(response: Response, name: str, key: str) -> DeviceKey:
    response.headers["Cache-Control"] = "no-store"
    return DeviceKey(name=name, key=key)

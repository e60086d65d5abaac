"""GET /healthz: this process turns. GET /readyz: it can serve, since the database is there."""

import asyncio
from functools import cache

import asyncpg
from fastapi import APIRouter, Request
from pydantic import BaseModel

from api.problems import Unavailable
from db.migrate import migrations

router = APIRouter(tags=["health"])
_PATIENCE_S = 3.0


class Health(BaseModel):
    status: str


class NotReady(Unavailable):
    slug = "not-ready"
    title = "Not ready yet"


@router.get("/healthz")
async def get_health(request: Request) -> Health:
    """Whether the process turns, the ledger's writer too."""
    if not request.app.state.ledger.writer.turns:
        raise NotReady("The ledger's writer does not turn.", retry_after_s=5)
    return Health(status="ok")


@router.get("/readyz")
async def get_readiness(request: Request) -> Health:
    """Whether the database is there and at this version's schema."""
    try:
        async with asyncio.timeout(_PATIENCE_S), request.app.state.pool.acquire() as connection:
            done = await connection.fetchval("select max(number) from parstock.migrations")
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        done = None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise NotReady("The database does not answer.", retry_after_s=2) from error
    if done is None or done < _newest_migration():
        raise NotReady("The database is not migrated yet.", retry_after_s=2)
    return Health(status="ok")


@cache
def _newest_migration() -> int:
    return max(migration.number for migration in migrations())

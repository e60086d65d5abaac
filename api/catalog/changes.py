"""The log of changes of master data, as it is read."""

from collections.abc import Iterable
from datetime import datetime

from api.catalog.kinds import parts
from api.catalog.schemas import Change
from api.catalog.writing import fetch
from api.database import DatabaseConnection


async def list_changes(
    connection: DatabaseConnection,
    *,
    before_id: int | None = None,
    entity: str | None = None,
    code: str | None = None,
    by: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
) -> list[Change]:
    """The changes that match, the newest first."""
    rows = await fetch(
        connection,
        parts.list_changes,
        before_id=before_id,
        entity=entity,
        code=code,
        by=by,
        since=since,
        until=until,
        limit=limit,
    )
    return [Change(**dict(row)) for row in rows]


async def list_changes_of(
    connection: DatabaseConnection, named: Iterable[tuple[str, str]], *, limit: int
) -> list[Change]:
    """The changes of some rows, each named by entity and code; the newest first."""
    entities, codes = zip(*named, strict=True)
    rows = await fetch(
        connection,
        parts.list_changes_of,
        entities=list(entities),
        codes=list(codes),
        limit=limit,
    )
    return [Change(**dict(row)) for row in rows]

"""Which refresh a run belongs to: up to which event it reads, and from where it goes on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import dagster as dg
import psycopg

from orchestration.resources import Database

REFRESH_ID_TAG = "parstock/refresh_id"

_ASKED_FOR = """
select refresh_id, scope, from_position, to_position, started_at
from planning.refreshes
where refresh_id = %(refresh_id)s
"""

# A run started by hand has no refresh yet; its first asset makes one, the next ones find it.
_BY_HAND = """
with

made as (

    insert into planning.refreshes (scope, from_position, to_position, dagster_run_id)
    select 'full', 0, coalesce(max(position), 0), %(run_id)s
    from ledger.inventory_events
    having not exists (
        select 1 from planning.refreshes where dagster_run_id = %(run_id)s
    )
    returning refresh_id, scope, from_position, to_position, started_at

)

select * from made
union all
select refresh_id, scope, from_position, to_position, started_at
from planning.refreshes
where dagster_run_id = %(run_id)s
order by refresh_id desc
limit 1
"""


@dataclass(frozen=True)
class Refresh:
    """One row of planning.refreshes. All that a run does is a function of it and the ledger."""

    refresh_id: int
    scope: Literal["full", "incremental"]
    from_position: int
    to_position: int
    started_at: datetime

    @property
    def is_full(self) -> bool:
        return self.scope == "full"


def read_refresh(context: dg.AssetExecutionContext, database: Database) -> Refresh:
    """The refresh that asked for this run; a run started by hand makes a full one of its own."""
    refresh_id = context.run.tags.get(REFRESH_ID_TAG)
    with database.connect() as connection:
        if refresh_id is None:
            row = _first(connection, _BY_HAND, {"run_id": context.run.run_id})
        else:
            row = _first(connection, _ASKED_FOR, {"refresh_id": int(refresh_id)})
    if row is None:
        raise dg.Failure(f"There is no refresh {refresh_id} in planning.refreshes.")
    return Refresh(*row)


def _first(
    connection: psycopg.Connection[tuple[Any, ...]], statement: str, values: dict[str, object]
) -> tuple[Any, ...] | None:
    return connection.execute(statement.encode(), values).fetchone()

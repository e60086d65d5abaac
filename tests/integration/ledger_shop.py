"""A shop whose ledger tests write: two products, three places at one site, one at another."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg

from api.catalog.schemas import Location, Product, Site
from api.catalog.service import upsert_locations, upsert_products, upsert_sites
from api.database import make_pool
from api.identity.service import create_device_key, system_actor
from api.ledger.events import AnyEvent, inventory_event
from api.ledger.service import Ledger, open_ledger
from api.settings import LedgerSettings
from db.connect import API_ROLE, connect
from db.embedded import EmbeddedPostgres

BEAR, DUCK = "BEAR", "DUCK"
CLAW, SHELF, BACK, ELSEWHERE = "CLAW-01", "SHELF-01", "BACK-01", "FAR-01"
Answer = TypeVar("Answer")

BROKEN_BALANCES = """
select level.product_id, level.location_id, lot_id, level.on_hand, moved.on_hand, moved.last_after
from ledger.stock_levels as level
full join (
    select
        product_id, location_id, lot_id,
        sum(on_hand_change)::bigint as on_hand,
        sum(reserved_change)::bigint as reserved,
        (array_agg(on_hand_after order by position desc, leg desc))[1] as last_after,
        (array_agg(reserved_after order by position desc, leg desc))[1] as last_reserved_after,
        max(position) as version
    from ledger.movements
    group by product_id, location_id, lot_id
) as moved using (product_id, location_id, lot_id)
where (level.on_hand, level.on_hand, level.reserved, level.reserved) is distinct from (
    coalesce(moved.on_hand, 0), coalesce(moved.last_after, 0),
    coalesce(moved.reserved, 0), coalesce(moved.last_reserved_after, 0)
) or level.version < moved.version
union all
select level.product_id, level.location_id, null, level.on_hand, moved.on_hand, moved.version
from (
    select
        product_id, location_id, sum(on_hand)::bigint as on_hand,
        sum(reserved)::bigint as reserved, max(version) as version
    from ledger.stock_levels
    group by product_id, location_id
) as level
full join (
    select distinct on (product_id, location_id)
        product_id, location_id, place_on_hand_after as on_hand,
        place_reserved_after as reserved, position as version
    from ledger.movements
    order by product_id, location_id, position desc, leg desc
) as moved using (product_id, location_id)
where (level.on_hand, level.reserved, level.version) is distinct from (
    coalesce(moved.on_hand, 0), coalesce(moved.reserved, 0), coalesce(moved.version, 0)
)
"""


def furnish(database_url: str) -> str:
    """Make the shop; answers a device key."""

    async def make() -> str:
        pool = make_pool(database_url, size=1, connect_timeout_s=10, statement_timeout_s=10)
        async with pool, pool.acquire() as connection:
            await upsert_sites(
                connection, [Site(code="near", name="Near"), Site(code="far", name="Far")]
            )
            await upsert_locations(
                connection,
                [
                    Location(code=BACK, site="near", kind="back room"),
                    Location(code=CLAW, site="near", kind="claw machine", refilled_from=BACK),
                    Location(code=SHELF, site="near", kind="shelf", refilled_from=BACK),
                    Location(code=ELSEWHERE, site="far", kind="shelf"),
                ],
            )
            await upsert_products(
                connection, [Product(sku=BEAR, name="Plush bear"), Product(sku=DUCK, name="Duck")]
            )
            return await create_device_key(connection, "till-1")

    return asyncio.run(make())


@contextmanager
def shared_shop(postgres: EmbeddedPostgres, template: str) -> Iterator[tuple[str, str]]:
    """A shop for tests that leave nothing behind: its database and a device key."""
    name = f"shared_{uuid4().hex}"
    postgres.create_database(name, template=template)
    yield postgres.url(name), furnish(postgres.url(name))
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("drop database {} with (force)").format(psycopg.sql.Identifier(name))
        )


def row(event_type: str = "received", **fields: Any) -> dict[str, Any]:
    """An event as a client sends it; a field that is `...` is left out."""
    made = {
        "event_id": str(uuid4()),
        "event_type": event_type,
        "sku": BEAR,
        "location": CLAW,
        "quantity": 1,
        "occurred_at": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
        **fields,
    }
    return {name: value for name, value in made.items() if value is not ...}


def event(event_type: str = "received", **fields: Any) -> AnyEvent:
    """An event as Python records it."""
    return inventory_event.validate_python(row(event_type, **fields))


@asynccontextmanager
async def recording(
    database_url: str, **settings: Any
) -> AsyncIterator[tuple[Ledger, Callable[[AnyEvent], Coroutine[Any, Any, Any]]]]:
    """A ledger, and a function that records one event in it."""
    async with open_ledger(database_url, settings=LedgerSettings(**settings)) as ledger:
        actor_id = await actor(database_url)

        async def record(given: AnyEvent) -> Any:
            return await ledger.record(given, recorded_by=actor_id)

        yield ledger, record


async def actor(database_url: str) -> int:
    pool = make_pool(database_url, size=1, connect_timeout_s=10, statement_timeout_s=10)
    async with pool, pool.acquire() as connection:
        return await system_actor(connection, "tests")


def query(database_url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(statement, values).fetchall()


def execute(database_url: str, statement: str, *values: Any) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(statement, values)


def on_hand(database_url: str, location: str = CLAW, sku: str = BEAR) -> int:
    [(held,)] = query(
        database_url,
        "select coalesce(sum(on_hand), 0)::bigint from ledger.stock_levels"
        " join catalog.products using (product_id) join catalog.locations using (location_id)"
        " where sku = %s and locations.code = %s",
        sku,
        location,
    )
    return int(held)


def event_ids(database_url: str) -> list[UUID]:
    rows = query(database_url, "select event_id from ledger.inventory_events order by position")
    return [event_id for (event_id,) in rows]


def assert_balanced(database_url: str) -> None:
    """Balance = sum of movements everywhere, and positions have no gap."""
    with psycopg.connect(database_url) as connection:
        assert_balanced_on(connection)


def assert_balanced_on(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    assert connection.execute(BROKEN_BALANCES).fetchall() == []
    [(count, last)] = connection.execute(
        "select count(*), coalesce(max(position), 0) from ledger.inventory_events"
    ).fetchall()
    assert count == last


def hold_the_lock(database_url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Another writer that sits on the ledger's lock until it is closed."""
    connection = connect(database_url, role=API_ROLE)
    connection.execute("select pg_advisory_xact_lock(ledger.lock_key())")
    return connection

"""A shop of one site for tests: two products, a claw machine that sells, a back room behind it."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg

from db.connect import connect

BEAR, DUCK = "BEAR-1", "DUCK-1"
CLAW, BACK = "CLAW-01", "BACK-01"

_CATALOG = """
insert into catalog.suppliers (code, name, lead_time_days) values ('toys', 'Toys Ltd', 5);
insert into catalog.sites (code, name, time_zone) values ('riverside', 'Riverside', 'UTC');
insert into catalog.locations (code, site_id, kind, name, selling)
select 'BACK-01', site_id, 'back_room', 'Back room', false from catalog.sites;
insert into catalog.locations
(code, site_id, kind, name, selling, refilled_from_location_id)
select 'CLAW-01', site_id, 'claw_machine', 'Claw machine 1', true, location_id
from catalog.locations;
insert into catalog.products (sku, name, supplier_id, pack_size)
select made.sku, made.name, supplier_id, 12
from
    catalog.suppliers,
    (values ('BEAR-1', 'Plush bear'), ('DUCK-1', 'Rubber duck')) as made (sku, name);
insert into identity.actors (kind) values ('system');
"""

_RECORD = """
with placed as (
    select
        (select coalesce(max(position), 0) + 1 from ledger.inventory_events) as position,
        (select product_id from catalog.products where sku = %(sku)s) as product_id,
        (select location_id from catalog.locations where code = %(location)s) as location_id,
        (select min(actor_id) from identity.actors) as actor_id
),
event as (
    insert into ledger.inventory_events (
        position, event_id, recorded_at, occurred_at, event_type,
        product_id, location_id, recorded_by, quantity
    )
    select
        position, %(event_id)s, clock_timestamp(), now(),
        (case when %(change)s < 0 then 'sold' else 'received' end)::ledger.event_type,
        product_id, location_id, actor_id, abs(%(change)s)
    from placed
),
level as (
    insert into ledger.stock_levels as levels
    (product_id, location_id, on_hand, version, last_moment, settled_moment)
    select
        product_id, location_id, greatest(%(change)s, 0), position,
        (extract(epoch from now()) * 1000000)::bigint * 4 + 1,
        (extract(epoch from now()) * 1000000)::bigint * 4 + 1
    from placed
    on conflict (product_id, location_id, lot_id) do update
    set
        on_hand = levels.on_hand + %(change)s,
        version = excluded.version,
        last_moment = excluded.last_moment,
        settled_moment = excluded.settled_moment
    returning levels.on_hand
)
insert into ledger.movements (
    position, leg, product_id, location_id,
    on_hand_change, on_hand_after, place_on_hand_after
)
select
    placed.position, 0, placed.product_id, placed.location_id,
    %(change)s, level.on_hand, level.on_hand
from placed, level
returning position
"""

_POLICY = """
insert into planning.policies (
    product_id, site_id, lead_time_days, review_period_days, service_level, mean_daily_demand,
    reorder_point, order_up_to_level, selling_minimum, refill_minimum,
    pack_size, minimum_order_quantity, arithmetic, refresh_id
)
select
    product_id, site_id, 5, 7, 0.95, 4, %(reorder_point)s, %(order_up_to_level)s,
    %(selling_minimum)s, %(refill_minimum)s, 12, 12, '{}', %(refresh_id)s
from catalog.products, catalog.sites where sku = %(sku)s
on conflict (product_id, site_id) do update set
    reorder_point = excluded.reorder_point,
    order_up_to_level = excluded.order_up_to_level,
    selling_minimum = excluded.selling_minimum,
    refill_minimum = excluded.refill_minimum,
    refresh_id = excluded.refresh_id
"""


@dataclass(frozen=True)
class SmallShop:
    """Hands that move stock in the way that the ledger's writer does, and plan it."""

    database_url: str

    def open(self) -> None:
        with self._connect() as connection:
            connection.execute(_CATALOG)

    def move(self, sku: str, location: str, change: int) -> int:
        """Record one event and answer its position."""
        with self._connect() as connection:
            connection.execute("select pg_advisory_xact_lock(ledger.lock_key())")
            found = connection.execute(
                _RECORD,
                {"sku": sku, "location": location, "change": change, "event_id": uuid4()},
            ).fetchone()
            assert found is not None
            connection.execute("select pg_notify('parstock_ledger', %s)", (str(found[0]),))
        return int(found[0])

    def plan(
        self,
        sku: str,
        *,
        reorder_point: int = 40,
        order_up_to_level: int = 60,
        selling_minimum: int = 20,
        refill_minimum: int = 5,
    ) -> None:
        """Store a policy by a refresh that succeeded."""
        with self._connect() as connection:
            found = connection.execute(
                "insert into planning.refreshes"
                " (scope, from_position, to_position, finished_at, status)"
                " select 'full', 0, coalesce(max(position), 0), now(), 'succeeded'"
                " from ledger.inventory_events returning refresh_id"
            ).fetchone()
            assert found is not None
            connection.execute(
                _POLICY,
                {
                    "sku": sku,
                    "reorder_point": reorder_point,
                    "order_up_to_level": order_up_to_level,
                    "selling_minimum": selling_minimum,
                    "refill_minimum": refill_minimum,
                    "refresh_id": found[0],
                },
            )
            connection.execute("select pg_notify('parstock_refresh', '')")

    def acknowledge(self, alert_id: object, *, by: str | None = None) -> None:
        self._tell("acknowledged", alert_id, by)

    def resolve(self, alert_id: object) -> None:
        self._tell("resolved", alert_id)

    def alerts(self) -> list[tuple[Any, ...]]:
        """(kind, sku, status, is_baseline, message, recommendation), in order of opening."""
        return self.rows(
            "select alerts.kind, sku, alerts.status, is_baseline, message, recommendation"
            " from alerts.alerts join catalog.products using (product_id)"
            " order by opened_at, sku, kind"
        )

    def outbox(self) -> list[tuple[Any, ...]]:
        """(kind, sent, attempts), in order."""
        return self.rows(
            "select kind, sent_at is not null, attempts from alerts.outbox order by outbox_id"
        )

    def rows(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._connect() as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> None:
        with self._connect() as connection:
            connection.execute(statement.encode(), values)

    def _tell(self, status: str, alert_id: object, by: str | None = None) -> None:
        with self._connect() as connection:
            connection.execute(
                "update alerts.alerts set status = %s,"
                " acknowledged_at = coalesce(acknowledged_at, now()),"
                " resolved_at = case when %s = 'resolved' then now() end where alert_id = %s",
                (status, status, alert_id),
            )
            connection.execute(
                "insert into alerts.outbox (kind, alert_id, payload)"
                " select 'alert', %s, jsonb_build_object('actor_id', max(actor_id))"
                " from identity.users where username = %s",
                (alert_id, by),
            )
            connection.execute("select pg_notify('parstock_outbox', '')")

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return connect(self.database_url)


def small_shop(database_url: str) -> SmallShop:
    """The shop with 30 bears and 30 ducks selling, 50 of each behind, and its first plan."""
    shop = SmallShop(database_url)
    shop.open()
    for sku in (BEAR, DUCK):
        shop.move(sku, CLAW, 30)
        shop.move(sku, BACK, 50)
        shop.plan(sku)
    return shop

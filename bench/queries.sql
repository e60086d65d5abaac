-- name: fill_events
-- Event n is a receipt of one unit at level n modulo the levels, all within the last year.
insert into ledger.inventory_events (
    position, event_id, recorded_at, occurred_at, event_type, product_id,
    location_id, recorded_by, quantity
)
select
    given.position,
    gen_random_uuid(),
    now() - (%(events)s - given.position) * interval '1 year' / %(events)s,
    now() - (%(events)s - given.position) * interval '1 year' / %(events)s,
    'received',
    1 + (given.position %% %(levels)s) / %(places)s,
    1 + given.position %% %(places)s,
    1,
    1
from generate_series(%(first)s::bigint, %(last)s::bigint) as given (position)

-- name: fill_movements
insert into ledger.movements (
    position, leg, product_id, location_id, on_hand_change, on_hand_after,
    place_on_hand_after, last_moment_before
)
select
    given.position,
    0,
    1 + (given.position %% %(levels)s) / %(places)s,
    1 + given.position %% %(places)s,
    1,
    1 + given.position / %(levels)s,
    1 + given.position / %(levels)s,
    0
from generate_series(%(first)s::bigint, %(last)s::bigint) as given (position)

-- name: fill_levels
insert into ledger.stock_levels (
    product_id, location_id, lot_id, on_hand, version, last_moment,
    settled_moment
)
select
    movements.product_id,
    movements.location_id,
    0,
    sum(movements.on_hand_change),
    max(movements.position),
    0,
    0
from ledger.movements
group by movements.product_id, movements.location_id

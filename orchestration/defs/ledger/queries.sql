-- name: missing_positions
select
    count(*) as events,
    coalesce(max(position), 0) as newest,
    coalesce(max(position), 0) - count(*) as missing
from ledger.inventory_events

-- name: levels_that_differ_from_their_sum
-- A full join, so that movements without a level differ too.
with sums as (
    select
        product_id,
        location_id,
        lot_id,
        sum(on_hand_change) as on_hand,
        sum(reserved_change) as reserved
    from ledger.movements
    group by product_id, location_id, lot_id
),

compared as (
    select
        coalesce(levels.product_id, sums.product_id) as product_id,
        coalesce(levels.location_id, sums.location_id) as location_id,
        (
            coalesce(sums.on_hand, 0) <> coalesce(levels.on_hand, 0)
            or coalesce(sums.reserved, 0) <> coalesce(levels.reserved, 0)
        ) as differs
    from sums
    full join ledger.stock_levels as levels
        on
            sums.product_id = levels.product_id
            and sums.location_id = levels.location_id
            and sums.lot_id = levels.lot_id
)

select
    count(*) as levels,
    count(*) filter (where differs) as differing,
    (
        array_agg(
            format('product %%s at location %%s', product_id, location_id)
        ) filter (where differs)
    )[1:10] as examples
from compared

-- name: levels_that_differ_from_their_last_value
with last_movements as (
    select distinct on (product_id, location_id, lot_id)
        product_id,
        location_id,
        lot_id,
        on_hand_after,
        reserved_after,
        position
    from ledger.movements
    order by product_id, location_id, lot_id, position desc, leg desc
),

compared as (
    select
        coalesce(levels.product_id, last_movements.product_id) as product_id,
        coalesce(levels.location_id, last_movements.location_id) as location_id,
        (
            coalesce(last_movements.on_hand_after, 0) = levels.on_hand
            and coalesce(last_movements.reserved_after, 0) = levels.reserved
            and coalesce(last_movements.position, 0) <= levels.version
        ) is not true as differs
    from last_movements
    full join ledger.stock_levels as levels
        on
            last_movements.product_id = levels.product_id
            and last_movements.location_id = levels.location_id
            and last_movements.lot_id = levels.lot_id
)

select
    count(*) as levels,
    count(*) filter (where differs) as differing,
    (
        array_agg(
            format('product %%s at location %%s', product_id, location_id)
        ) filter (where differs)
    )[1:10] as examples
from compared

-- name: negative_levels
select
    count(*) as levels,
    count(*) filter (where on_hand < 0 or reserved < 0) as differing,
    (
        array_agg(
            format('product %%s at location %%s', product_id, location_id)
        ) filter (where on_hand < 0 or reserved < 0)
    )[1:10] as examples
from ledger.stock_levels

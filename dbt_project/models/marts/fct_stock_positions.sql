{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['product_id', 'site_id'],
        on_schema_change='fail'
    )
}}
with

movements as not materialized (

    select * from {{ ref('stg_ledger__movements') }}

),

events as not materialized (

    select * from {{ ref('stg_ledger__events') }}

),

locations as not materialized (

    select * from {{ ref('stg_catalog__locations') }}

),

moved as not materialized (

    select * from {{ ref('int_moved_product_sites') }}

),

levels as (

    select distinct on (movements.product_id, movements.location_id, movements.lot_id)
        movements.product_id,
        moved.site_id,
        locations.is_selling,
        movements.position,
        movements.on_hand_after,
        movements.reserved_after
    from moved
    inner join locations on moved.site_id = locations.site_id
    inner join movements
        on
            moved.product_id = movements.product_id
            and locations.location_id = movements.location_id
    order by
        movements.product_id asc,
        movements.location_id asc,
        movements.lot_id asc,
        movements.position desc,
        movements.leg desc

),

stock as (

    select
        product_id,
        site_id,
        coalesce(sum(on_hand_after) filter (where is_selling), 0)
            as on_hand_selling,
        coalesce(sum(on_hand_after) filter (where not is_selling), 0)
            as on_hand_behind,
        sum(reserved_after) as reserved,
        max(position) as last_moved_position
    from levels
    group by product_id, site_id

),

reversals as (

    select reverses from events
    where reverses is not null

),

sales as (

    select
        moved.product_id,
        moved.site_id,
        max(events.occurred_at) as last_sold_at
    from moved
    inner join locations on moved.site_id = locations.site_id
    inner join movements
        on
            moved.product_id = movements.product_id
            and locations.location_id = movements.location_id
    inner join events on movements.position = events.position
    left join reversals on events.event_id = reversals.reverses
    where
        events.event_type in ('sold', 'shipped')
        and reversals.reverses is null
    group by moved.product_id, moved.site_id

),

positions as (

    select
        -- grain
        stock.product_id,
        stock.site_id,

        -- units
        stock.on_hand_selling::bigint as on_hand_selling,
        stock.on_hand_behind::bigint as on_hand_behind,
        stock.reserved::bigint as reserved,
        (stock.on_hand_selling + stock.on_hand_behind - stock.reserved)::bigint
            as inventory_position,

        -- how recent
        sales.last_sold_at,
        stock.last_moved_position

    from stock
    left join sales
        on
            stock.product_id = sales.product_id
            and stock.site_id = sales.site_id

)

select * from positions

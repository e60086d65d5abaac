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

sites as not materialized (

    select * from {{ ref('dim_sites') }}

),

moved as not materialized (

    select * from {{ ref('int_moved_product_sites') }}

),

moved_movements as (

    select
        movements.product_id,
        movements.location_id,
        movements.lot_id,
        movements.position,
        movements.leg,
        movements.on_hand_change,
        movements.on_hand_after,
        movements.reserved_after,
        locations.site_id,
        locations.is_periodic
    from moved
    inner join locations on moved.site_id = locations.site_id
    inner join movements
        on
            moved.product_id = movements.product_id
            and locations.location_id = movements.location_id

),

levels as (

    select distinct on (product_id, location_id, lot_id)
        product_id,
        location_id,
        site_id,
        on_hand_after,
        reserved_after
    from moved_movements
    order by
        product_id asc,
        location_id asc,
        lot_id asc,
        position desc,
        leg desc

),

stock as (

    select
        product_id,
        site_id,
        location_id,
        sum(on_hand_after)::bigint as on_hand,
        sum(reserved_after)::bigint as reserved
    from levels
    group by product_id, site_id, location_id

),

reversals as (

    select reverses from events
    where reverses is not null

),

-- Where there is no till, what a count finds missing is what was used.
happenings as (

    select
        moved_movements.product_id,
        moved_movements.location_id,
        events.occurred_at,
        sites.today
        - (events.occurred_at at time zone sites.time_zone)::date as days_ago,
        events.event_type in ('received', 'arrived') as is_receipt,
        case
            when
                events.event_type in ('sold', 'shipped')
                or (
                    events.event_type = 'counted'
                    and moved_movements.is_periodic
                    and moved_movements.on_hand_change < 0
                )
                then -moved_movements.on_hand_change
            else 0
        end as used
    from moved_movements
    inner join sites on moved_movements.site_id = sites.site_id
    inner join events on moved_movements.position = events.position
    left join reversals on events.event_id = reversals.reverses
    where reversals.reverses is null

),

flows as (

    select
        product_id,
        location_id,
        coalesce(sum(used) filter (where days_ago between 1 and 28), 0)::bigint
            as used_28_days,
        coalesce(sum(used) filter (where days_ago between 29 and 56), 0)::bigint
            as used_28_days_before,
        coalesce(sum(used) filter (where days_ago between 1 and 91), 0)::bigint
            as used_91_days,
        min(occurred_at) as first_moved_at,
        max(occurred_at) filter (where is_receipt) as last_received_at,
        max(occurred_at) filter (where used > 0) as last_used_at
    from happenings
    group by product_id, location_id

),

places as (

    select
        -- grain
        stock.product_id,
        stock.site_id,
        stock.location_id,

        -- units
        stock.on_hand,
        stock.reserved,

        -- how fast
        coalesce(flows.used_28_days, 0)::bigint as used_28_days,
        coalesce(flows.used_28_days_before, 0)::bigint as used_28_days_before,
        coalesce(flows.used_91_days, 0)::bigint as used_91_days,

        -- how recent
        flows.first_moved_at,
        flows.last_received_at,
        flows.last_used_at

    from stock
    left join flows
        on
            stock.product_id = flows.product_id
            and stock.location_id = flows.location_id

)

select * from places

{{ config(post_hook="analyze {{ this }}") }}
with

reopened as (

    select * from {{ ref('int_reopened_product_sites') }}

),

events as not materialized (

    select * from {{ ref('stg_ledger__events') }}

),

movements as (

    select * from {{ ref('stg_ledger__movements') }}

),

locations as (

    select * from {{ ref('stg_catalog__locations') }}

),

sites as (

    select * from {{ ref('stg_catalog__sites') }}

),

reversals as (

    select reverses from events
    where reverses is not null

),

timed as (

    select
        -- what moved
        reopened.product_id,
        reopened.site_id,
        movements.location_id,
        locations.is_selling,
        locations.is_periodic,

        -- by what
        events.position,
        movements.leg,
        events.event_type,
        events.reason,
        events.quantity,
        movements.on_hand_change,
        reversals.reverses is not null as is_reversed,

        -- when
        events.occurred_at,
        events.occurred_at at time zone sites.time_zone as occurred_locally

    from reopened
    inner join locations on reopened.site_id = locations.site_id
    inner join sites on reopened.site_id = sites.site_id
    inner join movements
        on
            reopened.product_id = movements.product_id
            and locations.location_id = movements.location_id
    inner join events on movements.position = events.position
    left join reversals on events.event_id = reversals.reverses

)

select * from timed

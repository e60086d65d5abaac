{{ config(post_hook="analyze {{ this }}") }}
-- What this run has to make anew: each product-site that moved, from the first day that it
-- changes. A run from scratch takes all, from the beginning.
with

product_sites as not materialized (

    select * from {{ ref('int_product_sites') }}

),

site_days as not materialized (

    select * from {{ ref('int_site_days') }}

),

{% if is_from_scratch('fct_daily_demand') %}
reopened as (

    select
        product_id,
        site_id,
        first_day as from_day
    from product_sites

),
{% else %}
profiles as (

    select * from {{ ref('int_site_hour_profiles') }}

),

events as not materialized (

    select * from {{ ref('stg_ledger__events') }}

),

movements as not materialized (

    select * from {{ ref('stg_ledger__movements') }}

),

locations as not materialized (

    select * from {{ ref('stg_catalog__locations') }}

),

sites as not materialized (

    select * from {{ ref('stg_catalog__sites') }}

),

new_movements as (

    select
        movements.position,
        movements.product_id,
        locations.site_id,
        events.reverses,
        (events.occurred_at at time zone sites.time_zone)::date as day
    from movements
    inner join events on movements.position = events.position
    inner join locations on movements.location_id = locations.location_id
    inner join sites on locations.site_id = sites.site_id
    where
        movements.position > {{ from_position() }}
        and events.position > {{ from_position() }}

),

stale_sites as (

    select
        site_id,
        min(day) as from_day
    from (
        select
            site_id,
            day
        from site_days
        where facts_are_stale

        union all

        select
            site_id,
            month as day
        from profiles
        where facts_are_stale
    ) as stale
    group by site_id

),

moved as (

    select
        product_id,
        site_id,
        day
    from new_movements

    union all

    -- a reversal voids on the day of what it reverses
    select
        new_movements.product_id,
        new_movements.site_id,
        (events.occurred_at at time zone sites.time_zone)::date as day
    from new_movements
    inner join events on new_movements.reverses = events.event_id
    inner join sites on new_movements.site_id = sites.site_id

    union all

    select
        product_sites.product_id,
        product_sites.site_id,
        stale_sites.from_day as day
    from product_sites
    inner join stale_sites on product_sites.site_id = stale_sites.site_id

),

earliest as (

    select
        moved.product_id,
        moved.site_id,
        greatest(min(moved.day), product_sites.first_day) as from_day
    from moved
    inner join product_sites
        on
            moved.product_id = product_sites.product_id
            and moved.site_id = product_sites.site_id
    group by moved.product_id, moved.site_id, product_sites.first_day

),

reversals as (

    select reverses from events
    where reverses is not null

),

-- At a place without a till, use is known from count to count: whatever changes within such a
-- span changes all of it.
counts as (

    select
        earliest.product_id,
        earliest.site_id,
        earliest.from_day,
        movements.location_id,
        (events.occurred_at at time zone sites.time_zone)::date as day,
        events.event_type = 'counted' as is_count
    from earliest
    inner join locations
        on
            earliest.site_id = locations.site_id
            and locations.is_periodic
    inner join sites on earliest.site_id = sites.site_id
    inner join movements
        on
            earliest.product_id = movements.product_id
            and locations.location_id = movements.location_id
    inner join events on movements.position = events.position
    left join reversals on events.event_id = reversals.reverses
    where reversals.reverses is null

),

spans as (

    select
        product_id,
        site_id,
        coalesce(
            max(day) filter (where is_count and day < from_day),
            min(day)
        ) as from_day
    from counts
    group by product_id, site_id, location_id
    having bool_or(is_count and day >= from_day)

),

reopened as (

    select
        product_id,
        site_id,
        min(from_day) as from_day
    from (
        select * from earliest

        union all

        select * from spans
    ) as candidates
    group by product_id, site_id

),
{% endif %}

last_closed_days as (

    select
        site_id,
        max(day) as last_closed_day
    from site_days
    where is_over
    group by site_id

),

closed as (

    select
        reopened.product_id,
        reopened.site_id,
        reopened.from_day,
        last_closed_days.last_closed_day
    from reopened
    inner join last_closed_days on reopened.site_id = last_closed_days.site_id
    where reopened.from_day <= last_closed_days.last_closed_day

)

select * from closed

{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['product_id', 'site_id'],
        indexes=[{'columns': ['product_id', 'site_id'], 'unique': true}],
        post_hook="analyze {{ this }}"
    )
}}
with

events as (

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

first_events as (

    select
        movements.product_id,
        locations.site_id,
        min(events.occurred_at) as first_occurred_at
    from movements
    inner join events on movements.position = events.position
    inner join locations on movements.location_id = locations.location_id
    {% if is_incremental() %}
    where
        movements.position > {{ from_position() }}
        and events.position > {{ from_position() }}
    {% endif %}
    group by movements.product_id, locations.site_id

),

first_days as (

    select
        first_events.product_id,
        first_events.site_id,
        (first_events.first_occurred_at at time zone sites.time_zone)::date
            as first_day
    from first_events
    inner join sites on first_events.site_id = sites.site_id

),

earliest as (

    select
        first_days.product_id,
        first_days.site_id,
        first_days.first_day
    from first_days
    {% if is_incremental() %}
    left join {{ this }} as known
        on
            first_days.product_id = known.product_id
            and first_days.site_id = known.site_id
    where
        known.first_day is null
        or known.first_day > first_days.first_day
    {% endif %}

)

select * from earliest

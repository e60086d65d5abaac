{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{% if is_incremental() %}delete from {{ this }} where to_position > {{ from_position() }}{% endif %}"
    )
}}
-- Each run appends what it read and notes how far; a run that is repeated first takes back what
-- its failed forerunner appended.
with

events as not materialized (

    select * from {{ ref('stg_ledger__events') }}

),

locations as (

    select * from {{ ref('stg_catalog__locations') }}

),

sites as (

    select * from {{ ref('stg_catalog__sites') }}

),

new_events as (

    select * from events
    {% if is_incremental() %}
    where position > {{ from_position() }}
    {% endif %}

),

lines as (

    select
        location_id,
        occurred_at,
        1 as event_lines,
        (event_type in ('sold', 'shipped'))::integer as sale_lines
    from new_events

    union all

    -- a reversed sale was none
    select
        sales.location_id,
        sales.occurred_at,
        0 as event_lines,
        -1 as sale_lines
    from new_events
    inner join events as sales on new_events.reverses = sales.event_id
    where sales.event_type in ('sold', 'shipped')

),

local_lines as (

    select
        locations.site_id,
        lines.occurred_at,
        lines.occurred_at at time zone sites.time_zone as occurred_locally,
        lines.event_lines,
        lines.sale_lines
    from lines
    inner join locations on lines.location_id = locations.location_id
    inner join sites on locations.site_id = sites.site_id

),

hours as (

    select
        site_id,
        occurred_locally::date as day,
        extract(hour from occurred_locally)::integer as hour,
        sum(event_lines) as event_lines,
        sum(sale_lines) as sale_lines,
        max(occurred_at) as last_occurred_at,
        {{ to_position() }}::bigint as to_position
    from local_lines
    group by site_id, day, hour

)

select * from hours

with

sites as (

    select * from {{ ref('stg_catalog__sites') }}

),

site_days as (

    select * from {{ ref('int_site_days') }}

),

calendars as (

    select
        site_id,
        min(day) as first_day,
        max(day) filter (where is_over) as last_closed_day,
        max(day) as today
    from site_days
    group by site_id

),

clocks as (

    select
        -- ids
        sites.site_id,
        sites.code,

        -- what it is
        sites.name,
        sites.time_zone,
        sites.is_simulated,

        -- its calendar
        calendars.first_day,
        calendars.last_closed_day,
        calendars.today

    from sites
    left join calendars on sites.site_id = calendars.site_id

)

select * from clocks

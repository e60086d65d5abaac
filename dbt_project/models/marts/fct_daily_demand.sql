{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['product_id', 'site_id', 'day'],
        on_schema_change='fail',
        indexes=[{'columns': ['site_id', 'day']}],
        post_hook=[
            "{{ forget_days_that_are_none() }}",
            "update {{ ref('int_site_days') }} set facts_are_stale = false where facts_are_stale",
            "update {{ ref('int_site_hour_profiles') }} set facts_are_stale = false where facts_are_stale",
        ]
    )
}}
with

reopened as not materialized (

    select * from {{ ref('int_reopened_product_sites') }}

),

flows as not materialized (

    select * from {{ ref('int_daily_flows') }}

),

site_days as (

    select * from {{ ref('int_site_days') }}

),

periodic_use as (

    select * from {{ ref('int_periodic_use') }}

),

empty_shelves as (

    select * from {{ ref('int_empty_shelves') }}

),

-- What happened before the first reopened day is its opening stock.
openings as (

    select
        flows.product_id,
        flows.site_id,
        flows.on_hand_change as on_hand,
        flows.selling_change as on_hand_selling
    from flows
    inner join reopened
        on
            flows.product_id = reopened.product_id
            and flows.site_id = reopened.site_id
            and flows.day = reopened.from_day - 1

),

days as (

    select
        reopened.product_id,
        reopened.site_id,
        reopened.from_day,
        site_days.day,
        site_days.is_open
    from reopened
    inner join site_days
        on
            reopened.site_id = site_days.site_id
            and reopened.from_day <= site_days.day
    where site_days.is_over

),

daily as (

    select
        days.product_id,
        days.site_id,
        days.day,
        days.is_open,
        coalesce(flows.sold, 0) as sold,
        coalesce(flows.sold_reversed, 0) as sold_reversed,
        coalesce(flows.returned, 0) as returned,
        coalesce(periodic_use.used, 0) as used,
        coalesce(periodic_use.is_unknown, false) as is_unknown,
        coalesce(flows.on_hand_change, 0) as on_hand_change,
        coalesce(flows.selling_change, 0) as selling_change,
        coalesce(openings.on_hand, 0)
        + sum(coalesce(flows.on_hand_change, 0)) over product_site as on_hand,
        coalesce(openings.on_hand_selling, 0)
        + sum(coalesce(flows.selling_change, 0)) over product_site
            as on_hand_selling,
        case
            when days.is_open
                then greatest(
                    0,
                    round(1 - coalesce(empty_shelves.empty_share, 0)::numeric, 4)
                )
            else 0
        end as exposure
    from days
    left join flows
        on
            days.product_id = flows.product_id
            and days.site_id = flows.site_id
            and days.day = flows.day
    left join openings
        on
            days.product_id = openings.product_id
            and days.site_id = openings.site_id
    left join periodic_use
        on
            days.product_id = periodic_use.product_id
            and days.site_id = periodic_use.site_id
            and days.day = periodic_use.day
    left join empty_shelves
        on
            days.product_id = empty_shelves.product_id
            and days.site_id = empty_shelves.site_id
            and days.day = empty_shelves.day
    window product_site as (
        partition by days.product_id, days.site_id
        order by days.day
    )

),

facts as (

    select
        -- grain
        product_id,
        site_id,
        day,

        -- what was asked for
        sold::bigint as sold,
        sold_reversed::bigint as sold_reversed,
        returned::bigint as returned,
        used::double precision as used,
        (sold - sold_reversed + used)::double precision as demand,

        -- what stood there; late events can make a past book dip below nothing
        greatest(0, on_hand_selling - selling_change)::bigint
            as on_hand_selling_at_open,
        greatest(0, on_hand_selling)::bigint as on_hand_selling_at_close,
        greatest(0, on_hand - on_hand_change)::bigint as on_hand_at_open,
        greatest(0, on_hand)::bigint as on_hand_at_close,

        -- how far the demand can be believed
        exposure::double precision as exposure,
        case
            when not is_open then 'closed'
            when is_unknown then 'unknown'
            when exposure < 1 then 'censored'
            else 'full'
        end as state

    from daily

)

select * from facts

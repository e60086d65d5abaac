{{ config(post_hook="analyze {{ this }}") }}
-- Use at places without a till: opening + in - out - count, spread over the open hours between
-- two counts. After the last count the use is not known yet, which is said, not taken for zero.
with

movements as (

    select * from {{ ref('int_reopened_movements') }}

),

reopened as (

    select * from {{ ref('int_reopened_product_sites') }}

),

site_days as not materialized (

    select * from {{ ref('int_site_days') }}

),

profiles as (

    select * from {{ ref('int_site_hour_profiles') }}

),

-- What the book derived is no movement of goods; what was reversed never happened.
periodic_movements as (

    select
        product_id,
        site_id,
        location_id,
        position,
        occurred_at,
        occurred_locally,
        event_type = 'counted' as is_count,
        quantity as counted,
        case
            when
                event_type = 'counted'
                or coalesce(reason, '') in ('book_shortage', 'reordered')
                then 0
            else on_hand_change
        end as moved
    from movements
    where
        is_periodic
        and event_type <> 'reversed'
        and not is_reversed

),

running as (

    select
        product_id,
        site_id,
        location_id,
        position,
        occurred_at,
        occurred_locally,
        is_count,
        counted,
        sum(moved) over place as moved_until,
        min(occurred_locally) over (
            partition by product_id, site_id, location_id
        ) as first_occurred_locally
    from periodic_movements
    window place as (
        partition by product_id, site_id, location_id
        order by occurred_at, position
    )

),

spans as (

    select
        product_id,
        site_id,
        location_id,
        position,
        coalesce(lag(occurred_locally) over place, first_occurred_locally)
            as starts_locally,
        occurred_locally as ends_locally,
        greatest(
            0,
            coalesce(lag(counted) over place, 0)
            + moved_until - coalesce(lag(moved_until) over place, 0)
            - counted
        ) as used
    from running
    where is_count
    window place as (
        partition by product_id, site_id, location_id
        order by occurred_at, position
    )

),

span_days as (

    select
        spans.product_id,
        spans.site_id,
        spans.location_id,
        spans.position,
        spans.used,
        days.day::date as day,
        coalesce(site_days.is_open, false)::integer * {{ share_between(
            'profiles.cumulative_shares', 'days.day', 'spans.starts_locally', 'spans.ends_locally'
        ) }} as weight
    from spans
    cross join lateral
        generate_series(
            date_trunc('day', spans.starts_locally),
            date_trunc('day', spans.ends_locally),
            interval '1 day'
        ) as days (day)
    left join site_days
        on
            spans.site_id = site_days.site_id
            and days.day::date = site_days.day
    left join profiles
        on
            site_days.site_id = profiles.site_id
            and site_days.month = profiles.month
    where spans.used > 0

),

-- Where no open hour lies between two counts, the use falls on the day of the second.
shares as (

    select
        product_id,
        site_id,
        day,
        case
            when sum(weight) over span > 0
                then round(used * coalesce(weight, 0) / sum(weight) over span, 6)
            when day = max(day) over span then used
            else 0
        end as used
    from span_days
    window span as (partition by product_id, site_id, location_id, position)

),

known as (

    select
        product_id,
        site_id,
        day,
        sum(used)::double precision as used
    from shares
    group by product_id, site_id, day

),

last_counts as (

    select
        product_id,
        site_id,
        location_id,
        coalesce(
            max(occurred_locally) filter (where is_count),
            min(occurred_locally)
        )::date as known_until,
        max(position) filter (where is_count) as last_count_position,
        max(position) as last_position,
        (array_agg(counted order by occurred_at desc, position desc)
            filter (where is_count))[1] as last_counted
    from running
    group by product_id, site_id, location_id

),

unknown_since as (

    select
        product_id,
        site_id,
        min(known_until) as day
    from last_counts
    where
        last_counted > 0
        or last_count_position is null
        or last_position > last_count_position
    group by product_id, site_id

),

days as (

    select
        reopened.product_id,
        reopened.site_id,
        site_days.day,
        known.used,
        coalesce(site_days.day >= unknown_since.day, false) as is_unknown
    from reopened
    inner join site_days
        on
            reopened.site_id = site_days.site_id
            and reopened.from_day <= site_days.day
    left join known
        on
            reopened.product_id = known.product_id
            and reopened.site_id = known.site_id
            and site_days.day = known.day
    left join unknown_since
        on
            reopened.product_id = unknown_since.product_id
            and reopened.site_id = unknown_since.site_id
    where
        site_days.is_over
        and (known.used > 0 or site_days.day >= unknown_since.day)

)

select * from days

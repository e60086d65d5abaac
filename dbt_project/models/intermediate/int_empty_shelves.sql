{{ config(post_hook="analyze {{ this }}") }}
-- For how much of a day's usual sales no selling place of the site held the product.
with

reopened as not materialized (

    select * from {{ ref('int_reopened_product_sites') }}

),

product_sites as (

    select * from {{ ref('int_product_sites') }}

),

movements as (

    select * from {{ ref('int_reopened_movements') }}

),

profiles as (

    select * from {{ ref('int_site_hour_profiles') }}

),

-- A product begins with an empty shelf, at midnight of its first day.
shelf_changes as (

    select
        product_id,
        site_id,
        position,
        leg,
        reason,
        on_hand_change,
        occurred_at,
        occurred_locally
    from movements
    where is_selling

    union all

    select
        reopened.product_id,
        reopened.site_id,
        0 as position,
        0 as leg,
        null as reason,
        0 as on_hand_change,
        '-infinity' as occurred_at,
        product_sites.first_day::timestamp as occurred_locally
    from reopened
    inner join product_sites
        on
            reopened.product_id = product_sites.product_id
            and reopened.site_id = product_sites.site_id

),

shelves as (

    select
        product_id,
        site_id,
        occurred_locally as starts_locally,
        sum(on_hand_change) over shelf as on_hand,
        lead(occurred_locally) over shelf as ends_locally,
        lead(reason) over shelf as ended_by
    from shelf_changes
    window shelf as (
        partition by product_id, site_id
        order by occurred_at, on_hand_change < 0, position, leg
    )

),

-- A sale of what the book did not have shows that the shelf was not empty.
empty_spans as (

    select
        shelves.product_id,
        shelves.site_id,
        greatest(shelves.starts_locally, reopened.from_day) as starts_locally,
        least(shelves.ends_locally, reopened.last_closed_day + 1) as ends_locally
    from shelves
    inner join reopened
        on
            shelves.product_id = reopened.product_id
            and shelves.site_id = reopened.site_id
    where
        shelves.on_hand <= 0
        and coalesce(shelves.ended_by, '') <> 'book_shortage'
        and shelves.starts_locally < reopened.last_closed_day + 1
        and coalesce(shelves.ends_locally > reopened.from_day, true)

),

empty_days as (

    select
        empty_spans.product_id,
        empty_spans.site_id,
        days.day::date as day,
        {{ share_between(
            'profiles.cumulative_shares', 'days.day', 'empty_spans.starts_locally', 'empty_spans.ends_locally'
        ) }} as empty_share
    from empty_spans
    cross join lateral
        generate_series(
            date_trunc('day', empty_spans.starts_locally),
            date_trunc('day', empty_spans.ends_locally),
            interval '1 day'
        ) as days (day)
    inner join profiles
        on
            empty_spans.site_id = profiles.site_id
            and date_trunc('month', days.day) = profiles.month
    where empty_spans.ends_locally > empty_spans.starts_locally

),

summed as (

    select
        product_id,
        site_id,
        day,
        sum(empty_share)::double precision as empty_share
    from empty_days
    group by product_id, site_id, day
    having sum(empty_share) > 0

)

select * from summed

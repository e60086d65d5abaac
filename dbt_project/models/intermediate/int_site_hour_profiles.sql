{{ config(post_hook="analyze {{ this }}") }}
{%- set previous = load_relation(this) -%}
-- How a site's sale lines fall over the hours of a day, for the days of one month: learned from
-- the 13 weeks before it (for a new site, from its first four weeks), so that what is sold today
-- does not move the exposure of past days.
with

hours as (

    select * from {{ ref('int_site_hours') }}

),

site_days as not materialized (

    select * from {{ ref('int_site_days') }}

),

first_days as (

    select
        site_id,
        min(day) as first_day
    from site_days
    group by site_id

),

months as (

    select
        site_days.site_id,
        site_days.month,
        greatest(site_days.month, min(first_days.first_day) + 28) as learned_until
    from site_days
    inner join first_days on site_days.site_id = first_days.site_id
    group by site_days.site_id, site_days.month

),

closed_hours as (

    select
        hours.site_id,
        hours.day,
        hours.hour,
        sum(hours.sale_lines) as sale_lines
    from hours
    inner join site_days
        on
            hours.site_id = site_days.site_id
            and hours.day = site_days.day
    where site_days.is_over
    group by hours.site_id, hours.day, hours.hour

),

learned as (

    select
        months.site_id,
        months.month,
        closed_hours.hour,
        sum(closed_hours.sale_lines) as sale_lines
    from months
    inner join closed_hours
        on
            months.site_id = closed_hours.site_id
            and months.learned_until > closed_hours.day
            and months.learned_until - 91 <= closed_hours.day
    group by months.site_id, months.month, closed_hours.hour

),

-- At each full hour, the share of the day's sale lines that came before it.
shares as (

    select
        months.site_id,
        months.month,
        full_hours.hour,
        case
            -- too few lines to learn from: every hour is as good as another
            when coalesce(sum(learned.sale_lines), 0) < 50 then full_hours.hour / 24.0
            else
                coalesce(
                    sum(learned.sale_lines)
                    filter (where learned.hour < full_hours.hour),
                    0
                ) / sum(learned.sale_lines)
        end as share_before
    from months
    cross join generate_series(0, 24) as full_hours (hour)
    left join learned
        on
            months.site_id = learned.site_id
            and months.month = learned.month
    group by months.site_id, months.month, full_hours.hour

),

profiles as (

    select
        site_id,
        month,
        array_agg(round(share_before, 3)::float8 order by hour) as cumulative_shares
    from shares
    group by site_id, month

),

marked as (

    select
        profiles.site_id,
        profiles.month,
        profiles.cumulative_shares,
        {% if previous %}
        coalesce(
            previous.facts_are_stale
            or previous.cumulative_shares <> profiles.cumulative_shares,
            true
        ) as facts_are_stale
        {% else %}
        true as facts_are_stale
        {% endif %}
    from profiles
    {% if previous %}
    left join {{ this }} as previous
        on
            profiles.site_id = previous.site_id
            and profiles.month = previous.month
    {% endif %}

)

select * from marked

{{ config(post_hook="analyze {{ this }}") }}
{%- set previous = load_relation(this) -%}
-- facts_are_stale: the day says something else than when the facts were last made. The facts
-- take the mark off in the transaction that writes them, so a failed run leaves it standing.
with

hours as (

    select * from {{ ref('int_site_hours') }}

),

sites as (

    select * from {{ ref('stg_catalog__sites') }}

),

calendar_events as (

    select * from {{ ref('stg_catalog__calendar_events') }}

),

days_with_events as (

    select
        site_id,
        day,
        sum(sale_lines) as sale_lines,
        max(last_occurred_at) as last_occurred_at
    from hours
    group by site_id, day
    having sum(event_lines) > 0

),

site_spans as (

    select
        site_id,
        min(day) as first_day,
        max(day) as last_day,
        max(last_occurred_at) as last_occurred_at,
        sum(sale_lines) > 0 as records_sales
    from days_with_events
    group by site_id

),

-- A history that ended more than a week ago is planned for the day after its last one.
clocks as (

    select
        site_spans.site_id,
        site_spans.records_sales,
        case
            when site_spans.last_occurred_at < {{ as_of() }} - interval '7 days'
                then site_spans.last_day + 1
            else ({{ as_of() }} at time zone sites.time_zone)::date
        end as today
    from site_spans
    inner join sites on site_spans.site_id = sites.site_id

),

-- A site that is silent for longer than eight days is asleep: those days are no facts.
awake_days as (

    select
        days_with_events.site_id,
        days_with_events.day + days_after.n as day,
        sum(days_with_events.sale_lines)
            filter (where days_after.n = 0) as sale_lines
    from days_with_events
    cross join generate_series(0, 8) as days_after (n)
    group by days_with_events.site_id, days_with_events.day + days_after.n

),

-- Where sales are not recorded only people know that a day was a closed one.
closures as (

    select distinct
        calendar_events.site_id,
        days.day::date as day
    from calendar_events
    cross join lateral
        generate_series(
            calendar_events.first_day::timestamp,
            calendar_events.last_day::timestamp,
            interval '1 day'
        ) as days (day)
    where calendar_events.kind = 'closure'

),

site_days as (

    select
        awake_days.site_id,
        awake_days.day,
        date_trunc('month', awake_days.day)::date as month,
        awake_days.day < clocks.today as is_over,
        awake_days.day >= clocks.today
        or coalesce(awake_days.sale_lines, 0) > 0
        or (not clocks.records_sales and closures.site_id is null) as is_open
    from awake_days
    inner join clocks on awake_days.site_id = clocks.site_id
    left join closures
        on
            awake_days.site_id = closures.site_id
            and awake_days.day = closures.day
    where awake_days.day <= clocks.today

),

marked as (

    select
        site_days.site_id,
        site_days.day,
        site_days.month,
        site_days.is_over,
        site_days.is_open,
        {% if previous %}
        coalesce(
            previous.facts_are_stale
            or previous.is_over <> site_days.is_over
            or previous.is_open <> site_days.is_open,
            true
        ) as facts_are_stale
        {% else %}
        true as facts_are_stale
        {% endif %}
    from site_days
    {% if previous %}
    left join {{ this }} as previous
        on
            site_days.site_id = previous.site_id
            and site_days.day = previous.day
    {% endif %}

)

select * from marked

-- name: planned_products
-- What is wanted: all in a full refresh, else what changed or has no forecast for the coming day.
select
    planned.site_id,
    planned.product_id,
    planned.category,
    %(is_full)s
    or newest.first_date is null
    or newest.first_date <> planned.today
    or reopened.product_id is not null
    or newest.issued_at < calendars.changed_at
    or newest.issued_at < confirmed.confirmed_at as is_wanted
from marts.mart_planned_products as planned
left join lateral (
    select
        forecasts.first_date,
        forecasts.issued_at
    from planning.forecasts
    where
        forecasts.product_id = planned.product_id
        and forecasts.site_id = planned.site_id
    order by forecasts.issued_at desc
    limit 1
) as newest on true
left join intermediate.int_reopened_product_sites as reopened
    on
        planned.product_id = reopened.product_id
        and planned.site_id = reopened.site_id
left join (
    select
        sites.site_id,
        max(changes.changed_at) as changed_at
    from catalog.sites
    inner join catalog.changes
        on
            changes.entity = 'calendar_event'
            and starts_with(changes.code, sites.code || '/')
    group by sites.site_id
) as calendars on planned.site_id = calendars.site_id
left join (
    select
        anomalies.product_id,
        anomalies.site_id,
        max(anomalies.confirmed_at) as confirmed_at
    from planning.anomalies
    where anomalies.confirmed_at is not null
    group by anomalies.product_id, anomalies.site_id
) as confirmed
    on
        planned.product_id = confirmed.product_id
        and planned.site_id = confirmed.site_id
order by planned.site_id, planned.product_id

-- name: site_calendar
select
    day,
    is_open
from intermediate.int_site_days
where site_id = %(site_id)s and is_over
order by day

-- name: site_country
select country
from catalog.sites
where site_id = %(site_id)s

-- name: calendar_events
-- Where nobody said the effect, it is learned from the days of the same kind and name.
select
    case
        when calendar_events.kind = 'closure' then 'closure'
        else calendar_events.kind || ': ' || calendar_events.name
    end as known_by,
    calendar_events.first_day as first,
    calendar_events.last_day as last,
    1 + calendar_events.effect_percent / 100.0::float8 as effect,
    calendar_events.product_id,
    calendar_events.category
from catalog.calendar_events
where
    calendar_events.site_id = %(site_id)s
    and calendar_events.last_day >= %(first_day)s
    and calendar_events.first_day <= %(last_day)s
order by calendar_events.code

-- name: site_demand
-- Every column four or eight bytes and never null, so that the copy is read as one array.
copy (
    select
        facts.product_id,
        (facts.day - date '2000-01-01')::integer as day_number,
        case
            when facts.state in ('full', 'censored') then facts.demand
            else 'nan'::float8
        end as demand,
        facts.exposure
    from marts.fct_daily_demand as facts
    where
        facts.site_id = %(site_id)s
        and facts.day >= %(first_day)s
) to stdout with (format "binary")

-- name: store_forecasts
copy planning.forecasts (
    product_id, site_id, issued_at, refresh_id, first_date, model,
    mean, q0025, q0100, q0500, q0900, q0975
) from stdin

-- name: store_distribution
insert into planning.demand_distributions (site_id, refresh_id, totals, accuracy)
values (%(site_id)s, %(refresh_id)s, %(totals)s, %(accuracy)s)
on conflict (site_id) do update
set
    refresh_id = excluded.refresh_id,
    totals = excluded.totals,
    accuracy = excluded.accuracy,
    computed_at = now()

-- name: crossing_quantiles
select
    count(*) as forecasts,
    count(*) filter (
        where exists (
            select 1
            from unnest(
                newest.q0025, newest.q0100, newest.q0500, newest.q0900, newest.q0975
            ) as days (a, b, c, d, e)
            where a < 0 or a > b or b > c or c > d or d > e
        )
    ) as crossing
from planning.current_forecasts as newest

-- name: selling_products_without_a_forecast
-- Sold on a closed day of the last 180 and yet without a forecast for the coming day.
select
    count(*) as selling,
    count(*) filter (where newest.first_date is null) as without_a_forecast
from marts.mart_planned_products as planned
left join planning.current_forecasts as newest
    on
        planned.product_id = newest.product_id
        and planned.site_id = newest.site_id
        and planned.today = newest.first_date
where planned.sells

-- name: accuracy_by_site
select
    sites.code,
    distributions.accuracy
from planning.demand_distributions as distributions
inner join marts.dim_sites as sites on distributions.site_id = sites.site_id
order by sites.code

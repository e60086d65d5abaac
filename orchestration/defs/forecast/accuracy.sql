-- name: measure_accuracy
-- What was issued last for each first day, so many days before the day in question ended, against
-- that day where it was seen in full. A late event can change a week, so the last week is measured
-- again; before that only what never was. Where the week that the naive forecast repeats is not
-- known there is nothing to compare with.
with windows as (
    select
        sites.site_id,
        sites.last_closed_day,
        least(
            sites.last_closed_day - 7,
            coalesce(measured.last_day + 1, sites.last_closed_day - 55)
        ) as first_day
    from marts.dim_sites as sites
    left join (
        select
            site_id,
            max(day) as last_day
        from planning.forecast_accuracy
        group by site_id
    ) as measured on sites.site_id = measured.site_id
    where sites.last_closed_day is not null
),

facts as (
    select
        demand.product_id,
        demand.site_id,
        demand.day,
        demand.demand,
        demand.state in ('full', 'censored') and demand.exposure >= 0.95 as is_full,
        avg(demand.demand) over (
            partition by demand.product_id, demand.site_id
            order by demand.day
            range between interval '7 days' preceding and interval '1 day' preceding
        ) as average_before
    from marts.fct_daily_demand as demand
    inner join windows on demand.site_id = windows.site_id
    where demand.day >= windows.first_day - 35
),

issued as (
    select distinct on (forecasts.product_id, forecasts.site_id, forecasts.first_date)
        forecasts.*
    from planning.forecasts
    inner join windows on forecasts.site_id = windows.site_id
    where
        forecasts.first_date >= windows.first_day - 27
        and forecasts.first_date <= windows.last_closed_day
    order by
        forecasts.product_id asc,
        forecasts.site_id asc,
        forecasts.first_date asc,
        forecasts.issued_at desc
),

compared as (
    select
        facts.site_id,
        products.category,
        facts.day,
        horizons.days as horizon_days,
        facts.demand,
        issued.mean[horizons.days] as mean,
        issued.q0025[horizons.days] as q0025,
        issued.q0100[horizons.days] as q0100,
        issued.q0500[horizons.days] as q0500,
        issued.q0900[horizons.days] as q0900,
        issued.q0975[horizons.days] as q0975,
        week_before.demand as naive,
        at_issue.average_before as average
    from issued
    cross join (values (1), (7), (14), (28)) as horizons (days)
    inner join windows on issued.site_id = windows.site_id
    inner join facts
        on
            issued.product_id = facts.product_id
            and issued.site_id = facts.site_id
            and facts.day = issued.first_date + horizons.days - 1
    inner join facts as at_issue
        on
            issued.product_id = at_issue.product_id
            and issued.site_id = at_issue.site_id
            and issued.first_date = at_issue.day
    inner join facts as week_before
        on
            issued.product_id = week_before.product_id
            and issued.site_id = week_before.site_id
            and week_before.day = facts.day - 7 * ((horizons.days + 6) / 7)
    inner join marts.dim_products as products
        on issued.product_id = products.product_id
    where
        facts.is_full
        and facts.day between windows.first_day and windows.last_closed_day
        and cardinality(issued.mean) >= horizons.days
        and at_issue.average_before is not null
)

insert into planning.forecast_accuracy (
    site_id, category, day, horizon_days, observations, demand, forecast,
    absolute_error, squared_error, naive_absolute_error, naive_squared_error,
    average_absolute_error, average_squared_error, pinball_loss, within_80, within_95
)
select
    site_id,
    category,
    day,
    horizon_days,
    count(*),
    sum(demand),
    sum(mean),
    sum(abs(demand - mean)),
    sum((demand - mean) ^ 2),
    sum(abs(demand - naive)),
    sum((demand - naive) ^ 2),
    sum(abs(demand - average)),
    sum((demand - average) ^ 2),
    sum((
        greatest(0.025 * (demand - q0025), -0.975 * (demand - q0025))
        + greatest(0.1 * (demand - q0100), -0.9 * (demand - q0100))
        + greatest(0.5 * (demand - q0500), -0.5 * (demand - q0500))
        + greatest(0.9 * (demand - q0900), -0.1 * (demand - q0900))
        + greatest(0.975 * (demand - q0975), -0.025 * (demand - q0975))
    ) / 5),
    count(*) filter (where demand between q0100 and q0900),
    count(*) filter (where demand between q0025 and q0975)
from compared
group by site_id, category, day, horizon_days
on conflict (site_id, day, horizon_days, category) do update
set
    observations = excluded.observations,
    demand = excluded.demand,
    forecast = excluded.forecast,
    absolute_error = excluded.absolute_error,
    squared_error = excluded.squared_error,
    naive_absolute_error = excluded.naive_absolute_error,
    naive_squared_error = excluded.naive_squared_error,
    average_absolute_error = excluded.average_absolute_error,
    average_squared_error = excluded.average_squared_error,
    pinball_loss = excluded.pinball_loss,
    within_80 = excluded.within_80,
    within_95 = excluded.within_95,
    measured_at = now()

-- name: accuracy_as_issued
-- Sums over the days that end with each site's last one, by each way of looking at them.
select
    case
        when grouping(recent.horizon_days) = 0 then 'horizon'
        when grouping(recent.category) = 0 then 'category'
        when grouping(sites.code) = 0 then 'site'
        else 'all'
    end as grouped_by,
    coalesce(recent.horizon_days::text, recent.category, sites.code, 'everything') as grouped,
    min(sites.site_id) as site_id,
    min(sites.name) as name,
    count(distinct recent.day) as days,
    sum(recent.observations)::bigint as observations,
    sum(recent.demand) as demand,
    sum(recent.forecast) as forecast,
    sum(recent.absolute_error) as absolute_error,
    sum(recent.squared_error) as squared_error,
    sum(recent.naive_absolute_error) as naive_absolute_error,
    sum(recent.naive_squared_error) as naive_squared_error,
    sum(recent.average_absolute_error) as average_absolute_error,
    sum(recent.average_squared_error) as average_squared_error,
    sum(recent.pinball_loss) as pinball_loss,
    sum(recent.within_80)::bigint as within_80,
    sum(recent.within_95)::bigint as within_95
from planning.forecast_accuracy as recent
inner join marts.dim_sites as sites on recent.site_id = sites.site_id
where recent.day > sites.last_closed_day - %(days)s
group by grouping sets ((recent.horizon_days), (recent.category), (sites.code), ())
having count(*) > 0
order by grouping(recent.horizon_days, recent.category, sites.code), recent.horizon_days, grouped

-- name: accuracy_by_day
-- A week ahead: how far each method strayed on each day, over all sites and products.
select
    recent.day,
    sum(recent.absolute_error) / nullif(sum(recent.demand), 0) as wape,
    sum(recent.naive_absolute_error) / nullif(sum(recent.demand), 0) as naive_wape,
    sum(recent.average_absolute_error) / nullif(sum(recent.demand), 0) as average_wape
from planning.forecast_accuracy as recent
inner join marts.dim_sites as sites on recent.site_id = sites.site_id
where
    recent.horizon_days = 7
    and recent.day > sites.last_closed_day - %(days)s
group by recent.day
order by recent.day

-- name: block_sites
insert into planning.blocked_sites (site_id, reason, refresh_id)
select
    blocked.site_id,
    blocked.reason,
    %(refresh_id)s
from unnest(%(site_ids)s::integer[], %(reasons)s::text[]) as blocked (site_id, reason)
on conflict (site_id) do update
set
    reason = excluded.reason,
    refresh_id = excluded.refresh_id

-- name: unblock_sites
delete from planning.blocked_sites
where not (site_id = any(%(site_ids)s::integer[]))

-- name: blocked_sites
select
    sites.code,
    blocked_sites.reason
from planning.blocked_sites
inner join catalog.sites on blocked_sites.site_id = sites.site_id
order by sites.code

-- name: forget_forecasts
select planning.forget_forecasts(current_date - %(days)s::integer)

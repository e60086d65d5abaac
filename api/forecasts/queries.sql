-- name: list_accuracy
-- A row a site and horizon, over the days that end with the newest one measured.
select
    sites.code as site,
    recent.horizon_days,
    min(recent.day) as first_day,
    max(recent.day) as last_day,
    sum(recent.observations)::bigint as observations,
    sum(recent.demand) as demand,
    sum(recent.forecast - recent.demand) / nullif(sum(recent.demand), 0) as bias,
    sum(recent.absolute_error) / nullif(sum(recent.demand), 0) as wape,
    sum(recent.naive_absolute_error) / nullif(sum(recent.demand), 0) as wape_of_week_before,
    sum(recent.average_absolute_error) / nullif(sum(recent.demand), 0) as wape_of_average,
    sum(recent.pinball_loss) / sum(recent.observations)::float8 as pinball_loss,
    sum(recent.within_80)::float8 / sum(recent.observations)::float8 as coverage_80,
    sum(recent.within_95)::float8 / sum(recent.observations)::float8 as coverage_95,
    min(blocked_sites.reason) as plan_waits_because
from planning.forecast_accuracy as recent
inner join catalog.sites on recent.site_id = sites.site_id
left join planning.blocked_sites on recent.site_id = blocked_sites.site_id
inner join (
    select
        forecast_accuracy.site_id,
        max(forecast_accuracy.day) as day
    from planning.forecast_accuracy
    group by forecast_accuracy.site_id
) as newest on recent.site_id = newest.site_id
where
    recent.day > newest.day - %(days)s::int
    and (%(site)s::text is null or sites.code = %(site)s)
    and (%(category)s::text is null or recent.category = %(category)s)
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and (sites.code, recent.horizon_days) > (%(after_site)s::text, %(after_horizon)s::int)
group by sites.code, recent.horizon_days
order by sites.code, recent.horizon_days
limit %(limit)s::int

-- name: list_totals
select
    sites.code as site,
    nullif(totals.category, '') as category,
    totals.first_date + (day.ordinal - 1)::integer as forecast_date,
    totals.products,
    day.mean,
    day.q0025,
    day.q0100,
    day.q0500,
    day.q0900,
    day.q0975,
    totals.issued_at
from planning.forecast_totals as totals
inner join catalog.sites on totals.site_id = sites.site_id
cross join lateral unnest(
    totals.mean, totals.q0025, totals.q0100, totals.q0500, totals.q0900, totals.q0975
) with ordinality as day (mean, q0025, q0100, q0500, q0900, q0975, ordinal)
where
    (%(site)s::text is null or sites.code = %(site)s)
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and (sites.code, totals.category, totals.first_date + (day.ordinal - 1)::integer)
    > (%(after_site)s::text, %(after_category)s::text, %(after_date)s::date)
order by sites.code, totals.category, forecast_date
limit %(limit)s::int

-- name: list_waiting_plans
select
    sites.code as site,
    blocked_sites.reason
from planning.blocked_sites
inner join catalog.sites on blocked_sites.site_id = sites.site_id
where
    (%(site)s::text is null or sites.code = %(site)s)
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
order by sites.code

-- name: list_backtests
select
    sites.code as site,
    backtests.currency,
    backtests.policy,
    backtests.first_day,
    backtests.last_day,
    backtests.products,
    backtests.cost_minor,
    backtests.holding_cost_minor,
    backtests.shortage_cost_minor,
    backtests.capital_minor,
    backtests.demand,
    backtests.lost,
    backtests.fill_rate,
    backtests.average_stock,
    backtests.stockout_days,
    backtests.by_week,
    backtests.replayed_at
from planning.backtests
inner join catalog.sites on backtests.site_id = sites.site_id
where
    (%(site)s::text is null or sites.code = %(site)s)
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and (sites.code, backtests.currency, backtests.policy)
    > (%(after_site)s::text, %(after_currency)s::text, %(after_policy)s::text)
order by sites.code, backtests.currency, backtests.policy
limit %(limit)s::int

-- name: list_replayed_sites
select
    sites.code,
    sites.name
from catalog.sites
where
    (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and exists (select from planning.backtests where backtests.site_id = sites.site_id)
order by sites.code

-- name: sums_of_forecasts
-- Of the planned products, those whose newest forecast begins on this day.
with standing as (
    select distinct on (forecasts.product_id)
        forecasts.product_id,
        forecasts.mean
    from planning.forecasts
    where
        forecasts.site_id = %(site_id)s
        and forecasts.first_date = %(first_day)s
    order by forecasts.product_id asc, forecasts.issued_at desc
),

days as (
    select
        planned.category,
        ahead.day,
        sum(ahead.mean) as mean,
        count(*) as products
    from standing
    inner join marts.mart_planned_products as planned
        on
            standing.product_id = planned.product_id
            and planned.site_id = %(site_id)s
    cross join lateral unnest(standing.mean) with ordinality as ahead (mean, day)
    group by planned.category, ahead.day
)

select
    category,
    max(products) as products,
    array_agg(mean order by day) as mean
from days
group by category
order by category

-- name: forget_totals
delete from planning.forecast_totals
where site_id = %(site_id)s

-- name: store_total
insert into planning.forecast_totals (
    site_id, category, first_date, products, mean, q0025, q0100, q0500, q0900, q0975, refresh_id
)
values (
    %(site_id)s, %(category)s, %(first_day)s, %(products)s, %(mean)s, %(q0025)s, %(q0100)s,
    %(q0500)s, %(q0900)s, %(q0975)s, %(refresh_id)s
)

-- name: totals_of_sites
-- The next week of each whole site, and of its largest categories.
select
    sites.code as site,
    coalesce(nullif(totals.category, ''), 'everything') as category,
    totals.products,
    (select sum(day) from unnest(totals.mean[1:7]) as days (day)) as week,
    totals.mean[1] as tomorrow,
    totals.q0100[1] as low,
    totals.q0900[1] as high
from planning.forecast_totals as totals
inner join marts.dim_sites as sites on totals.site_id = sites.site_id
order by sites.code, totals.category = '' desc, week desc
limit %(limit)s

-- name: sites_to_replay
-- Sites with closed days and something planned, and the days that there are of them.
select
    sites.site_id,
    sites.code,
    greatest(min(days.day), sites.last_closed_day - %(history_days)s::integer + 1) as first_day,
    sites.last_closed_day
from marts.dim_sites as sites
inner join intermediate.int_site_days as days
    on sites.site_id = days.site_id and days.is_over
where
    sites.last_closed_day is not null
    and exists (select from planning.policies where policies.site_id = sites.site_id)
group by sites.site_id, sites.code, sites.last_closed_day
order by sites.site_id

-- name: bought_at
select
    policies.product_id,
    policies.lead_time_days,
    policies.service_level,
    products.unit_cost_minor,
    case when products.unit_cost_minor is null then '' else coalesce(products.currency, '') end
        as currency
from planning.policies
inner join marts.dim_products as products on policies.product_id = products.product_id
where policies.site_id = %(site_id)s
order by policies.product_id

-- name: stock_at_open
select
    product_id,
    on_hand_at_open
from marts.fct_daily_demand
where site_id = %(site_id)s and day = %(day)s

-- name: forget_site
delete from planning.backtests
where site_id = %(site_id)s

-- name: forget_other_sites
-- A site without a plan any more has no replay either.
delete from planning.backtests
where site_id <> all(%(site_ids)s::integer[])

-- name: store_backtest
insert into planning.backtests (
    site_id, currency, policy, first_day, last_day, products,
    cost_minor, holding_cost_minor, shortage_cost_minor, capital_minor,
    demand, lost, fill_rate, average_stock, stockout_days, by_week
)
values (
    %(site_id)s, %(currency)s, %(policy)s, %(first_day)s, %(last_day)s, %(products)s,
    %(cost_minor)s, %(holding_cost_minor)s, %(shortage_cost_minor)s, %(capital_minor)s,
    %(demand)s, %(lost)s, %(fill_rate)s, %(average_stock)s, %(stockout_days)s, %(by_week)s
)

-- name: withdraw_anomalies
-- A late event can show that a day was not that far off; what somebody confirmed stays.
delete from planning.anomalies
using marts.fct_daily_demand as facts
where
    anomalies.confirmed_at is null
    and facts.product_id = anomalies.product_id
    and facts.site_id = anomalies.site_id
    and facts.day = anomalies.day
    and facts.demand between anomalies.low and anomalies.high

-- name: find_anomalies
-- Of the last week's days seen in full, those further from the middle than twice the bound of the
-- 95 % interval that was issued before them. A stretch that is a week or more away from its issue
-- is not judged.
insert into planning.anomalies (product_id, site_id, day, demand, expected, low, high)
select
    facts.product_id,
    facts.site_id,
    facts.day,
    facts.demand,
    said.expected,
    said.low,
    said.high
from marts.dim_sites as sites
inner join marts.fct_daily_demand as facts
    on
        sites.site_id = facts.site_id
        and facts.day > sites.last_closed_day - 7
cross join lateral (
    select
        forecasts.mean[facts.day - forecasts.first_date + 1] as expected,
        forecasts.q0025[facts.day - forecasts.first_date + 1] as low,
        forecasts.q0500[facts.day - forecasts.first_date + 1] as middle,
        forecasts.q0975[facts.day - forecasts.first_date + 1] as high
    from planning.forecasts
    where
        forecasts.product_id = facts.product_id
        and forecasts.site_id = facts.site_id
        and forecasts.first_date between facts.day - 6 and facts.day
    order by forecasts.first_date desc, forecasts.issued_at desc
    limit 1
) as said
where
    facts.state in ('full', 'censored')
    and facts.exposure >= 0.95
    and (
        (
            facts.demand > 2 * said.high - said.middle
            and facts.demand - said.high >= 1
        )
        or (
            facts.demand < 2 * said.low - said.middle
            and said.low - facts.demand >= 1
        )
    )
on conflict (product_id, site_id, day) do update
set demand = excluded.demand

-- name: standing_anomalies
-- Those that nobody confirmed: such a day counts as the bound that it is beyond.
select
    product_id,
    (day - date '2000-01-01')::integer as day_number,
    low,
    high
from planning.anomalies
where site_id = %(site_id)s and confirmed_at is null

-- name: forget_adjusted_days
delete from planning.adjusted_days
where site_id = %(site_id)s

-- name: store_adjusted_days
copy planning.adjusted_days (product_id, site_id, day, demand, counted, reason) from stdin

-- name: predecessors
-- What each product follows, from which day on: its demand before that day is the product's own.
select
    older.product_id,
    older.successor_product_id,
    (older.successor_from - date '2000-01-01')::integer as from_day_number
from catalog.products as older
where older.successor_product_id is not null
order by older.successor_from

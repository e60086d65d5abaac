-- name: newest_demand
-- The last closed week of every site: what was asked for, and how far it can be believed.
select
    dim_sites.code,
    facts.day,
    count(*) as product_sites,
    count(*) filter (where facts.state = 'full') as days_full,
    count(*) filter (where facts.state = 'censored') as days_censored,
    count(*) filter (where facts.state = 'unknown') as days_unknown,
    count(*) filter (where facts.state = 'closed') as days_closed,
    round(sum(facts.demand)) as demand
from marts.dim_sites
inner join marts.fct_daily_demand as facts
    on
        dim_sites.site_id = facts.site_id
        and facts.day > dim_sites.last_closed_day - 7
group by dim_sites.code, facts.day
order by facts.day desc, dim_sites.code asc
limit 50

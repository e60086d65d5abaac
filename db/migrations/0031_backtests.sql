-- What each policy would have come to over the last weeks of each site, as last replayed.

-- One row a site, currency and policy. Currency '' is the products without a unit cost: what they
-- came to is counted in units alone.
create table planning.backtests (
    site_id integer not null,
    currency text not null,
    policy text not null
        constraint backtests_policy_known
        check (policy in ('simulation', 'service_level', 'fixed_min_max', 'perfect_foresight')),
    first_day date not null,
    last_day date not null,
    products integer not null,
    cost_minor double precision,
    holding_cost_minor double precision,
    shortage_cost_minor double precision,
    capital_minor double precision,
    demand double precision not null,
    lost double precision not null,
    fill_rate double precision not null,
    average_stock double precision not null,
    stockout_days integer not null,
    -- The cost of each week, in minor units; the units lost in it where no cost is known.
    by_week double precision[] not null,
    replayed_at timestamptz not null default now(),
    primary key (site_id, currency, policy),
    constraint backtests_money_where_a_cost_is_known check (
        (currency = '') = (cost_minor is null)
        and (currency = '') = (holding_cost_minor is null)
        and (currency = '') = (shortage_cost_minor is null)
        and (currency = '') = (capital_minor is null)
    )
);

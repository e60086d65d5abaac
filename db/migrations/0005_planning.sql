-- What the refresh leaves: up to which event it read, what it forecast, and what it suggests.

-- One row a refresh; the cursor is the to_position of the last one that succeeded.
create table planning.refreshes (
    refresh_id bigint generated always as identity primary key,
    scope text not null
        constraint refreshes_scope_known check (scope in ('full', 'incremental')),
    from_position bigint not null,
    to_position bigint not null,
    dagster_run_id text,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    status text not null default 'started'
        constraint refreshes_status_known
        check (status in ('started', 'succeeded', 'failed'))
);
create index refreshes_succeeded_idx
on planning.refreshes (to_position desc) where status = 'succeeded';

-- Append-only: each forecast as it was issued, one row a product and site, one array element a
-- day from first_date on. accuracy is measured against what was really said.
create table planning.forecasts (
    product_id integer not null,
    site_id integer not null,
    issued_at timestamptz not null,
    refresh_id bigint not null,
    first_date date not null,
    model text not null,
    mean double precision[] not null,
    q0025 double precision[] not null,
    q0100 double precision[] not null,
    q0500 double precision[] not null,
    q0900 double precision[] not null,
    q0975 double precision[] not null,
    primary key (product_id, site_id, issued_at)
);

-- Of each site, how totals over several days stray from what was forecast, as it was measured on
-- the past when the site was last forecast, and how good the method was there.
create table planning.demand_distributions (
    site_id integer primary key,
    refresh_id bigint not null,
    totals jsonb not null,
    accuracy jsonb not null,
    computed_at timestamptz not null default now()
);

create view planning.current_forecasts as
select distinct on (forecasts.product_id, forecasts.site_id) forecasts.*
from planning.forecasts
order by forecasts.product_id, forecasts.site_id, forecasts.issued_at desc;

-- The last stored policy, from which alerts are raised without a run.
-- selling_minimum: on hand at selling places below this is critical while nothing is behind
-- them; refill_minimum: the same while the site still has stock to refill them from.
create table planning.policies (
    product_id integer not null,
    site_id integer not null,
    supplier_id integer,
    lead_time_days integer not null,
    review_period_days integer not null,
    service_level double precision not null,
    mean_daily_demand double precision not null,
    reorder_point bigint not null,
    order_up_to_level bigint not null,
    selling_minimum bigint not null,
    refill_minimum bigint not null,
    pack_size integer not null,
    minimum_order_quantity integer not null,
    arithmetic jsonb not null,
    refresh_id bigint not null,
    computed_at timestamptz not null default now(),
    primary key (product_id, site_id)
);

create table planning.suggestions (
    suggestion_id uuid primary key default gen_random_uuid(),
    version integer not null default 1,
    kind text not null constraint suggestions_kind_known check (kind in ('purchase')),
    status text not null default 'open'
        constraint suggestions_status_known
        check (status in ('open', 'approved', 'closed')),
    product_id integer not null,
    site_id integer not null,
    supplier_id integer,
    quantity bigint not null
        constraint suggestions_quantity_positive check (quantity > 0),
    priority text not null
        constraint suggestions_priority_known
        check (priority in ('critical', 'high', 'medium', 'low')),
    inventory_position bigint not null,
    reorder_point bigint not null,
    order_up_to_level bigint not null,
    days_until_stockout double precision,
    reason text not null,
    arithmetic jsonb not null,
    refresh_id bigint not null,
    opened_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    closed_at timestamptz
);
create unique index suggestions_one_open
on planning.suggestions (product_id, site_id, kind) where status = 'open';

-- What was really forecast beside what then happened, which plans wait because of it, and how
-- forecasts as issued end when they are old.

-- One row a site, category and day, and a horizon: the forecast was issued so many days before the
-- day ended. Sums over products seen in full, so that every table and plot is a sum of these.
create table planning.forecast_accuracy (
    site_id integer not null,
    category text not null,
    day date not null,
    horizon_days integer not null,
    observations bigint not null,
    demand double precision not null,
    forecast double precision not null,
    absolute_error double precision not null,
    squared_error double precision not null,
    naive_absolute_error double precision not null,
    naive_squared_error double precision not null,
    average_absolute_error double precision not null,
    average_squared_error double precision not null,
    pinball_loss double precision not null,
    within_80 bigint not null,
    within_95 bigint not null,
    measured_at timestamptz not null default now(),
    primary key (site_id, day, horizon_days, category)
);

create index forecasts_first_date_idx on planning.forecasts (first_date);

-- The plan of a site in here is left as it is; the reason is for people to read.
create table planning.blocked_sites (
    site_id integer primary key,
    reason text not null,
    blocked_since timestamptz not null default now(),
    refresh_id bigint not null
);

-- Forecasts as issued are append-only, and they end here and nowhere else: those of days long
-- past, the newest of each product and site excepted. Nothing younger than 60 days can be asked
-- for, because accuracy is measured from them.
create function planning.forget_forecasts(before date) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
    forgotten bigint;
begin
    if before > current_date - 60 then
        raise exception 'forecasts of the last 60 days stay'
            using errcode = 'check_violation';
    end if;
    delete from planning.forecasts
    where
        forecasts.first_date < before
        and exists (
            select from planning.forecasts as newer
            where
                newer.product_id = forecasts.product_id
                and newer.site_id = forecasts.site_id
                and newer.issued_at > forecasts.issued_at
        );
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;
revoke execute on function planning.forget_forecasts(date) from public;

-- The demand of a whole site and of each category, as the sum of its products' means; category ''
-- is the site. The quantiles are measured on such totals, not on products. One that stands each.
create table planning.forecast_totals (
    site_id integer not null,
    category text not null,
    first_date date not null,
    products integer not null,
    mean double precision[] not null,
    q0025 double precision[] not null,
    q0100 double precision[] not null,
    q0500 double precision[] not null,
    q0900 double precision[] not null,
    q0975 double precision[] not null,
    refresh_id bigint not null,
    issued_at timestamptz not null default now(),
    primary key (site_id, category)
);

-- Which model forecasts which class of demand at a site from when on, and why; append-only.
create table planning.model_choices (
    choice_id bigint generated always as identity primary key,
    site_id integer not null,
    demand_class text not null,
    model text not null,
    replaced text,
    reason text not null,
    products integer not null,
    refresh_id bigint not null,
    chosen_at timestamptz not null default now()
);
create index model_choices_site_idx
on planning.model_choices (site_id, demand_class, choice_id desc);

-- Days far outside of what was forecast for them. Until somebody confirms one it counts in the
-- level as the bound that it is beyond.
create table planning.anomalies (
    product_id integer not null,
    site_id integer not null,
    day date not null,
    demand double precision not null,
    expected double precision not null,
    low double precision not null,
    high double precision not null,
    found_at timestamptz not null default now(),
    confirmed_at timestamptz,
    confirmed_by integer,
    primary key (product_id, site_id, day)
);
create index anomalies_found_idx on planning.anomalies (found_at);

-- Days that the level counts otherwise than they were: bulk orders, and anomalies.
create table planning.adjusted_days (
    product_id integer not null,
    site_id integer not null,
    day date not null,
    demand double precision not null,
    counted double precision not null,
    reason text not null
        constraint adjusted_days_reason_known check (reason in ('bulk', 'anomaly')),
    primary key (product_id, site_id, day)
);

alter table alerts.alerts
drop constraint alerts_kind_known,
add constraint alerts_kind_known check (
    kind in (
        'critical_low', 'low',
        'over_promised', 'discrepancy', 'shortage_source', 'expiring_lot', 'demand_anomaly'
    )
);
alter table alerts.rules
drop constraint rules_kind_known,
add constraint rules_kind_known check (
    kind in (
        'over_promised', 'discrepancy', 'shortage_source', 'expiring_lot', 'demand_anomaly'
    )
),
drop constraint rules_say_what_their_kind_goes_by,
add constraint rules_say_what_their_kind_goes_by check (
    case kind
        when 'discrepancy' then at_least_units is not null and within_days is not null
        when 'shortage_source' then
            at_least_lines is not null and at_least_percent is not null
            and within_hours is not null
        when 'expiring_lot' then within_days is not null
        when 'demand_anomaly' then at_least_units is not null
        else true
    end
);
insert into alerts.rules (kind, at_least_units) values ('demand_anomaly', 5);

-- The alerts that follow from the ledger alone, the rules that they go by, and how often the lines
-- of a source went short.
alter table alerts.alerts
drop constraint alerts_kind_known,
add constraint alerts_kind_known check (
    kind in (
        'critical_low', 'low',
        'over_promised', 'discrepancy', 'shortage_source', 'expiring_lot'
    )
),
alter column product_id drop not null,
add column recorded_by integer,
add column source text,
add column detail jsonb not null default '{}',
add constraint alerts_are_about_a_product_or_a_source
check ((kind = 'shortage_source') = (product_id is null)),
add constraint alerts_of_a_source_name_it
check (kind <> 'shortage_source' or recorded_by is not null);

create unique index alerts_one_live_of_source
on alerts.alerts (kind, site_id, recorded_by, coalesce(source, ''))
where status <> 'resolved' and product_id is null;

-- What a level, a source or a lot is judged by. The rule for a product goes before one for its
-- category, that before one for its site, that before the one for everything. baseline_at is null
-- until a rule was first evaluated; what that finds is told in one digest.
create table alerts.rules (
    rule_id integer generated always as identity primary key,
    kind text not null
        constraint rules_kind_known
        check (kind in ('over_promised', 'discrepancy', 'shortage_source', 'expiring_lot')),
    product_id integer
        constraint rules_product_fkey references catalog.products,
    category text,
    site_id integer
        constraint rules_site_fkey references catalog.sites,
    is_on boolean not null default true,
    within_days integer
        constraint rules_within_days_range check (within_days between 0 and 730),
    within_hours integer
        constraint rules_within_hours_range check (within_hours between 1 and 168),
    at_least_units bigint
        constraint rules_at_least_units_range check (at_least_units between 1 and 10000000),
    at_least_lines integer
        constraint rules_at_least_lines_range check (at_least_lines between 1 and 1000000),
    at_least_percent integer
        constraint rules_at_least_percent_range check (at_least_percent between 1 and 100),
    baseline_at timestamptz,
    constraint rules_say_what_their_kind_goes_by check (
        case kind
            when 'discrepancy' then at_least_units is not null and within_days is not null
            when 'shortage_source' then
                at_least_lines is not null and at_least_percent is not null
                and within_hours is not null
            when 'expiring_lot' then within_days is not null
            else true
        end
    ),
    constraint rules_of_sources_are_for_sites
    check (kind <> 'shortage_source' or (product_id is null and category is null))
);
create unique index rules_one_for_each
on alerts.rules (kind, coalesce(product_id, 0), coalesce(category, ''), coalesce(site_id, 0));

insert into alerts.rules
(kind, within_days, within_hours, at_least_units, at_least_lines, at_least_percent)
values
('over_promised', null, null, null, null, null),
('discrepancy', 7, null, 1, null, null),
('shortage_source', null, 24, null, 20, 20),
('expiring_lot', 14, null, null, null, null);

-- Of each source at each site, how many of its lines took goods in an hour, and of these how many
-- took more than the book held. Kept from the events as they come, so that nobody counts a day of
-- events at each of them; rows older than the longest rule are deleted.
create table alerts.source_lines (
    recorded_by integer not null,
    source text not null,
    site_id integer not null,
    hour timestamptz not null,
    lines bigint not null,
    short_lines bigint not null,
    primary key (recorded_by, source, site_id, hour)
);
create index source_lines_hour_idx on alerts.source_lines (hour);

-- Some rules change their mind by the clock alone: a lot comes near its day, a source falls silent.
alter table alerts.evaluation
add column looked_at_clock timestamptz;

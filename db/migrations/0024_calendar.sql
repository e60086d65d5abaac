-- What is known of days beforehand: closures, promotions, price changes and events that people
-- foresee; and the country whose public holidays a site keeps.
alter table catalog.sites
add column country text
    constraint sites_country_iso_3166 check (country ~ '^[A-Z]{2}(-[A-Z0-9]{1,3})?$');

-- effect_percent: by how much demand differs from what it would be else; null is not known, and
-- then the days themselves teach it. Without product and category it is about the whole site.
create table catalog.calendar_events (
    site_id integer not null
        constraint calendar_events_site_fkey references catalog.sites,
    code text not null,
    name text not null,
    kind text not null
        constraint calendar_events_kind_known
        check (kind in ('closure', 'promotion', 'price_change', 'event')),
    first_day date not null,
    last_day date not null,
    product_id integer
        constraint calendar_events_product_fkey references catalog.products,
    category text,
    effect_percent integer
        constraint calendar_events_effect_range check (effect_percent between -100 and 1000),
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (site_id, code),
    constraint calendar_events_end_after_they_begin
    check (last_day between first_day and first_day + 366),
    constraint calendar_events_about_one_thing check (product_id is null or category is null),
    constraint calendar_events_closures_are_whole
    check (
        kind <> 'closure'
        or (product_id is null and category is null and effect_percent is null)
    )
);
create index calendar_events_product_idx on catalog.calendar_events (product_id)
where product_id is not null;

create trigger calendar_events_next_version before update on catalog.calendar_events
for each row execute function catalog.next_version();

create trigger calendar_events_are_logged
after insert or update or delete on catalog.calendar_events
for each row execute function catalog.log_change('calendar_event', 'site_id,code');

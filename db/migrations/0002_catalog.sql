-- What is kept, where, and from whom. Codes are for good: an event names them for ever.
create table catalog.suppliers (
    supplier_id integer generated always as identity primary key,
    code text not null constraint suppliers_code_key unique,
    name text not null,
    lead_time_days integer not null default 7
        constraint suppliers_lead_time_days_range
        check (lead_time_days between 0 and 730),
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table catalog.sites (
    site_id integer generated always as identity primary key,
    code text not null constraint sites_code_key unique,
    name text not null,
    time_zone text not null default 'UTC',
    is_simulated boolean not null default false,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- A table, so that users add their own kinds.
create table catalog.location_kinds (
    kind text primary key,
    name text not null,
    sells_by_default boolean not null default false
);

insert into catalog.location_kinds (kind, name, sells_by_default) values
('rack', 'Rack', false),
('shelf', 'Shelf', true),
('cabinet', 'Cabinet', false),
('drawer', 'Drawer', false),
('box', 'Box', false),
('bin', 'Bin', false),
('pallet', 'Pallet', false),
('display', 'Display', true),
('claw_machine', 'Claw machine', true),
('back_room', 'Back room', false),
('cold_store', 'Cold store', false);

create type catalog.metering as enum ('metered', 'periodic');

create table catalog.locations (
    location_id integer generated always as identity primary key,
    code text not null constraint locations_code_key unique,
    site_id integer not null
        constraint locations_site_fkey references catalog.sites,
    kind text not null
        constraint locations_kind_fkey references catalog.location_kinds,
    name text not null,
    capacity bigint
        constraint locations_capacity_range check (capacity > 0),
    metering catalog.metering not null default 'metered',
    selling boolean not null,
    refilled_from_location_id integer
        constraint locations_refilled_from_fkey references catalog.locations,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint locations_refilled_from_another
        check (refilled_from_location_id <> location_id)
);
create index locations_site_idx on catalog.locations (site_id);

create table catalog.products (
    product_id integer generated always as identity primary key,
    sku text not null constraint products_sku_key unique,
    name text not null,
    category text,
    unit_cost bigint
        constraint products_unit_cost_range check (unit_cost >= 0),
    unit_price bigint
        constraint products_unit_price_range check (unit_price >= 0),
    currency text
        constraint products_currency_iso_4217 check (currency ~ '^[A-Z]{3}$'),
    supplier_id integer
        constraint products_supplier_fkey references catalog.suppliers,
    pack_size integer not null default 1
        constraint products_pack_size_range check (pack_size between 1 and 10000000),
    minimum_order_quantity integer not null default 1
        constraint products_minimum_order_quantity_range
        check (minimum_order_quantity between 1 and 10000000),
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint products_money_has_a_currency
        check (currency is not null or (unit_cost is null and unit_price is null))
);
create index products_supplier_idx on catalog.products (supplier_id);

-- The ledger: events, what each did, and the levels that they led to. Append-only but for levels.
create type ledger.event_type as enum (
    'received', 'sold', 'returned', 'counted', 'adjusted', 'transferred',
    'dispatched', 'arrived', 'reserved', 'released', 'shipped', 'reversed'
);

create type ledger.adjustment_reason as enum (
    'damaged', 'expired', 'lost', 'theft', 'found',
    'book_shortage', 'reordered', 'opening_balance'
);

-- A restore renews the epoch; a cursor of another epoch makes its reader start again.
create table ledger.epoch (
    only_row boolean primary key default true constraint epoch_one_row check (only_row),
    epoch uuid not null default gen_random_uuid(),
    began_at timestamptz not null default now()
);
insert into ledger.epoch default values;

-- position: drawn under the ledger's lock as max(position) + 1, so its order is commit order.
-- occurred_at_sent: what the client said, kept only where occurred_at was corrected.
-- caused_by: the position of the client's event that made the writer derive this one.
create table ledger.inventory_events (
    position bigint primary key,
    event_id uuid not null constraint inventory_events_event_id_key unique,
    recorded_at timestamptz not null,
    occurred_at timestamptz not null,
    occurred_at_sent timestamptz,
    sent_at timestamptz,
    event_type ledger.event_type not null,
    reason ledger.adjustment_reason,
    product_id integer not null,
    location_id integer not null,
    to_location_id integer,
    recorded_by integer not null,
    quantity bigint
        constraint inventory_events_quantity_range
        check (quantity between 0 and 10000000),
    quantity_change bigint,
    reverses uuid constraint inventory_events_reverses_key unique,
    caused_by bigint,
    source text,
    reference text,
    metadata jsonb,
    warnings jsonb,
    constraint inventory_events_not_from_the_future
        check (occurred_at <= recorded_at),
    constraint inventory_events_reason_of_adjusted
        check ((event_type = 'adjusted') = (reason is not null))
);

create index inventory_events_caused_by_idx
on ledger.inventory_events (caused_by) where caused_by is not null;

-- One leg for each level that an event touched. lot_id 0 means no lot. The values after are those
-- of the lot and, in place_*, those of the product at the location over all its lots.
create table ledger.movements (
    position bigint not null,
    leg smallint not null,
    product_id integer not null,
    location_id integer not null,
    lot_id integer not null default 0,
    on_hand_change bigint not null,
    reserved_change bigint not null default 0,
    on_hand_after bigint not null
        constraint movements_on_hand_after_not_negative check (on_hand_after >= 0),
    reserved_after bigint not null default 0
        constraint movements_reserved_after_not_negative check (reserved_after >= 0),
    place_on_hand_after bigint not null
        constraint movements_place_on_hand_after_not_negative
        check (place_on_hand_after >= 0),
    place_reserved_after bigint not null default 0
        constraint movements_place_reserved_after_not_negative
        check (place_reserved_after >= 0),
    primary key (position, leg)
);
create index movements_level_idx
on ledger.movements (product_id, location_id, position);

-- version: the position of the last movement. counted_position: that of the last count.
create table ledger.stock_levels (
    product_id integer not null,
    location_id integer not null,
    lot_id integer not null default 0,
    on_hand bigint not null
        constraint stock_levels_on_hand_not_negative check (on_hand >= 0),
    reserved bigint not null default 0
        constraint stock_levels_reserved_not_negative check (reserved >= 0),
    version bigint not null,
    counted_position bigint,
    primary key (product_id, location_id, lot_id)
);
create index stock_levels_location_idx on ledger.stock_levels (location_id);
create index stock_levels_version_idx on ledger.stock_levels (version);

-- What a machine sent and the ledger could not understand: whole, with the reason.
-- json, not jsonb, keeps the payload as it was sent, an escaped NUL included.
create table ledger.rejected_events (
    rejected_id bigint generated always as identity primary key,
    event_id uuid,
    payload json not null,
    problem jsonb not null,
    received_at timestamptz not null default now(),
    received_by integer not null,
    status text not null default 'open'
        constraint rejected_events_status_known
        check (status in ('open', 'recorded', 'discarded')),
    settled_at timestamptz
);
create index rejected_events_open_idx
on ledger.rejected_events (event_id) where status = 'open';
-- The same row sent again is kept once.
create index rejected_events_payload_idx
on ledger.rejected_events (md5(payload::text)) where status = 'open';

-- Each event in the words of its client, codes in place of numbers, with what it did leg by leg:
-- the feed, and the first answer again for a repeat.
create view ledger.told_events as
select
    events.position,
    events.event_id,
    events.event_type::text as event_type,
    events.occurred_at,
    coalesce(events.occurred_at_sent, events.occurred_at) as occurred_at_sent,
    events.recorded_at,
    events.recorded_by,
    products.sku,
    places.code as location,
    targets.code as to_location,
    events.quantity,
    events.quantity_change,
    events.reason::text as reason,
    events.reverses,
    originals.quantity as reversed_quantity,
    events.caused_by,
    events.source,
    events.reference,
    events.metadata,
    events.warnings,
    legs.leg_locations,
    legs.leg_sites,
    legs.on_hand_changes,
    legs.reserved_changes,
    legs.on_hands_after,
    legs.reserveds_after
from ledger.inventory_events as events
inner join catalog.products on events.product_id = products.product_id
inner join catalog.locations as places
    on events.location_id = places.location_id
left join catalog.locations as targets
    on events.to_location_id = targets.location_id
left join ledger.inventory_events as originals
    on events.reverses = originals.event_id
inner join lateral (
    select
        array_agg(leg_places.code order by movements.leg) as leg_locations,
        array_agg(leg_sites.code order by movements.leg) as leg_sites,
        array_agg(movements.on_hand_change order by movements.leg)
            as on_hand_changes,
        array_agg(movements.reserved_change order by movements.leg)
            as reserved_changes,
        array_agg(movements.place_on_hand_after order by movements.leg)
            as on_hands_after,
        array_agg(movements.place_reserved_after order by movements.leg)
            as reserveds_after
    from ledger.movements
    inner join catalog.locations as leg_places
        on movements.location_id = leg_places.location_id
    inner join catalog.sites as leg_sites
        on leg_places.site_id = leg_sites.site_id
    where movements.position = events.position
) as legs on true;

-- Nothing enters the ledger but under its lock: an insert that was decided on levels read
-- before the lock would be decided on what stood then.
create function ledger.lock_key() returns bigint
language sql immutable parallel safe
as 'select 7270002::bigint';

create function ledger.require_lock() returns trigger
language plpgsql
as $$
begin
    if not exists (
        select from pg_locks
        where
            locktype = 'advisory'
            and pid = pg_backend_pid()
            and classid = 0
            and objid = 7270002
            and granted
    ) then
        raise exception 'the ledger is written only under its advisory lock'
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    return null;
end
$$;

create trigger inventory_events_need_the_lock
before insert on ledger.inventory_events
for each statement execute function ledger.require_lock();

create trigger stock_levels_need_the_lock
before insert or update on ledger.stock_levels
for each statement execute function ledger.require_lock();

-- Append-only also for whoever owns the tables.
create function ledger.refuse_change() returns trigger
language plpgsql
as $$
begin
    raise exception '% is append-only: record a further event instead', tg_table_name
        using errcode = 'object_not_in_prerequisite_state';
end
$$;

create trigger inventory_events_append_only
before update or delete or truncate on ledger.inventory_events
for each statement execute function ledger.refuse_change();

create trigger movements_append_only
before update or delete or truncate on ledger.movements
for each statement execute function ledger.refuse_change();

-- All of stock: lots, reservations with identity, transfers between sites, and what the writer must
-- know of a level to tell an event that arrives in order from one that does not.

-- A batch of one product; 0 in lot_id columns means none.
create table ledger.lots (
    lot_id integer generated always as identity primary key,
    product_id integer not null,
    code text not null,
    expires_on date,
    first_named_at timestamptz not null default now(),
    constraint lots_product_code_key unique (product_id, code)
);
create index lots_expires_idx on ledger.lots (expires_on) where expires_on is not null;

-- lot_id: the lot that the client named. reservation: the event_id of the `reserved` event that is
-- released or shipped. expires_at: until when a reservation holds. transfer_id: what a dispatch and
-- its arrivals share. recipe_version: by which recipe a kit was taken apart.
alter table ledger.inventory_events
add column lot_id integer,
add column reservation uuid,
add column expires_at timestamptz,
add column transfer_id uuid,
add column recipe_version integer;

-- Moments are microseconds since 1970 times four, plus 0 for what comes in, 1 for what goes out and
-- 2 for a count, which is the order of occurrence. They stand on the row of lot 0, which each place
-- has. last_moment: the latest event. settled_moment: the latest that the events before it must
-- not change any more: one that came in, was counted, or went short, here or of a place refilled
-- from here. Null: not known, so the next event is replayed. counted_position is not written any
-- more; it stays for what still reads it.
alter table ledger.stock_levels
add column last_moment bigint,
add column settled_moment bigint;

-- Which reservations may still hold something; how much, is the sum of their movements.
create table ledger.open_reservations (
    position bigint not null,
    reservation uuid not null,
    product_id integer not null,
    location_id integer not null,
    expires_at timestamptz,
    primary key (position, product_id, location_id)
);
create index open_reservations_level_idx
on ledger.open_reservations (product_id, location_id);
create index open_reservations_expires_idx
on ledger.open_reservations (expires_at) where expires_at is not null;

-- Goods between two sites, owned by the one that they go to.
insert into catalog.location_kinds (kind, name, sells_by_default) values
('in_transit', 'In transit', false);

-- The last position that was recorded before a moment. recorded_at never falls along positions, so
-- it is searched by halves and needs no index.
create function ledger.position_before(moment timestamptz) returns bigint
language plpgsql stable
as $$
declare
    low bigint := 0;
    high bigint := coalesce((select max(position) from ledger.inventory_events), 0);
    middle bigint;
    found timestamptz;
begin
    while low < high loop
        middle := (low + high + 1) / 2;
        select inventory_events.recorded_at into found
        from ledger.inventory_events
        where inventory_events.position <= middle
        order by inventory_events.position desc
        limit 1;
        if found is null or found < moment then
            low := middle;
        else
            high := middle - 1;
        end if;
    end loop;
    return low;
end
$$;

create or replace view ledger.told_events as
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
    legs.reserveds_after,
    lots.code as lot,
    events.reservation,
    events.expires_at,
    events.transfer_id,
    events.recipe_version,
    legs.leg_skus,
    legs.leg_lots
from ledger.inventory_events as events
inner join catalog.products on events.product_id = products.product_id
inner join catalog.locations as places
    on events.location_id = places.location_id
left join catalog.locations as targets
    on events.to_location_id = targets.location_id
left join ledger.inventory_events as originals
    on events.reverses = originals.event_id
left join ledger.lots on events.lot_id = lots.lot_id
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
            as reserveds_after,
        array_agg(leg_products.sku order by movements.leg) as leg_skus,
        array_agg(leg_lots.code order by movements.leg) as leg_lots
    from ledger.movements
    inner join catalog.products as leg_products
        on movements.product_id = leg_products.product_id
    inner join catalog.locations as leg_places
        on movements.location_id = leg_places.location_id
    inner join catalog.sites as leg_sites
        on leg_places.site_id = leg_sites.site_id
    left join ledger.lots as leg_lots on movements.lot_id = leg_lots.lot_id
    where movements.position = events.position
) as legs on true;

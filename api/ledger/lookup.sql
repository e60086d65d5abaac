-- name: read_group
-- All that a group is decided on, in one round trip. kind 0: the head and the time; 1: what a place
-- holds, lot by lot; 2: events that are there already; 3: ids that were rejected before; 4: when
-- the lots that it names expire, since a place may hold nothing of them yet.
select
    0 as kind,
    coalesce(head.position, 0) as position,
    null::int as product_id,
    null::int as location_id,
    null::int as lot_id,
    null::bigint as on_hand,
    null::bigint as reserved,
    null::bigint as last_moment,
    null::bigint as settled_moment,
    null::date as expires_on,
    null::uuid as event_id,
    greatest(clock_timestamp(), head.recorded_at) as recorded_at
from (select) as nothing
left join lateral (
    select inventory_events.position, inventory_events.recorded_at
    from ledger.inventory_events
    order by inventory_events.position desc
    limit 1
) as head on true
union all
select
    1,
    held.version,
    wanted.product_id,
    wanted.location_id,
    held.lot_id,
    held.on_hand,
    held.reserved,
    held.last_moment,
    held.settled_moment,
    lots.expires_on,
    null,
    null
from unnest(
    %(product_ids)s::int[], %(location_ids)s::int[]
) as wanted (product_id, location_id)
inner join lateral (
    select stock_levels.*
    from ledger.stock_levels
    where
        stock_levels.product_id = wanted.product_id
        and stock_levels.location_id = wanted.location_id
        and (stock_levels.lot_id = 0 or stock_levels.on_hand > 0)
    offset 0
) as held on true
left join ledger.lots on held.lot_id > 0 and held.lot_id = lots.lot_id
union all
select
    2,
    inventory_events.position,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    inventory_events.event_id,
    null
from ledger.inventory_events
where inventory_events.event_id = any(%(event_ids)s::uuid[])
union all
select
    3,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    rejected_events.event_id,
    null
from ledger.rejected_events
where
    rejected_events.status = 'open'
    and rejected_events.event_id = any(%(event_ids)s::uuid[])
union all
select
    4,
    null,
    null,
    null,
    lots.lot_id,
    null,
    null,
    null,
    null,
    lots.expires_on,
    null,
    null
from ledger.lots
where lots.lot_id = any(%(lot_ids)s::int[])

-- name: read_originals
-- Events to be reversed, and each level that they touched.
select
    originals.event_id,
    originals.position,
    originals.event_type::text as event_type,
    originals.occurred_at,
    coalesce(originals.quantity, -originals.quantity_change) as units,
    originals.quantity,
    originals.transfer_id,
    originals.caused_by is not null as is_derived,
    exists(
        select from ledger.inventory_events as reversals
        where reversals.reverses = originals.event_id
    ) as is_reversed,
    products.product_id,
    products.sku,
    places.location_id,
    places.code as location,
    sites.code as site,
    legs.*
from ledger.inventory_events as originals
inner join catalog.products on originals.product_id = products.product_id
inner join catalog.locations as places
    on originals.location_id = places.location_id
inner join catalog.sites on places.site_id = sites.site_id
inner join lateral (
    select
        min(movements.leg) as first_leg,
        movements.product_id as leg_product_id,
        movements.location_id as leg_location_id,
        leg_products.sku as leg_sku,
        leg_places.code as leg_location,
        leg_places.kind = 'in_transit' as leg_is_transit,
        leg_sites.code as leg_site,
        sum(movements.on_hand_change)::bigint as change
    from ledger.movements
    inner join catalog.products as leg_products
        on movements.product_id = leg_products.product_id
    inner join catalog.locations as leg_places
        on movements.location_id = leg_places.location_id
    inner join catalog.sites as leg_sites
        on leg_places.site_id = leg_sites.site_id
    where movements.position = originals.position
    group by
        movements.product_id,
        movements.location_id,
        leg_products.sku,
        leg_places.code,
        leg_places.kind,
        leg_sites.code
) as legs on true
where originals.event_id = any(%(event_ids)s::uuid[])
order by originals.position, legs.first_leg

-- name: read_reservations
-- Reservations by their ids or by the levels that they hold something of: what each holds still, is
-- the sum of what its events reserved and released.
with wanted as (
    select named.reservation
    from unnest(%(reservations)s::uuid[]) as named (reservation)
    union
    select open_reservations.reservation
    from unnest(
        %(product_ids)s::int[], %(location_ids)s::int[]
    ) as levels (product_id, location_id)
    inner join ledger.open_reservations
        on
            levels.product_id = open_reservations.product_id
            and levels.location_id = open_reservations.location_id
)

select
    promises.event_id as reservation,
    promises.position,
    promises.product_id,
    products.sku,
    promises.location_id,
    places.code as location,
    sites.code as site,
    behind.location_id as behind_location_id,
    behind.code as behind_location,
    held.product_id as held_product_id,
    held_products.sku as held_sku,
    held.reserved / promises.quantity as each,
    held.reserved + coalesce(later.reserved, 0) as remaining
from wanted
inner join ledger.inventory_events as promises
    on wanted.reservation = promises.event_id
inner join catalog.products on promises.product_id = products.product_id
inner join catalog.locations as places
    on promises.location_id = places.location_id
inner join catalog.sites on places.site_id = sites.site_id
left join catalog.locations as behind
    on places.refilled_from_location_id = behind.location_id
inner join lateral (
    select
        movements.product_id,
        movements.leg,
        movements.reserved_change as reserved
    from ledger.movements
    where movements.position = promises.position
) as held on true
inner join catalog.products as held_products
    on held.product_id = held_products.product_id
left join lateral (
    -- `offset 0`: by position always. Where a product has few movements when the plan is made,
    -- reading all of them looks cheap, and is not when it has many.
    select sum(moved.reserved_change)::bigint as reserved
    from ledger.inventory_events as events
    cross join lateral (
        select
            movements.product_id,
            movements.reserved_change
        from ledger.movements
        where movements.position = events.position
        offset 0
    ) as moved
    where
        events.reservation = promises.event_id
        and moved.product_id = held.product_id
) as later on true
where promises.event_type = 'reserved'
order by promises.position, held.leg

-- name: read_transfers
-- How much of each transfer was dispatched to a site, arrived there, and was given up as lost.
select
    events.transfer_id,
    events.product_id,
    transits.location_id as transit_location_id,
    coalesce(
        sum(events.quantity) filter (where events.event_type = 'dispatched'), 0
    )::bigint as dispatched,
    coalesce(
        sum(events.quantity) filter (where events.event_type = 'arrived'), 0
    )::bigint as arrived,
    coalesce(
        -sum(events.quantity_change) filter (where events.event_type = 'adjusted'), 0
    )::bigint as lost
from ledger.inventory_events as events
inner join catalog.locations
    on coalesce(events.to_location_id, events.location_id) = locations.location_id
inner join catalog.locations as transits
    on
        locations.site_id = transits.site_id
        and transits.kind = 'in_transit'
where
    events.transfer_id = any(%(transfer_ids)s::uuid[])
    and not exists (
        select from ledger.inventory_events as reversals
        where reversals.reverses = events.event_id
    )
group by events.transfer_id, events.product_id, transits.location_id

-- name: read_closed_counts
-- Asked for only where an event is not in order: a count is an event itself, so that what is in
-- order is not before it.
select
    closed_counts.product_id,
    closed_counts.location_id,
    closed_counts.lot_id,
    closed_counts.counted_at
from unnest(
    %(product_ids)s::int[], %(location_ids)s::int[]
) as levels (product_id, location_id)
inner join ledger.closed_counts
    on
        levels.product_id = closed_counts.product_id
        and levels.location_id = closed_counts.location_id

-- name: read_linked
-- Places that are linked by refill, as one moves goods between them without a word.
with recursive linked (location_id) as (
    select named.location_id
    from unnest(%(location_ids)s::int[]) as named (location_id)
    union
    select other.location_id
    from linked
    inner join catalog.locations as here on linked.location_id = here.location_id
    inner join catalog.locations as other
        on
            here.refilled_from_location_id = other.location_id
            or here.location_id = other.refilled_from_location_id
)

select
    locations.location_id,
    locations.refilled_from_location_id
from linked
inner join catalog.locations on linked.location_id = locations.location_id

-- name: read_levels
-- What places hold, lot by lot.
select
    stock_levels.version as position,
    stock_levels.product_id,
    stock_levels.location_id,
    stock_levels.lot_id,
    stock_levels.on_hand,
    stock_levels.reserved,
    stock_levels.last_moment,
    stock_levels.settled_moment,
    lots.expires_on
from unnest(
    %(product_ids)s::int[], %(location_ids)s::int[]
) as wanted (product_id, location_id)
inner join ledger.stock_levels
    on
        wanted.product_id = stock_levels.product_id
        and wanted.location_id = stock_levels.location_id
left join ledger.lots on stock_levels.lot_id = lots.lot_id
where stock_levels.lot_id = 0 or stock_levels.on_hand > 0

-- name: read_tail
-- The newest movements of a product at some places before a position, the newest first: what
-- clients told, and by how much each lot changed with what was derived. happened_at: from when on
-- an event matters; what a reversal undoes matters from its own time on. expires_on: a lot that is
-- used up is there again in a replay.
select
    movements.position,
    movements.location_id,
    movements.lot_id as moved_lot_id,
    movements.on_hand_change,
    movements.last_moment_before,
    events.event_id,
    events.event_type::text as event_type,
    events.quantity,
    events.lot_id,
    events.occurred_at,
    events.caused_by,
    lots.expires_on,
    (
        events.caused_by is not null
        -- What was moved from or to a place that is not linked any more, stays moved.
        and (
            events.event_type <> 'transferred'
            or (
                events.location_id = any(%(location_ids)s::int[])
                and events.to_location_id = any(%(location_ids)s::int[])
            )
        )
    )
    or events.event_type = 'reversed'
    or events.event_type in ('reserved', 'released')
    or reversals.reverses is not null as is_left_out,
    least(events.occurred_at, originals.occurred_at) as happened_at
from (
    select newest.*
    from unnest(%(location_ids)s::int[]) as places (location_id)
    inner join lateral (
        select
            movements.position,
            movements.leg,
            movements.location_id,
            movements.lot_id,
            movements.on_hand_change,
            movements.last_moment_before
        from ledger.movements
        where
            movements.product_id = %(product_id)s::int
            and movements.location_id = places.location_id
            and movements.position < %(before)s::bigint
        order by movements.position desc
        limit %(rows)s::int
    ) as newest on true
    order by newest.position desc, newest.leg desc
    limit %(rows)s::int
) as movements
inner join ledger.inventory_events as events
    on movements.position = events.position
left join ledger.inventory_events as originals
    on events.reverses = originals.event_id
left join ledger.inventory_events as reversals
    on events.event_id = reversals.reverses
left join ledger.lots on movements.lot_id > 0 and movements.lot_id = lots.lot_id
order by movements.position desc, movements.leg desc

-- name: read_told
-- Events that are there already, for the answer to a repeat: the levels are those after the event
-- and all that was derived from it as it was recorded; of a reversal, those of what it undoes.
select
    told_events.*,
    levels.*
from ledger.told_events
inner join lateral (
    select
        array_agg(products.sku order by own.first_leg) as level_skus,
        array_agg(places.code order by own.first_leg) as level_locations,
        array_agg(sites.code order by own.first_leg) as level_sites,
        array_agg(finals.place_on_hand_after order by own.first_leg)
            as level_on_hands,
        array_agg(finals.place_reserved_after order by own.first_leg)
            as level_reserveds,
        array_agg(finals.position order by own.first_leg) as level_positions
    from (
        select
            movements.product_id,
            movements.location_id,
            min(movements.leg) as first_leg
        from ledger.movements
        where
            movements.position = told_events.position
            and (
                told_events.reverses is null
                or exists (
                    select from ledger.inventory_events as originals
                    inner join ledger.movements as undone
                        on originals.position = undone.position
                    where
                        originals.event_id = told_events.reverses
                        and undone.product_id = movements.product_id
                        and undone.location_id = movements.location_id
                )
            )
        group by movements.product_id, movements.location_id
    ) as own
    inner join catalog.products on own.product_id = products.product_id
    inner join catalog.locations as places
        on own.location_id = places.location_id
    inner join catalog.sites on places.site_id = sites.site_id
    inner join lateral (
        select
            movements.position,
            movements.place_on_hand_after,
            movements.place_reserved_after
        from ledger.movements
        where
            movements.product_id = own.product_id
            and movements.location_id = own.location_id
            and (
                movements.position = told_events.position
                or movements.position in (
                    select derived.position
                    from ledger.inventory_events as derived
                    where
                        derived.caused_by = told_events.position
                        and derived.position > told_events.position
                )
            )
        order by movements.position desc, movements.leg desc
        limit 1
    ) as finals on true
) as levels on true
where told_events.position = any(%(positions)s::bigint[])

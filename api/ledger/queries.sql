-- name: take_lock
-- One writer at a time: position order is commit order. A statement of its own, because a
-- statement that locks and reads would read what stood before the lock.
select pg_advisory_lock(ledger.lock_key())

-- name: try_lock
-- Without waiting; false also while somebody else waits for it.
select pg_try_advisory_lock(ledger.lock_key())

-- name: let_lock_go
select pg_advisory_unlock(ledger.lock_key())

-- name: read_due_reservations
-- Reservations whose time is over and that may still hold something.
select
    due.reservation,
    due.expires_at,
    promises.recorded_by
from (
    select
        open_reservations.reservation,
        min(open_reservations.expires_at) as expires_at
    from ledger.open_reservations
    where open_reservations.expires_at <= clock_timestamp()
    group by open_reservations.reservation
    order by min(open_reservations.expires_at)
    limit %(limit)s::int
) as due
inner join ledger.inventory_events as promises
    on due.reservation = promises.event_id

-- name: write_group
-- Events, movements and levels of a group in one round trip.
with events as (
    insert into ledger.inventory_events (
        position, event_id, recorded_at, occurred_at, occurred_at_sent,
        sent_at, event_type, reason, product_id, location_id, to_location_id,
        recorded_by, quantity, quantity_change, reverses, caused_by, source,
        reference, metadata, warnings, lot_id, reservation, expires_at,
        transfer_id, recipe_version
    )
    select
        given.position,
        given.event_id,
        %(recorded_at)s::timestamptz,
        given.occurred_at,
        given.occurred_at_sent,
        given.sent_at,
        given.event_type::ledger.event_type,
        given.reason::ledger.adjustment_reason,
        given.product_id,
        given.location_id,
        given.to_location_id,
        given.recorded_by,
        given.quantity,
        given.quantity_change,
        given.reverses,
        given.caused_by,
        given.source,
        given.reference,
        given.metadata::jsonb,
        given.warnings::jsonb,
        given.lot_id,
        given.reservation,
        given.expires_at,
        given.transfer_id,
        given.recipe_version
    from unnest(
        %(position)s::bigint[], %(event_id)s::uuid[],
        %(occurred_at)s::timestamptz[], %(occurred_at_sent)s::timestamptz[],
        %(sent_at)s::timestamptz[], %(event_type)s::text[],
        %(reason)s::text[], %(product_id)s::int[], %(location_id)s::int[],
        %(to_location_id)s::int[], %(recorded_by)s::int[],
        %(quantity)s::bigint[], %(quantity_change)s::bigint[],
        %(reverses)s::uuid[], %(caused_by)s::bigint[], %(source)s::text[],
        %(reference)s::text[], %(metadata)s::text[], %(warnings)s::text[],
        %(lot_id)s::int[], %(reservation)s::uuid[],
        %(expires_at)s::timestamptz[], %(transfer_id)s::uuid[],
        %(recipe_version)s::int[]
    ) as given (
        position, event_id, occurred_at, occurred_at_sent, sent_at, event_type,
        reason, product_id, location_id, to_location_id, recorded_by, quantity,
        quantity_change, reverses, caused_by, source, reference, metadata,
        warnings, lot_id, reservation, expires_at, transfer_id, recipe_version
    )
),

movements as (
    insert into ledger.movements (
        position, leg, product_id, location_id, lot_id, on_hand_change,
        reserved_change, on_hand_after, reserved_after, place_on_hand_after,
        place_reserved_after, last_moment_before
    )
    select given.*
    from unnest(
        %(moved_position)s::bigint[], %(moved_leg)s::smallint[],
        %(moved_product_id)s::int[], %(moved_location_id)s::int[],
        %(moved_lot_id)s::int[], %(on_hand_change)s::bigint[],
        %(reserved_change)s::bigint[], %(on_hand_after)s::bigint[],
        %(reserved_after)s::bigint[], %(place_on_hand_after)s::bigint[],
        %(place_reserved_after)s::bigint[], %(last_moment_before)s::bigint[]
    ) as given
),

levels as (
    insert into ledger.stock_levels as kept (
        product_id, location_id, lot_id, on_hand, reserved, version,
        last_moment, settled_moment
    )
    select given.*
    from unnest(
        %(level_product_id)s::int[], %(level_location_id)s::int[],
        %(level_lot_id)s::int[], %(level_on_hand)s::bigint[],
        %(level_reserved)s::bigint[], %(level_version)s::bigint[],
        %(level_last_moment)s::bigint[], %(level_settled_moment)s::bigint[]
    ) as given
    on conflict (product_id, location_id, lot_id) do update
    set
        on_hand = excluded.on_hand,
        reserved = excluded.reserved,
        version = excluded.version,
        last_moment = excluded.last_moment,
        settled_moment = excluded.settled_moment
)

select pg_notify('parstock_ledger', %(head)s::bigint::text)

-- name: keep_reservations
-- Which reservations hold something; those that hold nothing any more are closed for good.
with opened as (
    insert into ledger.open_reservations (
        position, reservation, product_id, location_id, expires_at
    )
    select given.*
    from unnest(
        %(opened_position)s::bigint[], %(opened_reservation)s::uuid[],
        %(opened_product_id)s::int[], %(opened_location_id)s::int[],
        %(opened_expires_at)s::timestamptz[]
    ) as given (position, reservation, product_id, location_id, expires_at)
    where given.reservation <> all(%(closed)s::uuid[])
)

delete from ledger.open_reservations
where open_reservations.reservation = any(%(closed)s::uuid[])

-- name: settle_rejected
update ledger.rejected_events
set
    status = 'recorded',
    settled_at = now()
where
    status = 'open'
    and event_id = any(%(event_ids)s::uuid[])

-- name: keep_rejected
-- Whole, once each however often it is sent.
insert into ledger.rejected_events (event_id, payload, problem, received_by)
select
    given.event_id,
    given.payload::json,
    given.problem::jsonb,
    %(received_by)s::int
from unnest(
    %(event_id)s::uuid[], %(payload)s::text[], %(problem)s::text[]
) with ordinality as given (event_id, payload, problem, row_number)
where not exists (
    select from ledger.rejected_events as kept
    where
        kept.status = 'open'
        and md5(kept.payload::text) = md5(given.payload)
        and kept.payload::text = given.payload
)
order by given.row_number

-- name: close_counts
-- A lot that the ledger does not know was not counted in it.
insert into ledger.closed_counts as kept (product_id, location_id, lot_id, counted_at)
select
    given.product_id,
    given.location_id,
    coalesce(lots.lot_id, 0),
    given.counted_at
from unnest(
    %(product_ids)s::int[], %(location_ids)s::int[], %(lots)s::text[],
    %(moments)s::timestamptz[]
) as given (product_id, location_id, lot, counted_at)
left join ledger.lots
    on given.product_id = lots.product_id and given.lot = lots.code
where given.lot is null or lots.lot_id is not null
on conflict (product_id, location_id, lot_id) do update
set counted_at = greatest(kept.counted_at, excluded.counted_at)

-- name: list_stock_levels
select
    products.sku,
    locations.code as location,
    sites.code as site,
    sum(stock_levels.on_hand)::bigint as on_hand,
    sum(stock_levels.reserved)::bigint as reserved,
    sum(stock_levels.on_hand - stock_levels.reserved)::bigint as available,
    max(stock_levels.version) as version
from catalog.products
inner join ledger.stock_levels on products.product_id = stock_levels.product_id
inner join catalog.locations
    on stock_levels.location_id = locations.location_id
inner join catalog.sites on locations.site_id = sites.site_id
where
    (%(sku)s::text is null or products.sku = %(sku)s)
    and (%(location)s::text is null or locations.code = %(location)s)
    and (%(site)s::text is null or sites.code = %(site)s)
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and (
        %(search)s::text is null
        or position(lower(%(search)s) in lower(products.sku)) > 0
        or position(lower(%(search)s) in lower(products.name)) > 0
    )
    and (
        %(after_sku)s::text is null
        or (
            products.sku >= %(after_sku)s
            and (products.sku, locations.code)
            > (%(after_sku)s, %(after_location)s::text)
        )
    )
group by products.sku, locations.code, sites.code
order by products.sku, locations.code
limit %(limit)s::int

-- name: levels_of_product
select ledger.levels_of(%(sku)s::text, %(sites)s::text[], %(limit)s::int) as page

-- name: find_places
-- Places by code, with the one that each is refilled from.
select
    locations.location_id,
    locations.code,
    sites.code as site,
    locations.kind = 'in_transit' as is_transit,
    behind.location_id as behind_location_id,
    behind.code as behind_code
from catalog.locations
inner join catalog.sites on locations.site_id = sites.site_id
left join catalog.locations as behind
    on locations.refilled_from_location_id = behind.location_id
where locations.code = any(%(codes)s::text[])

-- name: make_transit_places
-- Where goods are on their way to a site; made when the first ones leave.
insert into catalog.locations (code, site_id, kind, name, selling)
select
    sites.code || '.transit',
    sites.site_id,
    'in_transit',
    'In transit to ' || sites.name,
    false
from catalog.sites
where sites.code = any(%(sites)s::text[])
on conflict (code) do nothing

-- name: find_lots
select
    lots.lot_id,
    lots.product_id,
    lots.code,
    lots.expires_on
from unnest(
    %(product_ids)s::int[], %(codes)s::text[]
) as named (product_id, code)
inner join ledger.lots
    on named.product_id = lots.product_id and named.code = lots.code

-- name: name_lots
-- A lot is made when it is first named; when it expires, can be told later, once.
insert into ledger.lots (product_id, code, expires_on)
select
    named.product_id,
    named.code,
    max(named.expires_on)
from unnest(
    %(product_ids)s::int[], %(codes)s::text[], %(expire_on)s::date[]
) as named (product_id, code, expires_on)
group by named.product_id, named.code
on conflict (product_id, code) do update
set expires_on = coalesce(lots.expires_on, excluded.expires_on)
returning lot_id, product_id, code, expires_on

-- name: read_last_changes
-- Which changes of master data there were last. Several, since one with a lower number can be
-- committed after one with a higher.
select array_agg(latest.change_id) as changes
from (
    select changes.change_id
    from catalog.changes
    order by changes.change_id desc
    limit 100
) as latest

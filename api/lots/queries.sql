-- name: list_lots
-- A level of a lot stays when it is empty, so that a place leads back to each lot that was there.
select
    products.sku,
    lots.code as lot,
    lots.expires_on,
    locations.code as location,
    sites.code as site,
    stock_levels.on_hand
from ledger.stock_levels
inner join ledger.lots on stock_levels.lot_id = lots.lot_id
inner join catalog.products on stock_levels.product_id = products.product_id
inner join catalog.locations
    on stock_levels.location_id = locations.location_id
inner join catalog.sites on locations.site_id = sites.site_id
where
    stock_levels.lot_id > 0
    and (%(sku)s::text is null or products.sku = %(sku)s)
    and (%(lot)s::text is null or lots.code = %(lot)s)
    and (%(location)s::text is null or locations.code = %(location)s)
    and (%(site)s::text is null or sites.code = %(site)s)
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and (%(expires_to)s::date is null or lots.expires_on <= %(expires_to)s)
    and (not %(on_hand_only)s::boolean or stock_levels.on_hand > 0)
    and (
        %(after_sku)s::text is null
        or (products.sku, lots.code, locations.code)
        > (%(after_sku)s, %(after_lot)s::text, %(after_location)s::text)
    )
order by products.sku, lots.code, locations.code
limit %(limit)s::int

-- name: find_lot
select
    lots.lot_id,
    lots.product_id,
    products.sku,
    lots.code as lot,
    lots.expires_on
from ledger.lots
inner join catalog.products on lots.product_id = products.product_id
where
    products.sku = %(sku)s::text
    and lots.code = %(lot)s::text

-- name: list_places_of_lot
select
    locations.code as location,
    sites.code as site,
    sum(greatest(movements.on_hand_change, 0))::bigint as came_in,
    sum(greatest(-movements.on_hand_change, 0))::bigint as went_out,
    coalesce(sum(-movements.on_hand_change) filter (
        where
            coalesce(undone.event_type, events.event_type) in ('sold', 'shipped')
    ), 0)::bigint as sold,
    sum(movements.on_hand_change)::bigint as on_hand,
    min(events.occurred_at) as first_at,
    max(events.occurred_at) as last_at
from ledger.movements
inner join ledger.inventory_events as events
    on movements.position = events.position
left join ledger.inventory_events as undone
    on events.reverses = undone.event_id
inner join catalog.locations on movements.location_id = locations.location_id
inner join catalog.sites on locations.site_id = sites.site_id
where
    movements.product_id = %(product_id)s::int
    and movements.lot_id = %(lot_id)s::int
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
group by locations.code, sites.code
order by min(movements.position), locations.code

-- name: list_movements_of_lot
select
    movements.position,
    movements.leg,
    events.event_id,
    events.event_type::text as event_type,
    events.reason::text as reason,
    events.occurred_at,
    events.recorded_at,
    events.recorded_by,
    events.source,
    events.reference,
    events.transfer_id,
    events.reverses,
    events.caused_by,
    locations.code as location,
    sites.code as site,
    movements.on_hand_change,
    movements.on_hand_after as on_hand
from ledger.movements
inner join ledger.inventory_events as events
    on movements.position = events.position
inner join catalog.locations on movements.location_id = locations.location_id
inner join catalog.sites on locations.site_id = sites.site_id
where
    movements.product_id = %(product_id)s::int
    and movements.lot_id = %(lot_id)s::int
    and (movements.position, movements.leg)
    > (%(after_position)s::bigint, %(after_leg)s::int)
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
order by movements.position, movements.leg
limit %(limit)s::int

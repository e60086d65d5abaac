-- name: read_shell
-- What stands on every page: the bell, the clock and what the data are.
select
    (
        select count(*)
        from alerts.alerts
        inner join catalog.sites
            on alerts.site_id = sites.site_id
        where
            alerts.status = 'open'
            and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    ) as open_alerts,
    exists(
        select
        from catalog.sites
        where
            sites.is_simulated
            and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    ) as is_simulated,
    (
        select case when count(distinct sites.time_zone) = 1 then min(sites.time_zone) end
        from catalog.sites
        where (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    ) as zone;

-- name: list_shifted_imports
-- Histories that ended long ago and were moved to end yesterday, each source once.
select distinct on (imports.source)
    imports.source,
    imports.last_day,
    imports.shifted_days
from catalog.imports
where
    imports.shifted_days <> 0
    and imports.last_day is not null
order by imports.source, imports.import_id desc;

-- name: read_offline_data
-- What a phone keeps to book without a network: the catalog, and what the sites hold where.
with reached as (
    select
        locations.location_id,
        locations.code,
        locations.name
    from catalog.locations
    inner join catalog.sites on locations.site_id = sites.site_id
    where
        locations.kind <> 'in_transit'
        and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
),

codes as (
    select
        barcodes.product_id,
        array_agg(barcodes.code order by barcodes.code) as codes
    from catalog.barcodes
    group by barcodes.product_id
),

held_at as (
    select
        stock_levels.product_id,
        reached.code,
        sum(stock_levels.on_hand) as on_hand
    from ledger.stock_levels
    inner join reached on stock_levels.location_id = reached.location_id
    where stock_levels.on_hand > 0
    group by stock_levels.product_id, reached.code
),

held as (
    select
        products.sku,
        jsonb_object_agg(held_at.code, held_at.on_hand) as places
    from held_at
    inner join catalog.products on held_at.product_id = products.product_id
    group by products.sku
),

products as (
    select
        jsonb_agg(
            jsonb_build_object(
                'sku', products.sku,
                'name', products.name,
                'codes', coalesce(codes.codes, array[]::text[])
            )
            order by products.name, products.sku
        ) as told
    from catalog.products
    left join codes on products.product_id = codes.product_id
    where not exists (
        select from catalog.products as variants
        where variants.variant_of_product_id = products.product_id
    )
),

places as (
    select
        jsonb_agg(
            jsonb_build_object('code', reached.code, 'name', reached.name)
            order by reached.code
        ) as told
    from reached
),

levels as (
    select jsonb_object_agg(held.sku, held.places) as told
    from held
)

select
    jsonb_build_object(
        'epoch', epoch.epoch,
        'products', coalesce(products.told, '[]'),
        'places', coalesce(places.told, '[]'),
        'levels', coalesce(levels.told, '{}')
    )::text as told
from ledger.epoch
cross join products
cross join places
cross join levels

-- name: search_products
-- Every word must stand in the SKU, the name or the category. A product is low
-- or out where one of its sites is; the first condition keeps to the index.
with reached as (
    select
        locations.location_id,
        locations.site_id
    from catalog.locations
    inner join catalog.sites
        on locations.site_id = sites.site_id
    where %(sites)s::text[] is null or sites.code = any(%(sites)s)
)

select
    products.product_id,
    products.sku,
    products.name,
    coalesce(stock.on_hand, 0)::bigint as on_hand,
    coalesce(stock.places, 0) as places,
    case
        when need.is_out then 'out'
        when need.is_low or need.is_alerted then 'low'
        else 'enough'
    end as state
from catalog.products
left join lateral (
    select
        sum(stock_levels.on_hand) as on_hand,
        count(distinct stock_levels.location_id)
            filter (where stock_levels.on_hand > 0) as places
    from ledger.stock_levels
    where
        stock_levels.product_id = products.product_id
        and stock_levels.location_id in (
            select reached.location_id
            from reached
        )
) as stock on true
left join lateral (
    select
        bool_or(positions.on_hand = 0) as is_out,
        bool_or(positions.available <= positions.reorder_point) as is_low,
        exists(
            select
            from alerts.alerts
            inner join catalog.sites
                on alerts.site_id = sites.site_id
            where
                alerts.product_id = products.product_id
                and alerts.kind in ('critical_low', 'low')
                and alerts.status <> 'resolved'
                and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
        ) as is_alerted
    from (
        select
            policies.reorder_point,
            coalesce(sum(stock_levels.on_hand), 0) as on_hand,
            coalesce(sum(stock_levels.on_hand - stock_levels.reserved), 0)
                as available
        from planning.policies
        inner join catalog.sites
            on policies.site_id = sites.site_id
        left join catalog.locations
            on policies.site_id = locations.site_id
        left join ledger.stock_levels
            on
                locations.location_id = stock_levels.location_id
                and policies.product_id = stock_levels.product_id
        where
            policies.product_id = products.product_id
            and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
        group by policies.site_id, policies.reorder_point
    ) as positions
) as need on true
where
    products.sku > %(after_sku)s::text
    and not exists (
        select
        from unnest(%(words)s::text[]) as word
        where strpos(
            lower(concat_ws(' ', products.sku, products.name, products.category)),
            word
        ) = 0
    )
    and case %(show)s::text
        when 'low' then coalesce(need.is_low, false) or need.is_alerted
        when 'out' then coalesce(need.is_out, false)
        else true
    end
order by products.sku
limit %(limit)s::integer;

-- name: find_places
-- Places whose code or name holds every word.
select
    locations.code,
    locations.name,
    location_kinds.name as kind_name,
    coalesce(sum(stock_levels.on_hand), 0)::bigint as on_hand,
    count(distinct stock_levels.product_id)
        filter (where stock_levels.on_hand > 0) as products
from catalog.locations
inner join catalog.sites
    on locations.site_id = sites.site_id
inner join catalog.location_kinds
    on locations.kind = location_kinds.kind
left join ledger.stock_levels
    on locations.location_id = stock_levels.location_id
where
    (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and not exists (
        select
        from unnest(%(words)s::text[]) as word
        where strpos(lower(concat_ws(' ', locations.code, locations.name)), word) = 0
    )
group by locations.location_id, location_kinds.kind
order by locations.code
limit %(limit)s::integer;

-- name: recently_recorded_products
select
    products.sku,
    products.name,
    coalesce(sum(stock_levels.on_hand), 0)::bigint as on_hand
from (
    select
        recent.product_id,
        max(recent.position) as last_position
    from (
        select
            inventory_events.product_id,
            inventory_events.position
        from ledger.inventory_events
        inner join catalog.locations
            on inventory_events.location_id = locations.location_id
        inner join catalog.sites
            on locations.site_id = sites.site_id
        where (%(sites)s::text[] is null or sites.code = any(%(sites)s))
        order by inventory_events.position desc
        limit 100
    ) as recent
    group by recent.product_id
    order by last_position desc
    limit %(limit)s::integer
) as latest
inner join catalog.products
    on latest.product_id = products.product_id
left join ledger.stock_levels
    on
        products.product_id = stock_levels.product_id
        and stock_levels.location_id in (
            select places.location_id
            from catalog.locations as places
            inner join catalog.sites as their_sites
                on places.site_id = their_sites.site_id
            where
                %(sites)s is null
                or their_sites.code = any(%(sites)s)
        )
group by products.product_id, latest.last_position
order by latest.last_position desc;

-- name: read_product
select
    products.product_id,
    products.sku,
    products.name,
    products.category,
    suppliers.name as supplier,
    (
        select coalesce(sum(stock_levels.on_hand), 0)::bigint
        from ledger.stock_levels
        inner join catalog.locations
            on stock_levels.location_id = locations.location_id
        inner join catalog.sites
            on locations.site_id = sites.site_id
        where
            stock_levels.product_id = products.product_id
            and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    ) as on_hand
from catalog.products
left join catalog.suppliers
    on products.supplier_id = suppliers.supplier_id
where products.sku = %(sku)s;

-- name: list_levels_of_product
select
    locations.code as location,
    locations.name,
    location_kinds.name as kind_name,
    sites.name as site,
    sum(stock_levels.on_hand)::bigint as on_hand,
    sum(stock_levels.reserved)::bigint as reserved
from ledger.stock_levels
inner join catalog.locations
    on stock_levels.location_id = locations.location_id
inner join catalog.location_kinds
    on locations.kind = location_kinds.kind
inner join catalog.sites
    on locations.site_id = sites.site_id
where
    stock_levels.product_id = %(product_id)s::integer
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
group by locations.location_id, location_kinds.kind, sites.site_id
order by on_hand desc, locations.code;

-- name: list_events_of_product
-- The latest first, with what each changed over all places together.
select
    inventory_events.event_id,
    inventory_events.position,
    inventory_events.event_type::text as event_type,
    inventory_events.reason::text as reason,
    inventory_events.quantity,
    inventory_events.occurred_at,
    inventory_events.source,
    locations.name as location,
    to_locations.name as to_location,
    effects.change::bigint as change,
    reversals.event_id is not null as is_reversed
from (
    select
        movements.position,
        sum(movements.on_hand_change) as change
    from ledger.movements
    inner join catalog.locations as places
        on movements.location_id = places.location_id
    inner join catalog.sites
        on places.site_id = sites.site_id
    where
        movements.product_id = %(product_id)s::integer
        and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    group by movements.position
    order by movements.position desc
    limit %(limit)s::integer
) as effects
inner join ledger.inventory_events
    on effects.position = inventory_events.position
inner join catalog.locations
    on inventory_events.location_id = locations.location_id
left join catalog.locations as to_locations
    on inventory_events.to_location_id = to_locations.location_id
left join ledger.inventory_events as reversals
    on inventory_events.event_id = reversals.reverses
order by effects.position desc;

-- name: read_place
select
    locations.location_id,
    locations.code,
    locations.name,
    locations.capacity,
    locations.selling,
    location_kinds.name as kind_name,
    sites.name as site,
    sources.code as refilled_from,
    (
        select coalesce(sum(stock_levels.on_hand), 0)::bigint
        from ledger.stock_levels
        where stock_levels.location_id = locations.location_id
    ) as on_hand
from catalog.locations
inner join catalog.location_kinds
    on locations.kind = location_kinds.kind
inner join catalog.sites
    on locations.site_id = sites.site_id
left join catalog.locations as sources
    on locations.refilled_from_location_id = sources.location_id
where
    locations.code = %(code)s
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s));

-- name: list_levels_of_place
select
    products.sku,
    products.name,
    sum(stock_levels.on_hand)::bigint as on_hand
from ledger.stock_levels
inner join catalog.products
    on stock_levels.product_id = products.product_id
where
    stock_levels.location_id = %(location_id)s::integer
    and products.sku > %(after_sku)s::text
group by products.product_id
order by products.sku
limit %(limit)s::integer;

-- name: list_places_to_choose
-- Those that hold the product come first, the fullest at the head.
select
    locations.code,
    locations.name,
    sites.name as site,
    coalesce(holding.on_hand, 0)::bigint as on_hand
from catalog.locations
inner join catalog.sites
    on locations.site_id = sites.site_id
left join (
    select
        stock_levels.location_id,
        sum(stock_levels.on_hand) as on_hand
    from ledger.stock_levels
    where stock_levels.product_id = %(product_id)s::integer
    group by stock_levels.location_id
) as holding
    on locations.location_id = holding.location_id
where (%(sites)s::text[] is null or sites.code = any(%(sites)s))
order by on_hand desc, sites.name, locations.name, locations.code
limit %(limit)s::integer;

-- name: read_on_hand
-- What the book has of a product at a place; no row where there is no such place.
select
    locations.name,
    coalesce(sum(stock_levels.on_hand), 0)::bigint as on_hand
from catalog.locations
inner join catalog.sites
    on locations.site_id = sites.site_id
left join catalog.products
    on products.sku = %(sku)s
left join ledger.stock_levels
    on
        locations.location_id = stock_levels.location_id
        and products.product_id = stock_levels.product_id
where
    locations.code = %(location)s
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
group by locations.location_id;

-- name: read_event
-- An event with what it undoes, and whether it was undone itself.
select
    inventory_events.event_id,
    inventory_events.position,
    inventory_events.event_type::text as event_type,
    inventory_events.reason::text as reason,
    inventory_events.quantity,
    inventory_events.quantity_change,
    inventory_events.recorded_at,
    inventory_events.warnings,
    inventory_events.caused_by,
    products.product_id,
    products.sku,
    products.name as product,
    locations.code as location_code,
    locations.name as location,
    to_locations.code as to_location_code,
    to_locations.name as to_location,
    reversals.event_id is not null as is_reversed,
    originals.event_type::text as original_event_type,
    originals.reason::text as original_reason,
    originals.quantity as original_quantity,
    originals.quantity_change as original_quantity_change
from ledger.inventory_events
inner join catalog.products
    on inventory_events.product_id = products.product_id
inner join catalog.locations
    on inventory_events.location_id = locations.location_id
inner join catalog.sites
    on locations.site_id = sites.site_id
left join catalog.locations as to_locations
    on inventory_events.to_location_id = to_locations.location_id
left join ledger.inventory_events as reversals
    on inventory_events.event_id = reversals.reverses
left join ledger.inventory_events as originals
    on inventory_events.reverses = originals.event_id
where
    inventory_events.event_id = %(event_id)s::uuid
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s));

-- name: list_levels_of_event
-- The levels as they stand now of every place that the event touched.
select
    locations.code as location,
    locations.name,
    sum(stock_levels.on_hand)::bigint as on_hand
from ledger.stock_levels
inner join catalog.locations
    on stock_levels.location_id = locations.location_id
inner join catalog.sites
    on locations.site_id = sites.site_id
where
    stock_levels.product_id = %(product_id)s::integer
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and stock_levels.location_id in (
        select movements.location_id
        from ledger.movements
        where movements.position = %(position)s::bigint
    )
group by locations.location_id
order by locations.name, locations.code;

-- name: list_sites
select
    sites.code,
    sites.name
from catalog.sites
where (%(sites)s::text[] is null or sites.code = any(%(sites)s))
order by sites.name
limit 50;

-- name: read_freshness
-- When the plan was last made, and whether the alert rules have run at all.
select
    (
        select max(refreshes.finished_at)
        from planning.refreshes
        where refreshes.status = 'succeeded'
    ) as refreshed_at,
    (
        select evaluation.baseline_at is not null
        from alerts.evaluation
    ) as alerts_ready;

-- name: name_actors
-- Who they are today; whoever was erased has no name here either.
select
    actors.actor_id,
    coalesce(users.username, device_keys.name, system_actors.name) as name
from identity.actors
left join identity.users on actors.actor_id = users.actor_id
left join identity.device_keys on actors.actor_id = device_keys.actor_id
left join identity.system_actors on actors.actor_id = system_actors.actor_id
where actors.actor_id = any(%(actor_ids)s::integer[]);

-- name: list_location_kinds
select
    location_kinds.kind,
    location_kinds.name
from catalog.location_kinds
order by location_kinds.name;

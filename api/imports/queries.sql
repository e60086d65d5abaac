-- What an import asks and tells PostgreSQL. The lines of the file are DuckDB's (lines.sql).

-- name: find_first_import
-- The place, zone and shift of a source are those of its first import, for good.
select
    imports.shifted_days,
    imports.time_zone,
    imports.location,
    sites.code as site
from catalog.imports
inner join catalog.sites on imports.site_id = sites.site_id
where imports.source = %(source)s
order by imports.import_id
limit 1

-- name: find_site
select
    code,
    time_zone
from catalog.sites
where code = %(site)s

-- name: find_real_sites
select code from catalog.sites where not is_simulated order by code

-- name: find_selling_locations
select locations.code
from catalog.locations
inner join catalog.sites on locations.site_id = sites.site_id
where sites.code = %(site)s and locations.selling
order by locations.code

-- name: find_currency_in_use
select currency
from catalog.products
where currency is not null
group by currency
order by count(*) desc, currency
limit 1

-- name: find_spellings
-- How the catalog writes codes that are these but for case; a code in capitals comes first.
select distinct on (upper(sku))
    upper(sku) as key,
    sku
from catalog.products
where upper(sku) = any(%(keys)s::text[])
order by upper(sku), (sku = upper(sku)) desc, sku

-- name: find_skus
select
    products.sku as key,
    products.sku
from catalog.products
where products.sku = any(%(keys)s::text[])

-- name: find_known_locations
select
    locations.code,
    sites.code as site
from catalog.locations
inner join catalog.sites on locations.site_id = sites.site_id
where locations.code = any(%(locations)s::text[])

-- name: begin_import
insert into catalog.imports (
    source, file_name, kind, site_id, location, time_zone, lines, counts,
    first_day, last_day, shifted_days, imported_by
)
values (
    %(source)s,
    %(file_name)s,
    %(kind)s,
    (select sites.site_id from catalog.sites where sites.code = %(site)s),
    %(location)s,
    %(time_zone)s,
    %(lines)s,
    %(counts)s::jsonb,
    %(first_day)s,
    %(last_day)s,
    %(shifted_days)s,
    %(imported_by)s
)
returning import_id

-- name: begin_uploaded_import
update catalog.imports
set
    source = %(source)s,
    kind = %(kind)s,
    site_id = (select sites.site_id from catalog.sites where sites.code = %(site)s),
    location = %(location)s,
    time_zone = %(time_zone)s,
    lines = %(lines)s,
    counts = %(counts)s::jsonb,
    first_day = %(first_day)s,
    last_day = %(last_day)s,
    shifted_days = %(shifted_days)s
where import_id = %(import_id)s
returning import_id

-- name: finish_import
-- One that was uploaded is finished when its report is there, too.
update catalog.imports
set
    status = case when upload is null then 'finished' else status end,
    finished_at = case when upload is null then now() end,
    counts = %(counts)s::jsonb
where import_id = %(import_id)s

-- name: find_recorded
-- All that this source recorded, and what the ledger derived from it.
select
    inventory_events.event_id::text as event_id,
    products.sku,
    locations.code as location,
    inventory_events.occurred_at,
    movements.on_hand_change as change,
    inventory_events.event_type in ('sold', 'returned') as is_sale,
    inventory_events.reason in ('opening_balance', 'book_shortage') is true as is_opening,
    inventory_events.reason::text as reason
from ledger.inventory_events
inner join ledger.movements on inventory_events.position = movements.position
inner join catalog.products on movements.product_id = products.product_id
inner join catalog.locations on movements.location_id = locations.location_id
left join ledger.inventory_events as cause on inventory_events.caused_by = cause.position
where coalesce(cause.source, inventory_events.source) = %(source)s

-- name: find_known_stock
-- Since when anybody else knows how much of a product there is at a place, and what is there now.
select
    products.sku,
    locations.code as location,
    min(inventory_events.occurred_at) as known_at,
    coalesce(
        (
            select sum(stock_levels.on_hand)
            from ledger.stock_levels
            where
                stock_levels.product_id = movements.product_id
                and stock_levels.location_id = movements.location_id
        ),
        0
    )::bigint as on_hand
from catalog.products
inner join ledger.movements on products.product_id = movements.product_id
inner join catalog.locations on movements.location_id = locations.location_id
inner join ledger.inventory_events on movements.position = inventory_events.position
left join ledger.inventory_events as cause on inventory_events.caused_by = cause.position
where
    products.sku = any(%(skus)s::text[])
    and locations.code = any(%(locations)s::text[])
    and coalesce(cause.source, inventory_events.source) is distinct from %(source)s
group by products.sku, locations.code, movements.product_id, movements.location_id

-- name: find_book
-- What these places hold, in all (null), of each lot and without one (''), and when the last of
-- what moved them happened.
with moved as (
    select
        products.sku,
        locations.code as location,
        movements.product_id,
        movements.location_id,
        max(inventory_events.occurred_at) as last_at
    from catalog.products
    inner join ledger.movements on products.product_id = movements.product_id
    inner join catalog.locations on movements.location_id = locations.location_id
    inner join ledger.inventory_events on movements.position = inventory_events.position
    where
        products.sku = any(%(skus)s::text[])
        and locations.code = any(%(locations)s::text[])
    group by
        products.sku, locations.code, movements.product_id, movements.location_id
)

select
    moved.sku,
    moved.location,
    null as lot,
    null::date as expires_on,
    coalesce(sum(stock_levels.on_hand), 0)::bigint as on_hand,
    moved.last_at
from moved
left join ledger.stock_levels
    on
        moved.product_id = stock_levels.product_id
        and moved.location_id = stock_levels.location_id
group by moved.sku, moved.location, moved.last_at
union all
select
    moved.sku,
    moved.location,
    coalesce(lots.code, ''),
    lots.expires_on,
    stock_levels.on_hand,
    moved.last_at
from moved
inner join ledger.stock_levels
    on
        moved.product_id = stock_levels.product_id
        and moved.location_id = stock_levels.location_id
left join ledger.lots on stock_levels.lot_id = lots.lot_id

-- name: find_told
-- Events by their ids, the quantity as a file of sales writes it.
select
    inventory_events.event_id::text as event_id,
    products.sku,
    locations.code as location,
    inventory_events.occurred_at,
    case inventory_events.event_type
        when 'sold' then inventory_events.quantity
        when 'returned' then -inventory_events.quantity
    end as quantity
from ledger.inventory_events
inner join catalog.products on inventory_events.product_id = products.product_id
inner join catalog.locations on inventory_events.location_id = locations.location_id
where inventory_events.event_id = any(%(event_ids)s::uuid[])

-- name: kept_sites
select
    sites.code,
    sites.name,
    sites.time_zone,
    sites.country
from catalog.sites
where %(codes)s::text[] is null or sites.code = any(%(codes)s::text[])
order by sites.code collate "C" -- noqa: RF03

-- name: kept_suppliers
select
    suppliers.code,
    suppliers.name,
    suppliers.lead_time_days,
    suppliers.minimum_order_value,
    suppliers.currency,
    suppliers.order_days
from catalog.suppliers
where %(codes)s::text[] is null or suppliers.code = any(%(codes)s::text[])
order by suppliers.code collate "C" -- noqa: RF03

-- name: kept_locations
select
    locations.code,
    sites.code as site,
    locations.kind,
    locations.name,
    locations.capacity,
    locations.metering::text as metering,
    locations.selling,
    sources.code as refilled_from,
    parents.code as parent,
    locations.gln
from catalog.locations
inner join catalog.sites on locations.site_id = sites.site_id
left join catalog.locations as sources
    on locations.refilled_from_location_id = sources.location_id
left join catalog.locations as parents
    on locations.parent_location_id = parents.location_id
where %(codes)s::text[] is null or locations.code = any(%(codes)s::text[])
order by locations.code collate "C"

-- name: kept_products
select
    products.sku,
    products.name,
    products.category,
    products.unit_cost,
    products.unit_price,
    products.currency,
    suppliers.code as supplier,
    products.pack_size,
    products.minimum_order_quantity,
    products.base_unit,
    products.status,
    successors.sku as successor,
    products.successor_from,
    parents.sku as variant_of,
    products.options,
    products.price_breaks
from catalog.products
left join catalog.suppliers on products.supplier_id = suppliers.supplier_id
left join catalog.products as successors
    on products.successor_product_id = successors.product_id
left join catalog.products as parents
    on products.variant_of_product_id = parents.product_id
where %(codes)s::text[] is null or products.sku = any(%(codes)s::text[])
order by products.sku collate "C"

-- name: kept_location_kinds
select location_kinds.kind
from catalog.location_kinds
order by location_kinds.kind

-- name: list_mappings
select
    import_mappings.name,
    import_mappings.mapping,
    import_mappings.version
from catalog.import_mappings
where %(after)s::text is null or import_mappings.name > %(after)s
order by import_mappings.name
limit %(limit)s::int

-- name: get_mapping
select
    import_mappings.name,
    import_mappings.mapping,
    import_mappings.version
from catalog.import_mappings
where import_mappings.name = %(name)s

-- name: make_mapping
insert into catalog.import_mappings (name, mapping)
values (%(name)s, %(mapping)s::jsonb)
on conflict (name) do nothing
returning name, mapping, version

-- name: lock_mapping
select
    import_mappings.name,
    import_mappings.mapping,
    import_mappings.version
from catalog.import_mappings
where import_mappings.name = %(name)s
for no key update

-- name: change_mapping
update catalog.import_mappings
set
    mapping = %(mapping)s::jsonb,
    version = version + 1,
    updated_at = now()
where name = %(name)s
returning name, mapping, version

-- name: delete_mapping
delete from catalog.import_mappings where name = %(name)s

-- name: queue_import
insert into catalog.imports (file_name, upload, options, status, imported_by)
values (
    %(file_name)s, %(upload)s::uuid, %(options)s::jsonb, 'queued', %(imported_by)s::int
)
returning
    imports.import_id,
    imports.file_name,
    imports.status,
    coalesce((imports.options ->> 'dry_run')::boolean, false) as dry_run,
    imports.source,
    imports.kind,
    coalesce((imports.report ->> 'lines')::bigint, imports.lines) as lines,
    coalesce(
        imports.report -> 'outcomes', imports.counts -> 'outcomes', '{}'
    ) as outcomes,
    imports.progress,
    imports.problem,
    imports.imported_by,
    imports.imported_at as received_at,
    imports.finished_at

-- name: count_waiting
select count(*) as waiting from catalog.imports where status = 'queued'

-- name: count_waiting_here
select count(*) as waiting
from catalog.imports
where status = 'queued' and upload = any(%(uploads)s::uuid[])

-- name: claim_import
-- The oldest that waits here. The lock lives as long as the reader's connection.
update catalog.imports
set status = 'started'
where
    import_id = (
        select waiting.import_id
        from catalog.imports as waiting
        where
            waiting.status = 'queued' and waiting.upload = any(%(uploads)s::uuid[])
        order by waiting.import_id
        limit 1
        for update skip locked
    )
returning
    import_id,
    file_name,
    upload,
    options,
    imported_by,
    pg_try_advisory_lock(7270011, import_id::int) as is_locked

-- name: mark_interrupted
-- What was begun and has no reader any more.
update catalog.imports
set
    status = 'interrupted',
    finished_at = now(),
    progress = null,
    problem = 'Its reader ended before it was done; send the file again, no line counts twice.'
where
    status = 'started'
    and upload is not null
    and pg_try_advisory_xact_lock(7270011, import_id::int)

-- name: tell_progress
update catalog.imports
set
    progress = jsonb_build_object(
        'step', %(step)s::text, 'done', %(done)s::bigint, 'total', %(total)s::bigint
    )
where import_id = %(import_id)s

-- name: settle_import
update catalog.imports
set
    status = %(status)s,
    source = coalesce(%(source)s, source),
    kind = coalesce(%(kind)s, kind),
    report = %(report)s::jsonb,
    problem = %(problem)s,
    progress = null,
    finished_at = now()
where import_id = %(import_id)s

-- name: list_imports
select
    imports.import_id,
    imports.file_name,
    imports.status,
    coalesce((imports.options ->> 'dry_run')::boolean, false) as dry_run,
    imports.source,
    imports.kind,
    coalesce((imports.report ->> 'lines')::bigint, imports.lines) as lines,
    coalesce(
        imports.report -> 'outcomes', imports.counts -> 'outcomes', '{}'
    ) as outcomes,
    imports.progress,
    imports.problem,
    imports.imported_by,
    imports.imported_at as received_at,
    imports.finished_at
from catalog.imports
where %(before)s::bigint is null or imports.import_id < %(before)s
order by imports.import_id desc
limit %(limit)s::int

-- name: get_import
select
    imports.import_id,
    imports.file_name,
    imports.status,
    coalesce((imports.options ->> 'dry_run')::boolean, false) as dry_run,
    imports.source,
    imports.kind,
    coalesce((imports.report ->> 'lines')::bigint, imports.lines) as lines,
    coalesce(
        imports.report -> 'outcomes', imports.counts -> 'outcomes', '{}'
    ) as outcomes,
    imports.progress,
    imports.problem,
    imports.imported_by,
    imports.imported_at as received_at,
    imports.finished_at,
    imports.report
from catalog.imports
where imports.import_id = %(import_id)s

-- name: find_beginning
-- The first event of a seeding says what world it began, so that it is finished as it began.
select metadata
from ledger.inventory_events
where event_id = %(event_id)s

-- name: is_recorded
select exists(
    select from ledger.inventory_events
    where inventory_events.event_id = %(event_id)s
)

-- name: find_site
select sites.is_simulated
from catalog.sites
where sites.code = %(code)s

-- name: has_events
select exists(
    select from ledger.inventory_events
    inner join catalog.locations on inventory_events.location_id = locations.location_id
    inner join catalog.sites on locations.site_id = sites.site_id
    where sites.code = %(code)s
)

-- name: find_simulated_levels
-- Every product at every place of the simulated sites, with how often it was sold there lately.
with simulated_places as (
    select
        locations.location_id,
        locations.code,
        locations.selling,
        locations.metering::text as metering,
        locations.site_id,
        sources.code as refilled_from
    from catalog.locations
    inner join catalog.sites on locations.site_id = sites.site_id
    left join catalog.locations as sources
        on locations.refilled_from_location_id = sources.location_id
    where sites.is_simulated
),

sales as (
    select
        inventory_events.product_id,
        inventory_events.location_id,
        count(*) as sales
    from ledger.inventory_events
    where
        inventory_events.event_type = 'sold'
        and inventory_events.occurred_at > now() - interval '90 days'
    group by inventory_events.product_id, inventory_events.location_id
)

select
    products.sku,
    simulated_places.code as location,
    simulated_places.site_id,
    simulated_places.selling,
    simulated_places.metering = 'periodic' as periodic,
    simulated_places.refilled_from,
    sum(stock_levels.on_hand)::bigint as on_hand,
    coalesce(max(sales.sales), 0) as sales
from ledger.stock_levels
inner join simulated_places
    on stock_levels.location_id = simulated_places.location_id
inner join catalog.products
    on stock_levels.product_id = products.product_id
left join sales
    on
        stock_levels.product_id = sales.product_id
        and stock_levels.location_id = sales.location_id
group by
    products.sku,
    simulated_places.code,
    simulated_places.site_id,
    simulated_places.selling,
    simulated_places.metering,
    simulated_places.refilled_from
order by products.sku, simulated_places.code

-- name: find_targets
-- What the plan wants each product of the simulated sites to hold.
select
    products.sku,
    policies.site_id,
    policies.reorder_point,
    policies.selling_minimum,
    policies.refill_minimum,
    policies.pack_size
from planning.policies
inner join catalog.sites on policies.site_id = sites.site_id
inner join catalog.products on policies.product_id = products.product_id
where sites.is_simulated

-- name: retire_keys
-- A device's name is used once, so the one that is revoked gives it up.
update identity.device_keys
set
    name = 'simulator until ' || clock_timestamp()::text,
    revoked_at = clock_timestamp()
where name = 'simulator'

-- name: list_suppliers
-- Of each kind: a list by its filters, after a key; with the codes of its key, those rows.
select
    suppliers.code,
    suppliers.name,
    suppliers.lead_time_days,
    suppliers.minimum_order_value,
    suppliers.currency,
    suppliers.order_days,
    suppliers.version
from catalog.suppliers
where
    (%(code)s::text[] is null or suppliers.code = any(%(code)s))
    and (%(after)s::text[] is null or suppliers.code > (%(after)s)[1])
    and catalog.is_found(%(search)s::text, suppliers.code, suppliers.name)
order by suppliers.code
limit %(limit)s::int

-- name: lock_suppliers
select from catalog.suppliers
where suppliers.code = any(%(code)s::text[])
order by suppliers.code
for no key update

-- name: upsert_suppliers
insert into catalog.suppliers (
    code, name, lead_time_days, minimum_order_value, currency, order_days
)
select
    given.code,
    given.name,
    given.lead_time_days,
    given.minimum_order_value,
    given.currency,
    given.order_days
from jsonb_to_recordset(%(rows)s::jsonb) as given (
    code text, name text, lead_time_days int, minimum_order_value bigint,
    currency text, order_days text
)
order by given.code
on conflict (code) do update
set
    name = excluded.name,
    lead_time_days = excluded.lead_time_days,
    minimum_order_value = excluded.minimum_order_value,
    currency = excluded.currency,
    order_days = excluded.order_days
where %(overwrites)s::boolean
returning code

-- name: list_sites
select
    sites.code,
    sites.name,
    sites.time_zone,
    sites.country,
    sites.is_simulated,
    sites.version
from catalog.sites
where
    (%(code)s::text[] is null or sites.code = any(%(code)s))
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and (%(after)s::text[] is null or sites.code > (%(after)s)[1])
    and catalog.is_found(%(search)s::text, sites.code, sites.name)
order by sites.code
limit %(limit)s::int

-- name: lock_sites
select from catalog.sites
where sites.code = any(%(code)s::text[])
order by sites.code
for no key update

-- name: upsert_sites
-- Whether a site is simulated is said when it is made.
insert into catalog.sites (code, name, time_zone, country, is_simulated)
select
    given.code,
    given.name,
    given.time_zone,
    given.country,
    coalesce(given.is_simulated, false)
from jsonb_to_recordset(%(rows)s::jsonb)
    as given (
        code text, name text, time_zone text, country text, is_simulated boolean
    )
order by given.code
on conflict (code) do update
set
    name = excluded.name,
    time_zone = excluded.time_zone,
    country = excluded.country
where %(overwrites)s::boolean
returning code

-- name: list_locations
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
    locations.gln,
    locations.version
from catalog.locations
inner join catalog.sites on locations.site_id = sites.site_id
left join catalog.locations as sources
    on locations.refilled_from_location_id = sources.location_id
left join catalog.locations as parents
    on locations.parent_location_id = parents.location_id
where
    (%(code)s::text[] is null or locations.code = any(%(code)s))
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and (%(after)s::text[] is null or locations.code > (%(after)s)[1])
    and (%(site)s::text is null or sites.code = %(site)s)
    and (%(kind)s::text is null or locations.kind = %(kind)s)
    and (%(parent)s::text is null or parents.code = %(parent)s)
    and (%(refilled_from)s::text is null or sources.code = %(refilled_from)s)
    and (%(gln)s::text is null or locations.gln = %(gln)s)
    and catalog.is_found(%(search)s::text, locations.code, locations.name)
order by locations.code
limit %(limit)s::int

-- name: lock_locations
-- With their sites, so that two changes at once cannot close a circle.
select from catalog.locations
inner join catalog.sites on locations.site_id = sites.site_id
where locations.code = any(%(code)s::text[])
order by sites.code, locations.code
for no key update

-- name: upsert_locations
insert into catalog.locations (
    code, site_id, kind, name, capacity, metering, selling, gln,
    refilled_from_location_id, parent_location_id
)
select
    given.code,
    sites.site_id,
    given.kind,
    coalesce(given.name, given.code),
    given.capacity,
    given.metering::catalog.metering,
    coalesce(given.selling, location_kinds.sells_by_default),
    given.gln,
    sources.location_id,
    parents.location_id
from jsonb_to_recordset(%(rows)s::jsonb) as given (
    code text, site text, kind text, name text, capacity bigint, metering text,
    selling boolean, gln text, refilled_from text, parent text
)
inner join catalog.sites on given.site = sites.code
inner join catalog.location_kinds on given.kind = location_kinds.kind
left join catalog.locations as sources on given.refilled_from = sources.code
left join catalog.locations as parents on given.parent = parents.code
order by given.code
on conflict (code) do update
set
    kind = excluded.kind,
    name = excluded.name,
    capacity = excluded.capacity,
    metering = excluded.metering,
    selling = excluded.selling,
    gln = excluded.gln,
    refilled_from_location_id = excluded.refilled_from_location_id,
    parent_location_id = excluded.parent_location_id
where %(overwrites)s::boolean
returning code

-- name: link_locations
-- When all are there, since a place may come before the one that it names.
update catalog.locations
set
    refilled_from_location_id = sources.location_id,
    parent_location_id = parents.location_id
from
    jsonb_to_recordset(%(rows)s::jsonb)
        as given (code text, refilled_from text, parent text)
left join catalog.locations as sources on given.refilled_from = sources.code
left join catalog.locations as parents on given.parent = parents.code
where
    locations.code = given.code
    and (locations.refilled_from_location_id, locations.parent_location_id)
    is distinct from (sources.location_id, parents.location_id)

-- name: wrong_locations
-- What these rows name and is not there, or does not fit, now that they are written. A place stays
-- at its site: its stock and its history are that site's.
with recursive given as (
    select given.*, locations.location_id, sites.code as kept_site
    from jsonb_to_recordset(%(rows)s::jsonb)
        as given (code text, site text, kind text, refilled_from text, parent text)
    left join catalog.locations on given.code = locations.code
    left join catalog.sites on locations.site_id = sites.site_id
),

named as (
    select given.code, 'refilled_from' as field, given.refilled_from as named, given.site
    from given
    union all
    select given.code, 'parent', given.parent, given.site
    from given
),

chains as (
    select
        given.location_id,
        field,
        case field
            when 'parent' then locations.parent_location_id
            else locations.refilled_from_location_id
        end as next_location_id
    from given
    inner join catalog.locations on given.location_id = locations.location_id
    cross join unnest(array['refilled_from', 'parent']) as field
    union
    select
        chains.location_id,
        chains.field,
        case chains.field
            when 'parent' then locations.parent_location_id
            else locations.refilled_from_location_id
        end
    from chains
    inner join catalog.locations on chains.next_location_id = locations.location_id
)

select given.code, 'site' as field, 'unknown' as reason, given.site as named
from given
where
    not exists (select from catalog.sites where sites.code = given.site)
    or given.site <> all(%(sites)s::text[])
union all
select given.code, 'kind', 'unknown', given.kind
from given
where not exists (
    select from catalog.location_kinds where location_kinds.kind = given.kind
)
union all
select given.code, 'site', 'moved', given.kept_site
from given
where given.kept_site <> given.site
union all
select named.code, named.field, 'unknown', named.named || ' at the site ' || named.site
from named
where
    named.named is not null
    and not exists (
        select from catalog.locations
        inner join catalog.sites on locations.site_id = sites.site_id
        where locations.code = named.named and sites.code = named.site
    )
union all
select given.code, chains.field, 'circle', given.code
from chains
inner join given on chains.location_id = given.location_id
where chains.next_location_id = chains.location_id

-- name: list_location_kinds
select location_kinds.kind
from catalog.location_kinds
order by location_kinds.kind

-- name: list_products
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
    products.price_breaks,
    products.version
from catalog.products
left join catalog.suppliers on products.supplier_id = suppliers.supplier_id
left join catalog.products as successors
    on products.successor_product_id = successors.product_id
left join catalog.products as parents
    on products.variant_of_product_id = parents.product_id
where
    (%(sku)s::text[] is null or products.sku = any(%(sku)s))
    and (%(after)s::text[] is null or products.sku > (%(after)s)[1])
    and (%(category)s::text is null or products.category = %(category)s)
    and (%(supplier)s::text is null or suppliers.code = %(supplier)s)
    and (%(status)s::text is null or products.status = %(status)s)
    and (%(variant_of)s::text is null or parents.sku = %(variant_of)s)
    and catalog.is_found(%(search)s::text, products.sku, products.name)
order by products.sku
limit %(limit)s::int

-- name: lock_products
select from catalog.products
where products.sku = any(%(sku)s::text[])
order by products.sku
for no key update

-- name: upsert_products
insert into catalog.products (
    sku, name, category, unit_cost, unit_price, currency, supplier_id, pack_size,
    minimum_order_quantity, base_unit, status, successor_product_id,
    successor_from, variant_of_product_id, options, price_breaks
)
select
    given.sku,
    given.name,
    given.category,
    given.unit_cost,
    given.unit_price,
    given.currency,
    suppliers.supplier_id,
    given.pack_size,
    given.minimum_order_quantity,
    given.base_unit,
    given.status,
    successors.product_id,
    case when successors.product_id is not null then given.successor_from end,
    parents.product_id,
    given.options,
    given.price_breaks
from jsonb_to_recordset(%(rows)s::jsonb) as given (
    sku text, name text, category text, unit_cost bigint, unit_price bigint,
    currency text, supplier text, pack_size int, minimum_order_quantity int,
    base_unit text, status text, successor text, successor_from date,
    variant_of text, options jsonb, price_breaks jsonb
)
left join catalog.suppliers on given.supplier = suppliers.code
left join catalog.products as successors on given.successor = successors.sku
left join catalog.products as parents on given.variant_of = parents.sku
order by given.sku
on conflict (sku) do update
set
    name = excluded.name,
    category = excluded.category,
    unit_cost = excluded.unit_cost,
    unit_price = excluded.unit_price,
    currency = excluded.currency,
    supplier_id = excluded.supplier_id,
    pack_size = excluded.pack_size,
    minimum_order_quantity = excluded.minimum_order_quantity,
    base_unit = excluded.base_unit,
    status = excluded.status,
    successor_product_id = excluded.successor_product_id,
    successor_from = excluded.successor_from,
    variant_of_product_id = excluded.variant_of_product_id,
    options = excluded.options,
    price_breaks = excluded.price_breaks
where %(overwrites)s::boolean
returning sku

-- name: link_products
-- When all are there, since a product may come before the one that it names.
update catalog.products
set
    successor_product_id = successors.product_id,
    successor_from = case
        when successors.product_id is not null then given.successor_from
    end,
    variant_of_product_id = parents.product_id
from
    jsonb_to_recordset(%(rows)s::jsonb) as given (
        sku text, successor text, successor_from date, variant_of text
    )
left join catalog.products as successors on given.successor = successors.sku
left join catalog.products as parents on given.variant_of = parents.sku
where
    products.sku = given.sku
    and (products.successor_product_id, products.variant_of_product_id)
    is distinct from (successors.product_id, parents.product_id)

-- name: wrong_products
-- What these rows name and is not there, or does not fit, now that they are written.
with recursive given as (
    select
        given.*,
        products.product_id,
        products.variant_of_product_id,
        products.successor_product_id
    from jsonb_to_recordset(%(rows)s::jsonb)
        as given (sku text, supplier text, successor text, variant_of text)
    left join catalog.products on given.sku = products.sku
),

successions as (
    select given.product_id, given.successor_product_id as next_product_id
    from given
    union
    select successions.product_id, products.successor_product_id
    from successions
    inner join catalog.products on successions.next_product_id = products.product_id
)

select given.sku, 'supplier' as field, 'unknown' as reason, given.supplier as named
from given
where
    given.supplier is not null
    and not exists (
        select from catalog.suppliers where suppliers.code = given.supplier
    )
union all
select given.sku, 'successor', 'unknown', given.successor
from given
where given.successor is not null and given.successor_product_id is null
union all
select given.sku, 'variant_of', 'unknown', given.variant_of
from given
where given.variant_of is not null and given.variant_of_product_id is null
union all
select given.sku, 'successor', 'circle', given.sku
from given
inner join successions
    on
        given.product_id = successions.product_id
        and given.product_id = successions.next_product_id
union all
-- A parent is never stocked, and a family has two generations.
select given.sku, 'variant_of', 'no_parent', given.variant_of
from given
inner join catalog.products as parents
    on given.variant_of_product_id = parents.product_id
where
    parents.variant_of_product_id is not null
    or exists (
        select from catalog.products
        where products.variant_of_product_id = given.product_id
    )
    or exists (
        select from ledger.stock_levels
        where
            stock_levels.product_id = parents.product_id
            and (stock_levels.on_hand <> 0 or stock_levels.reserved <> 0)
    )
union all
select given.sku, 'variant_of', 'in_kits', given.variant_of
from given
inner join catalog.recipe_components
    on
        given.variant_of_product_id = recipe_components.product_id
        or given.variant_of_product_id = recipe_components.component_product_id
where
    recipe_components.recipe_version = (
        select max(recipes.recipe_version)
        from catalog.recipes
        where recipes.product_id = recipe_components.product_id
    )

-- name: find_products
-- With what a form or a machine is warned of: a parent of variants and a kit have no stock.
select
    products.product_id,
    products.sku,
    products.status,
    products.base_unit,
    exists(
        select from catalog.products as variants
        where variants.variant_of_product_id = products.product_id
    ) as is_parent
from catalog.products
where products.sku = any(%(codes)s::text[])

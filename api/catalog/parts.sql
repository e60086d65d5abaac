-- name: stock_of_product
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
    products.sku = %(sku)s::text
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
group by products.sku, locations.code, sites.code
order by locations.code

-- name: list_packs
select products.sku, packs.pack, packs.units, packs.version
from catalog.packs
inner join catalog.products on packs.product_id = products.product_id
where
    (%(sku)s::text[] is null or products.sku = any(%(sku)s))
    and (%(pack)s::text[] is null or packs.pack = any(%(pack)s))
    and (
        %(after)s::text[] is null
        or (products.sku, packs.pack) > ((%(after)s)[1], (%(after)s)[2])
    )
order by products.sku, packs.pack
limit %(limit)s::int

-- name: lock_packs
select from catalog.packs
inner join catalog.products on packs.product_id = products.product_id
where
    products.sku = any(%(sku)s::text[])
    and packs.pack = any(%(pack)s::text[])
order by packs.product_id, packs.pack
for no key update of packs

-- name: upsert_packs
insert into catalog.packs (product_id, pack, units)
select products.product_id, given.pack, given.units
from jsonb_to_recordset(%(rows)s::jsonb)
    as given (sku text, pack text, units int)
inner join catalog.products on given.sku = products.sku
order by products.product_id, given.pack
on conflict (product_id, pack) do update
set units = excluded.units
where %(overwrites)s::boolean
returning pack

-- name: wrong_packs
select given.sku, given.pack, 'sku' as field, 'unknown' as reason, given.sku as named
from jsonb_to_recordset(%(rows)s::jsonb) as given (sku text, pack text)
where not exists (select from catalog.products where products.sku = given.sku)

-- name: delete_packs
delete from catalog.packs
using catalog.products
where
    packs.product_id = products.product_id
    and products.sku = any(%(sku)s::text[])
    and packs.pack = any(%(pack)s::text[])

-- name: list_barcodes
select
    barcodes.code,
    products.sku,
    barcodes.pack,
    barcodes.kind,
    barcodes.version
from catalog.barcodes
inner join catalog.products on barcodes.product_id = products.product_id
where
    (%(code)s::text[] is null or barcodes.code = any(%(code)s))
    and (%(after)s::text[] is null or barcodes.code > (%(after)s)[1])
    and (%(sku)s::text is null or products.sku = %(sku)s)
order by barcodes.code
limit %(limit)s::int

-- name: lock_barcodes
select from catalog.barcodes
where barcodes.code = any(%(code)s::text[])
order by barcodes.code
for no key update

-- name: upsert_barcodes
-- A pack that is not there is left out here and told by wrong_barcodes.
insert into catalog.barcodes (code, product_id, pack)
select given.code, products.product_id, packs.pack
from jsonb_to_recordset(%(rows)s::jsonb)
    as given (code text, sku text, pack text)
inner join catalog.products on given.sku = products.sku
left join catalog.packs
    on products.product_id = packs.product_id and given.pack = packs.pack
order by given.code
on conflict (code) do update
set product_id = excluded.product_id, pack = excluded.pack
where %(overwrites)s::boolean
returning code

-- name: wrong_barcodes
with given as (
    select given.*, products.product_id
    from jsonb_to_recordset(%(rows)s::jsonb)
        as given (code text, sku text, pack text)
    left join catalog.products on given.sku = products.sku
)

select given.code, 'sku' as field, 'unknown' as reason, given.sku as named
from given
where given.product_id is null
union all
select given.code, 'pack', 'unknown', given.pack
from given
where
    given.pack is not null
    and not exists (
        select from catalog.packs
        where packs.product_id = given.product_id and packs.pack = given.pack
    )

-- name: delete_barcodes
delete from catalog.barcodes where code = any(%(code)s::text[])

-- name: list_par_levels
select
    locations.code as location,
    products.sku,
    par_levels.par,
    par_levels.minimum,
    par_levels.version
from catalog.par_levels
inner join catalog.locations on par_levels.location_id = locations.location_id
inner join catalog.sites on locations.site_id = sites.site_id
inner join catalog.products on par_levels.product_id = products.product_id
where
    (%(location)s::text[] is null or locations.code = any(%(location)s))
    and (%(sku)s::text[] is null or products.sku = any(%(sku)s))
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and (
        %(after)s::text[] is null
        or (locations.code, products.sku) > ((%(after)s)[1], (%(after)s)[2])
    )
order by locations.code, products.sku
limit %(limit)s::int

-- name: lock_par_levels
select from catalog.par_levels
inner join catalog.locations on par_levels.location_id = locations.location_id
inner join catalog.products on par_levels.product_id = products.product_id
where
    locations.code = any(%(location)s::text[])
    and products.sku = any(%(sku)s::text[])
order by par_levels.location_id, par_levels.product_id
for no key update of par_levels

-- name: upsert_par_levels
insert into catalog.par_levels (location_id, product_id, par, minimum)
select locations.location_id, products.product_id, given.par, given.minimum
from jsonb_to_recordset(%(rows)s::jsonb)
    as given (location text, sku text, par bigint, minimum bigint)
inner join catalog.locations on given.location = locations.code
inner join catalog.products on given.sku = products.sku
order by locations.location_id, products.product_id
on conflict (location_id, product_id) do update
set par = excluded.par, minimum = excluded.minimum
where %(overwrites)s::boolean
returning par

-- name: wrong_par_levels
with given as (
    select given.*
    from jsonb_to_recordset(%(rows)s::jsonb) as given (location text, sku text)
)

select
    given.location,
    given.sku,
    'location' as field,
    'unknown' as reason,
    given.location as named
from given
where not exists (
    select from catalog.locations
    inner join catalog.sites on locations.site_id = sites.site_id
    where
        locations.code = given.location
        and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
)
union all
select given.location, given.sku, 'sku', 'unknown', given.sku
from given
where not exists (select from catalog.products where products.sku = given.sku)

-- name: delete_par_levels
delete from catalog.par_levels
using catalog.locations, catalog.products
where
    par_levels.location_id = locations.location_id
    and par_levels.product_id = products.product_id
    and locations.code = any(%(location)s::text[])
    and products.sku = any(%(sku)s::text[])

-- name: list_calendar_events
select
    sites.code as site,
    calendar_events.code,
    calendar_events.name,
    calendar_events.kind,
    calendar_events.first_day,
    calendar_events.last_day,
    products.sku,
    calendar_events.category,
    calendar_events.effect_percent,
    calendar_events.version
from catalog.calendar_events
inner join catalog.sites on calendar_events.site_id = sites.site_id
left join catalog.products on calendar_events.product_id = products.product_id
where
    (%(site)s::text[] is null or sites.code = any(%(site)s))
    and (%(code)s::text[] is null or calendar_events.code = any(%(code)s))
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and (
        %(after)s::text[] is null
        or (sites.code, calendar_events.code) > ((%(after)s)[1], (%(after)s)[2])
    )
    and (%(kind)s::text is null or calendar_events.kind = %(kind)s)
    and (%(sku)s::text is null or products.sku = %(sku)s)
    and (%(category)s::text is null or calendar_events.category = %(category)s)
    and catalog.is_found(%(search)s::text, calendar_events.code, calendar_events.name)
order by sites.code, calendar_events.code
limit %(limit)s::int

-- name: lock_calendar_events
select from catalog.calendar_events
inner join catalog.sites on calendar_events.site_id = sites.site_id
where
    sites.code = any(%(site)s::text[])
    and calendar_events.code = any(%(code)s::text[])
order by calendar_events.site_id, calendar_events.code
for no key update of calendar_events

-- name: upsert_calendar_events
insert into catalog.calendar_events (
    site_id, code, name, kind, first_day, last_day, product_id, category, effect_percent
)
select
    sites.site_id,
    given.code,
    given.name,
    given.kind,
    given.first_day,
    given.last_day,
    products.product_id,
    given.category,
    given.effect_percent
from jsonb_to_recordset(%(rows)s::jsonb) as given (
    site text, code text, name text, kind text, first_day date, last_day date,
    sku text, category text, effect_percent int
)
inner join catalog.sites on given.site = sites.code
left join catalog.products on given.sku = products.sku
order by sites.site_id, given.code
on conflict (site_id, code) do update
set
    name = excluded.name,
    kind = excluded.kind,
    first_day = excluded.first_day,
    last_day = excluded.last_day,
    product_id = excluded.product_id,
    category = excluded.category,
    effect_percent = excluded.effect_percent
where %(overwrites)s::boolean
returning code

-- name: wrong_calendar_events
-- What these rows name and is not there. An unknown product would make it one of the whole site.
with given as (
    select given.*
    from jsonb_to_recordset(%(rows)s::jsonb)
        as given (site text, code text, sku text)
)

select
    given.site,
    given.code,
    'site' as field,
    'unknown' as reason,
    given.site as named
from given
where not exists (
    select from catalog.sites
    where
        sites.code = given.site
        and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
)
union all
select given.site, given.code, 'sku', 'unknown', given.sku
from given
where
    given.sku is not null
    and not exists (select from catalog.products where products.sku = given.sku)

-- name: delete_calendar_events
delete from catalog.calendar_events
using catalog.sites
where
    calendar_events.site_id = sites.site_id
    and sites.code = any(%(site)s::text[])
    and calendar_events.code = any(%(code)s::text[])

-- name: find_recipes
-- The newest of each product, those without components apart: they are kits no longer.
select
    recipe_components.product_id,
    recipe_components.recipe_version,
    recipe_components.component_product_id,
    products.sku,
    recipe_components.quantity
from catalog.recipe_components
inner join catalog.products
    on recipe_components.component_product_id = products.product_id
where
    recipe_components.product_id = any(%(product_ids)s::int[])
    and recipe_components.recipe_version = (
        select max(recipes.recipe_version)
        from catalog.recipes
        where recipes.product_id = recipe_components.product_id
    )
order by recipe_components.product_id, products.sku

-- name: get_recipe
select
    recipes.recipe_version,
    recipes.created_at,
    components.sku as component,
    recipe_components.quantity
from catalog.recipes
inner join catalog.products on recipes.product_id = products.product_id
left join catalog.recipe_components
    on
        recipes.product_id = recipe_components.product_id
        and recipes.recipe_version = recipe_components.recipe_version
left join catalog.products as components
    on recipe_components.component_product_id = components.product_id
where
    products.sku = %(sku)s::text
    and recipes.recipe_version = coalesce(
        %(version)s::int,
        (
            select max(newest.recipe_version)
            from catalog.recipes as newest
            where newest.product_id = products.product_id
        )
    )
order by components.sku

-- name: insert_recipe
with made as (
    insert into catalog.recipes (product_id, recipe_version)
    select products.product_id, %(version)s::int
    from catalog.products
    where products.sku = %(sku)s::text
    returning product_id, recipe_version
)

insert into catalog.recipe_components (
    product_id, recipe_version, component_product_id, quantity
)
select
    made.product_id,
    made.recipe_version,
    products.product_id,
    given.quantity
from made
cross join unnest(%(components)s::text[], %(quantities)s::int[])
    as given (sku, quantity)
inner join catalog.products on given.sku = products.sku

-- name: roles_in_kits
-- Whether a product is part of a kit or has variants, and which others have no stock of their own.
with parts as (
    select recipe_components.product_id, recipe_components.component_product_id
    from catalog.recipe_components
    where recipe_components.recipe_version = (
        select max(recipes.recipe_version)
        from catalog.recipes
        where recipes.product_id = recipe_components.product_id
    )
)

select
    exists(
        select from parts
        where parts.component_product_id = products.product_id
    ) as is_component,
    exists(
        select from catalog.products as variants
        where variants.variant_of_product_id = products.product_id
    ) as is_parent,
    array(
        select components.sku
        from catalog.products as components
        where
            components.sku = any(%(components)s::text[])
            and (
                exists (
                    select from parts
                    where parts.product_id = components.product_id
                )
                or exists (
                    select from catalog.products as variants
                    where variants.variant_of_product_id = components.product_id
                )
            )
    ) as not_stocked
from catalog.products
where products.sku = %(sku)s::text

-- name: list_changes
-- The newest first.
select
    changes.change_id,
    changes.entity,
    changes.code,
    changes.changed_at,
    changes.actor_id,
    changes.before,
    changes.after
from catalog.changes
where
    (%(before_id)s::bigint is null or changes.change_id < %(before_id)s)
    and (%(entity)s::text is null or changes.entity = %(entity)s)
    and (%(code)s::text is null or changes.code = %(code)s)
    and (%(by)s::int is null or changes.actor_id = %(by)s)
    and (%(since)s::timestamptz is null or changes.changed_at >= %(since)s)
    and (%(until)s::timestamptz is null or changes.changed_at < %(until)s)
order by changes.change_id desc
limit %(limit)s::int

-- name: list_changes_of
-- The newest first, of the rows that are named.
select
    changes.change_id,
    changes.entity,
    changes.code,
    changes.changed_at,
    changes.actor_id,
    changes.before,
    changes.after
from unnest(%(entities)s::text[], %(codes)s::text[]) as named (entity, code)
inner join catalog.changes
    on named.entity = changes.entity and named.code = changes.code
order by changes.change_id desc
limit %(limit)s::int

-- name: list_images
select
    products.sku,
    images.number,
    images.sha256,
    images.media_type,
    images.width_px,
    images.height_px,
    images.size_bytes,
    images.version
from catalog.images
inner join catalog.products on images.product_id = products.product_id
where
    products.sku = %(sku)s::text
    and (%(number)s::int is null or images.number = %(number)s)
order by images.number

-- name: put_image
insert into catalog.images (
    product_id, number, sha256, media_type, width_px, height_px, size_bytes
)
select
    products.product_id,
    %(number)s::int,
    %(sha256)s::text,
    %(media_type)s::text,
    %(width_px)s::int,
    %(height_px)s::int,
    %(size_bytes)s::int
from catalog.products
where products.sku = %(sku)s::text
on conflict (product_id, number) do update
set
    sha256 = excluded.sha256,
    media_type = excluded.media_type,
    width_px = excluded.width_px,
    height_px = excluded.height_px,
    size_bytes = excluded.size_bytes

-- name: delete_image
delete from catalog.images
using catalog.products
where
    images.product_id = products.product_id
    and products.sku = %(sku)s::text
    and images.number = %(number)s::int

-- name: lock_image_content
-- Whoever lets go of bytes and whoever begins to use the same ones come one after the other.
select pg_advisory_xact_lock(7270009, hashtext(%(sha256)s::text))

-- name: image_is_used
select from catalog.images where images.sha256 = %(sha256)s::text limit 1

-- What an import asks about what belongs to products: packs, barcodes, par levels, recipes, links.
-- Of each kind: all, in the order of an export, or those of these keys.

-- name: kept_packs
select
    products.sku,
    packs.pack,
    packs.units
from catalog.packs
inner join catalog.products on packs.product_id = products.product_id
where
    %(codes)s::text[] is null
    or (products.sku, packs.pack) in (
        select * from unnest(%(codes)s::text[], %(others)s::text[])
    )
order by products.sku collate "C", packs.pack collate "C"

-- name: kept_barcodes
select
    barcodes.code,
    products.sku,
    barcodes.pack
from catalog.barcodes
inner join catalog.products on barcodes.product_id = products.product_id
where %(codes)s::text[] is null or barcodes.code = any(%(codes)s::text[])
order by barcodes.code collate "C"

-- name: kept_par_levels
select
    locations.code as location,
    products.sku,
    par_levels.par,
    par_levels.minimum
from catalog.par_levels
inner join catalog.locations on par_levels.location_id = locations.location_id
inner join catalog.products on par_levels.product_id = products.product_id
where
    %(codes)s::text[] is null
    or (locations.code, products.sku) in (
        select * from unnest(%(codes)s::text[], %(others)s::text[])
    )
order by locations.code collate "C", products.sku collate "C"

-- name: kept_recipes
-- Every version. One without components has one line without any: a kit no longer.
select
    products.sku,
    recipes.recipe_version as version,
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
where %(codes)s::text[] is null or products.sku = any(%(codes)s::text[])
order by products.sku collate "C", recipes.recipe_version, components.sku collate "C"

-- name: linked_products
-- Which products name others.
select
    products.sku,
    successors.sku as successor,
    parents.sku as variant_of,
    products.options
from catalog.products
left join catalog.products as successors
    on products.successor_product_id = successors.product_id
left join catalog.products as parents
    on products.variant_of_product_id = parents.product_id
where
    products.successor_product_id is not null
    or products.variant_of_product_id is not null

-- name: no_parents
-- Which of these products cannot have variants, and why: a parent is never stocked.
select
    products.sku,
    'it has stock' as reason
from catalog.products
where
    products.sku = any(%(codes)s::text[])
    and exists (
        select from ledger.stock_levels
        where
            stock_levels.product_id = products.product_id
            and (stock_levels.on_hand <> 0 or stock_levels.reserved <> 0)
    )
union all
select
    products.sku,
    'it is a kit or part of one'
from catalog.products
where
    products.sku = any(%(codes)s::text[])
    and exists (
        select from catalog.recipe_components
        where
            products.product_id in (
                recipe_components.product_id, recipe_components.component_product_id
            )
            and recipe_components.recipe_version = (
                select max(recipes.recipe_version)
                from catalog.recipes
                where recipes.product_id = recipe_components.product_id
            )
    )

-- name: kits_and_parents
-- Products without stock of their own: kits as they are now, by component, and parents.
select
    products.sku as kit,
    components.sku as component,
    null as parent
from catalog.recipe_components
inner join catalog.products on recipe_components.product_id = products.product_id
inner join catalog.products as components
    on recipe_components.component_product_id = components.product_id
where
    recipe_components.recipe_version = (
        select max(recipes.recipe_version)
        from catalog.recipes
        where recipes.product_id = recipe_components.product_id
    )
union all
select distinct
    null,
    null,
    parents.sku
from catalog.products
inner join catalog.products as parents
    on products.variant_of_product_id = parents.product_id

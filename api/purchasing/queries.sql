-- name: list_forecasts
-- The forecast that stands for each product and site, one row a day, in the
-- order of its key, so that the next page can go on from the last row.
select
    products.sku,
    sites.code as site,
    (forecasts.first_date + (day.ordinal - 1)::integer) as forecast_date,
    day.mean,
    day.q0025,
    day.q0100,
    day.q0500,
    day.q0900,
    day.q0975,
    forecasts.model,
    forecasts.issued_at,
    forecasts.product_id,
    forecasts.site_id
from planning.current_forecasts as forecasts
inner join catalog.products
    on forecasts.product_id = products.product_id
inner join catalog.sites
    on forecasts.site_id = sites.site_id
cross join lateral unnest(
    forecasts.mean,
    forecasts.q0025,
    forecasts.q0100,
    forecasts.q0500,
    forecasts.q0900,
    forecasts.q0975
) with ordinality as day (
    mean, q0025, q0100, q0500, q0900, q0975, ordinal
)
where
    (%(sku)s::text is null or products.sku = %(sku)s)
    and (%(site)s::text is null or sites.code = %(site)s)
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and (forecasts.product_id, forecasts.site_id)
    >= (%(after_product_id)s::bigint, %(after_site_id)s::bigint)
    and (
        forecasts.product_id,
        forecasts.site_id,
        forecasts.first_date + (day.ordinal - 1)::integer
    ) > (
        %(after_product_id)s::bigint,
        %(after_site_id)s::bigint,
        %(after_date)s::date
    )
order by forecasts.product_id, forecasts.site_id, forecast_date
limit %(limit)s::integer;

-- name: list_suggestions
-- The open lines of the plan, the most pressing first. A line whose end of
-- stock is not known stands behind those that have one; refills are a walk, in
-- the order of their places, behind all others.
with lines as (
    select
        suggestions.suggestion_id,
        suggestions.version,
        suggestions.kind,
        products.sku,
        products.name as product,
        sites.code as site,
        suppliers.code as supplier,
        givers.code as from_site,
        sources.code as from_location,
        places.code as location,
        suggestions.quantity,
        suggestions.priority,
        suggestions.inventory_position,
        suggestions.reorder_point,
        suggestions.order_up_to_level,
        suggestions.days_until_stockout,
        suggestions.reason,
        suggestions.arithmetic,
        case
            when suggestions.kind = 'refill' then 5
            else array_position(
                array['critical', 'high', 'medium', 'low'], suggestions.priority
            )
        end as urgency,
        case
            when suggestions.kind = 'refill' then 0
            else coalesce(suggestions.days_until_stockout, 1e9)
        end as days,
        case when suggestions.kind = 'refill' then places.code else '' end as walk
    from planning.suggestions
    inner join catalog.products
        on suggestions.product_id = products.product_id
    inner join catalog.sites
        on suggestions.site_id = sites.site_id
    left join catalog.suppliers
        on suggestions.supplier_id = suppliers.supplier_id
    left join catalog.sites as givers
        on suggestions.from_site_id = givers.site_id
    left join catalog.locations as sources
        on suggestions.from_location_id = sources.location_id
    left join catalog.locations as places
        on suggestions.location_id = places.location_id
    where
        suggestions.status = 'open'
        and (%(site)s::text is null or sites.code = %(site)s)
        and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
        and (
            %(sites)s::text[] is null
            or suggestions.from_site_id is null
            or givers.code = any(%(sites)s)
        )
        and (%(sku)s::text is null or products.sku = %(sku)s)
        and (
            %(kinds)s::text[] is null or suggestions.kind = any(%(kinds)s)
        )
)

select lines.*
from lines
where (lines.urgency, lines.days, lines.walk, lines.suggestion_id) > (
    %(after_urgency)s::bigint,
    %(after_days)s::double precision,
    %(after_place)s::text,
    %(after_id)s::uuid
)
order by lines.urgency, lines.days, lines.walk, lines.suggestion_id
limit %(limit)s::integer;

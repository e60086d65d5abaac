-- name: list_order_values
-- What an order to each supplier with a minimum is worth, as its draft and the open lines of the
-- plan make it. A line without a price, or with one in another currency, cannot be counted.
with lines as (
    select
        products.supplier_id,
        suggestions.site_id,
        'proposed' as stage,
        suggestions.quantity * catalog.unit_cost_at(
            products.unit_cost, products.price_breaks, suggestions.quantity
        ) as cost,
        products.currency
    from planning.suggestions
    inner join catalog.products on suggestions.product_id = products.product_id
    where suggestions.status = 'open' and suggestions.kind = 'purchase'
    union all
    select
        orders.supplier_id,
        orders.site_id,
        'drafted',
        order_lines.quantity * order_lines.unit_cost,
        order_lines.currency
    from purchasing.orders
    inner join purchasing.order_lines on orders.order_id = order_lines.order_id
    where orders.status = 'draft' and order_lines.closed_at is null
)

select
    suppliers.code as supplier,
    suppliers.name as supplier_name,
    sites.code as site,
    suppliers.minimum_order_value,
    suppliers.currency,
    coalesce(sum(lines.cost) filter (
        where lines.stage = 'drafted' and lines.currency = suppliers.currency
    ), 0)::bigint as drafted,
    coalesce(sum(lines.cost) filter (
        where lines.stage = 'proposed' and lines.currency = suppliers.currency
    ), 0)::bigint as proposed,
    count(*) filter (
        where lines.cost is null or lines.currency <> suppliers.currency
    ) as lines_not_counted
from lines
inner join catalog.suppliers on lines.supplier_id = suppliers.supplier_id
inner join catalog.sites on lines.site_id = sites.site_id
where
    suppliers.minimum_order_value is not null
    and (%(supplier)s::text is null or suppliers.code = %(supplier)s)
    and (%(site)s::text is null or sites.code = %(site)s)
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
group by suppliers.supplier_id, sites.site_id
order by suppliers.code, sites.code;

-- name: list_candidates
-- What stands between its reorder point and its order-up-to level, the first to reach its reorder
-- point at the mean demand first. What has a line, or was turned down, is no candidate.
select
    suppliers.code as supplier,
    sites.code as site,
    products.sku,
    products.name as product,
    products.pack_size,
    products.minimum_order_quantity,
    products.unit_cost,
    policies.reorder_point,
    policies.order_up_to_level,
    stock.inventory_position,
    case
        when policies.mean_daily_demand > 0 then round((
            (stock.inventory_position - policies.reorder_point)
            / policies.mean_daily_demand
        )::numeric, 1)::double precision
    end as days_to_reorder_point
from unnest(%(supplier_codes)s::text[], %(site_codes)s::text[]) as asked (supplier, site)
inner join catalog.suppliers on asked.supplier = suppliers.code
inner join catalog.sites on asked.site = sites.code
inner join catalog.products
    on
        suppliers.supplier_id = products.supplier_id
        and suppliers.currency = products.currency
inner join planning.policies
    on
        products.product_id = policies.product_id
        and sites.site_id = policies.site_id
left join purchasing.on_order
    on
        products.product_id = on_order.product_id
        and sites.site_id = on_order.site_id
cross join lateral (
    select
        coalesce(sum(stock_levels.on_hand - stock_levels.reserved), 0)::bigint
        + coalesce(on_order.units, 0) as inventory_position
    from ledger.stock_levels
    inner join catalog.locations on stock_levels.location_id = locations.location_id
    where
        stock_levels.product_id = products.product_id
        and locations.site_id = sites.site_id
) as stock
where
    products.status = 'active'
    and products.unit_cost > 0
    and stock.inventory_position > policies.reorder_point
    and stock.inventory_position < policies.order_up_to_level
    and not exists (
        select from planning.suggestions
        where
            suggestions.product_id = products.product_id
            and suggestions.site_id = sites.site_id
            and suggestions.kind = 'purchase'
            and suggestions.status in ('open', 'dismissed')
    )
order by suppliers.code, sites.code, days_to_reorder_point nulls last, products.sku;

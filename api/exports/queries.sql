-- What is exported beside master data. In an order of the content's own, so that the same content
-- is the same file, whatever database it lies in.

-- name: export_counts
-- At the moment of the last movement there, so that a count of it says nothing new to this ledger.
-- What carries no lot has a line where there is some, or nothing else.
select
    products.sku,
    locations.code as location,
    held.on_hand,
    moved.last_at,
    lots.code as lot,
    lots.expires_on
from (
    select
        stock_levels.product_id,
        stock_levels.location_id,
        stock_levels.lot_id,
        stock_levels.on_hand,
        max(stock_levels.on_hand) over (
            partition by stock_levels.product_id, stock_levels.location_id
        ) as most
    from ledger.stock_levels
) as held
inner join (
    select
        movements.product_id,
        movements.location_id,
        max(inventory_events.occurred_at) as last_at
    from ledger.movements
    inner join ledger.inventory_events
        on movements.position = inventory_events.position
    group by movements.product_id, movements.location_id
) as moved
    on
        held.product_id = moved.product_id
        and held.location_id = moved.location_id
inner join catalog.products on held.product_id = products.product_id
inner join catalog.locations on held.location_id = locations.location_id
left join ledger.lots on held.lot_id = lots.lot_id
where
    held.on_hand between %(least)s::int and 10000000
    and (held.on_hand > 0 or (held.lot_id = 0 and held.most = 0))
order by
    products.sku collate "C",
    locations.code collate "C",
    lots.code collate "C" nulls first

-- name: export_sales
-- What was undone was no sale.
select
    sales.event_id::text as event_id,
    products.sku,
    locations.code as location,
    case sales.event_type
        when 'sold' then sales.quantity
        else -sales.quantity
    end as quantity,
    sales.occurred_at,
    sales.reference,
    coalesce(sales.metadata ->> 'cancellation' = 'true', false) as cancellation
from ledger.inventory_events as sales
inner join catalog.products on sales.product_id = products.product_id
inner join catalog.locations on sales.location_id = locations.location_id
where
    sales.event_type in ('sold', 'returned')
    and sales.caused_by is null
    and sales.quantity > 0
    and not exists (
        select from ledger.inventory_events as undoing
        where undoing.reverses = sales.event_id
    )
order by sales.occurred_at, sales.event_id

-- name: lock_suggestions
-- In order of their ids, as the plan locks them, so that neither waits for the other in a ring.
select
    suggestions.suggestion_id,
    suggestions.version,
    suggestions.kind,
    suggestions.status,
    suggestions.product_id,
    suggestions.site_id,
    suggestions.quantity,
    suggestions.reorder_point,
    products.sku,
    products.supplier_id,
    products.pack_size,
    catalog.unit_cost_at(
        products.unit_cost, products.price_breaks, suggestions.quantity
    ) as unit_cost,
    products.currency,
    sites.code as site
from planning.suggestions
inner join catalog.products on suggestions.product_id = products.product_id
inner join catalog.sites on suggestions.site_id = sites.site_id
where
    suggestions.suggestion_id = any(%(suggestion_ids)s::uuid[])
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
order by suggestions.suggestion_id
for update of suggestions;

-- name: lines_of_suggestions
select
    order_lines.suggestion_id,
    orders.number,
    order_lines.line
from purchasing.order_lines
inner join purchasing.orders on order_lines.order_id = orders.order_id
where order_lines.suggestion_id = any(%(suggestion_ids)s::uuid[]);

-- name: inventory_position
-- What is there, not promised, or on order, at this moment.
select
    coalesce((
        select sum(stock_levels.on_hand - stock_levels.reserved)
        from ledger.stock_levels
        inner join catalog.locations on stock_levels.location_id = locations.location_id
        where
            stock_levels.product_id = %(product_id)s::integer
            and locations.site_id = %(site_id)s::integer
    ), 0)::bigint
    + coalesce((
        select on_order.units
        from purchasing.on_order
        where
            on_order.product_id = %(product_id)s::integer
            and on_order.site_id = %(site_id)s::integer
    ), 0)::bigint as inventory_position;

-- name: find_draft
-- The one draft of a supplier and site, locked.
update purchasing.orders
set version = version + 1
where
    supplier_id = %(supplier_id)s::integer
    and site_id = %(site_id)s::integer
    and status = 'draft'
returning order_id, number;

-- name: make_draft
-- Only where none was found, since a conflict uses up a number.
insert into purchasing.orders as orders (supplier_id, site_id, created_by)
values (%(supplier_id)s::integer, %(site_id)s::integer, %(actor_id)s::integer)
on conflict (supplier_id, site_id) where status = 'draft' do update
set version = orders.version + 1
returning orders.order_id, orders.number;

-- name: add_order_line
insert into purchasing.order_lines (
    order_id, line, product_id, suggestion_id, suggestion_version, quantity, pack_size,
    unit_cost, currency, approved_by
)
select
    %(order_id)s::bigint,
    coalesce(max(order_lines.line), 0) + 1,
    %(product_id)s::integer,
    %(suggestion_id)s::uuid,
    %(version)s::integer,
    %(quantity)s::bigint,
    %(pack_size)s::integer,
    %(unit_cost)s::bigint,
    %(currency)s::text,
    %(actor_id)s::integer
from purchasing.order_lines
where order_lines.order_id = %(order_id)s::bigint
returning line;

-- name: set_suggestion_status
update planning.suggestions
set
    status = %(status)s::text,
    dismissed_because = %(reason)s::text,
    updated_at = now(),
    closed_at = now()
where suggestion_id = %(suggestion_id)s::uuid;

-- name: read_suggestion_life
-- Where a line of the plan stands. What was approved goes on as its order does.
select
    suggestions.suggestion_id,
    suggestions.version,
    suggestions.kind,
    products.sku,
    sites.code as site,
    suggestions.quantity,
    case
        when suggestions.status = 'open' then 'proposed'
        when suggestions.status <> 'approved' then suggestions.status
        when orders.status = 'cancelled' then 'closed'
        when orders.status = 'draft' and lines_so_far.closed_at is null then 'approved'
        when lines_so_far.outstanding > 0 then 'ordered'
        when lines_so_far.received > 0 then 'received'
        else 'closed'
    end as state,
    suggestions.dismissed_because,
    orders.number as purchase_order,
    lines_so_far.line
from planning.suggestions
inner join catalog.products on suggestions.product_id = products.product_id
inner join catalog.sites on suggestions.site_id = sites.site_id
left join purchasing.lines_so_far
    on suggestions.suggestion_id = lines_so_far.suggestion_id
left join purchasing.orders on lines_so_far.order_id = orders.order_id
where
    suggestions.suggestion_id = %(suggestion_id)s::uuid
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s));

-- name: list_orders
-- A draft has no expected day yet: what is told is that of one sent today. An order of which
-- everything came is received, and is so no longer when a receipt is undone.
with told as (
    select
        orders.order_id,
        orders.number,
        orders.version,
        case
            when orders.status = 'sent' and lines.outstanding = 0 then 'received'
            else orders.status
        end as status,
        suppliers.code as supplier,
        suppliers.name as supplier_name,
        sites.code as site,
        sites.name as site_name,
        coalesce(
            orders.expected_on,
            (now() at time zone sites.time_zone)::date + suppliers.lead_time_days
        ) as expected_on,
        orders.overdue_on,
        orders.status = 'sent'
        and lines.outstanding > 0
        and (now() at time zone sites.time_zone)::date >= orders.overdue_on as is_overdue,
        lines.lines,
        lines.units,
        lines.outstanding,
        orders.created_at,
        orders.sent_at,
        orders.ended_at,
        orders.ended_because,
        orders.mailed_at,
        orders.mail_problem
    from purchasing.orders
    inner join catalog.suppliers on orders.supplier_id = suppliers.supplier_id
    inner join catalog.sites on orders.site_id = sites.site_id
    cross join lateral (
        select
            count(*) filter (where lines_so_far.closed_at is null) as lines,
            coalesce(sum(lines_so_far.quantity) filter (
                where lines_so_far.closed_at is null
            ), 0)::bigint as units,
            coalesce(sum(lines_so_far.outstanding), 0)::bigint as outstanding
        from purchasing.lines_so_far
        where lines_so_far.order_id = orders.order_id
    ) as lines
    where
        (%(number)s::text is null or orders.number = %(number)s)
        and (%(supplier)s::text is null or suppliers.code = %(supplier)s)
        and (%(site)s::text is null or sites.code = %(site)s)
        and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
        and (%(before)s::bigint is null or orders.order_id < %(before)s)
)

select told.*
from told
where %(status)s::text is null or told.status = %(status)s
order by told.order_id desc
limit %(limit)s::integer;

-- name: list_order_lines
select
    lines_so_far.line,
    products.sku,
    products.name as product,
    products.base_unit,
    lines_so_far.suggestion_id,
    lines_so_far.quantity,
    lines_so_far.pack_size,
    lines_so_far.unit_cost,
    lines_so_far.currency,
    lines_so_far.received,
    lines_so_far.damaged,
    lines_so_far.outstanding,
    lines_so_far.closed_at is not null as is_closed
from purchasing.lines_so_far
inner join catalog.products on lines_so_far.product_id = products.product_id
where lines_so_far.order_id = %(order_id)s::bigint
order by lines_so_far.line;

-- name: lock_order
select
    orders.order_id,
    orders.number,
    orders.status,
    orders.version,
    orders.site_id,
    sites.code as site
from purchasing.orders
inner join catalog.sites on orders.site_id = sites.site_id
where
    orders.number = %(number)s::text
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
for update of orders;

-- name: touch_order
update purchasing.orders
set version = version + 1
where order_id = %(order_id)s::bigint;

-- name: set_line_quantity
-- A price that goes by the quantity follows it; any other stays as it was approved.
update purchasing.order_lines
set
    quantity = %(quantity)s::bigint,
    unit_cost = case
        when products.price_breaks <> '{}' and products.currency = order_lines.currency
            then catalog.unit_cost_at(
                products.unit_cost, products.price_breaks, %(quantity)s::bigint
            )
        else order_lines.unit_cost
    end
from catalog.products
where
    order_lines.product_id = products.product_id
    and order_lines.order_id = %(order_id)s::bigint
    and order_lines.line = %(line)s::integer;

-- name: close_lines
-- Without a line, all of them.
update purchasing.order_lines
set closed_at = coalesce(closed_at, now())
where
    order_id = %(order_id)s::bigint
    and (%(line)s::integer is null or line = %(line)s);

-- name: send_order
-- Overdue is later than 19 of 20 of the supplier's deliveries came after their day. Before five
-- are known, as late again as the lead time is long, and by a week at least.
update purchasing.orders
set
    status = 'sent',
    sent_at = now(),
    expected_on = terms.today + terms.lead_time_days,
    overdue_on = terms.today + terms.lead_time_days + 1 + coalesce(
        (
            select greatest(
                percentile_disc(0.95) within group (order by lead_times.days_late), 0
            )
            from purchasing.lead_times
            where lead_times.supplier_id = orders.supplier_id
            having count(*) >= 5
        ),
        greatest(terms.lead_time_days, 7)
    ),
    version = orders.version + 1
from (
    select
        suppliers.supplier_id,
        suppliers.lead_time_days,
        sites.site_id,
        (now() at time zone sites.time_zone)::date as today
    from catalog.suppliers
    cross join catalog.sites
) as terms
where
    orders.order_id = %(order_id)s::bigint
    and orders.supplier_id = terms.supplier_id
    and orders.site_id = terms.site_id;

-- name: end_order
update purchasing.orders
set
    status = %(status)s::text,
    ended_at = now(),
    ended_because = %(reason)s::text,
    version = version + 1
where order_id = %(order_id)s::bigint;

-- name: expect_order
-- Still coming: it is overdue as long after the new day as it was after the old.
update purchasing.orders
set
    expected_on = %(expected_on)s::date,
    overdue_on = %(expected_on)s::date + (overdue_on - expected_on),
    version = version + 1
where order_id = %(order_id)s::bigint;

-- name: find_place
select
    locations.location_id,
    locations.site_id
from catalog.locations
where locations.code = %(location)s::text;

-- name: add_receipt
insert into purchasing.receipts (receipt_id, order_id, location_id, received_at, told_by)
values (
    %(receipt_id)s::uuid, %(order_id)s::bigint, %(location_id)s::integer,
    %(received_at)s::timestamptz, %(actor_id)s::integer
)
on conflict (receipt_id) do nothing
returning receipt_id;

-- name: add_receipt_lines
insert into purchasing.receipt_lines (
    receipt_id, order_id, line, lot, expires_on, quantity, damaged,
    received_event_id, damaged_event_id
)
select
    %(receipt_id)s::uuid,
    %(order_id)s::bigint,
    given.line,
    given.lot,
    given.expires_on,
    given.quantity,
    given.damaged,
    given.received_event_id,
    given.damaged_event_id
from unnest(
    %(line)s::integer[],
    %(lot)s::text[],
    %(expires_on)s::date[],
    %(quantity)s::bigint[],
    %(damaged)s::bigint[],
    %(received_event_id)s::uuid[],
    %(damaged_event_id)s::uuid[]
) as given (
    line, lot, expires_on, quantity, damaged, received_event_id, damaged_event_id
);

-- name: list_receipts
-- What was told to have come, line by line, with whether the ledger has it.
select
    receipts.receipt_id,
    receipts.order_id,
    receipts.received_at,
    receipts.told_by,
    locations.code as location,
    receipt_lines.line,
    products.sku,
    receipt_lines.lot,
    receipt_lines.expires_on,
    receipt_lines.quantity,
    receipt_lines.damaged,
    receipt_lines.received_event_id,
    receipt_lines.damaged_event_id,
    recorded.position is not null as is_recorded,
    undoing.position is not null as is_undone
from purchasing.receipts
inner join catalog.locations on receipts.location_id = locations.location_id
inner join purchasing.receipt_lines on receipts.receipt_id = receipt_lines.receipt_id
inner join purchasing.order_lines
    on
        receipt_lines.order_id = order_lines.order_id
        and receipt_lines.line = order_lines.line
inner join catalog.products on order_lines.product_id = products.product_id
left join ledger.inventory_events as recorded
    on receipt_lines.received_event_id = recorded.event_id
left join ledger.inventory_events as undoing
    on receipt_lines.received_event_id = undoing.reverses
where
    (%(order_id)s::bigint is null or receipts.order_id = %(order_id)s)
    and (%(receipt_id)s::uuid is null or receipts.receipt_id = %(receipt_id)s)
order by receipts.told_at, receipts.receipt_id, receipt_lines.line;

-- name: list_purchases
-- The open purchase lines, by supplier and site, as they are approved together.
select
    suppliers.code as supplier,
    suppliers.name as supplier_name,
    sites.code as site,
    sites.name as site_name,
    suggestions.suggestion_id,
    suggestions.version,
    products.sku,
    products.name as product,
    suggestions.quantity,
    products.pack_size,
    suggestions.priority,
    suggestions.days_until_stockout,
    suggestions.quantity * catalog.unit_cost_at(
        products.unit_cost, products.price_breaks, suggestions.quantity
    ) as cost,
    products.currency
from planning.suggestions
inner join catalog.products on suggestions.product_id = products.product_id
inner join catalog.sites on suggestions.site_id = sites.site_id
inner join catalog.suppliers on products.supplier_id = suppliers.supplier_id
where
    suggestions.status = 'open'
    and suggestions.kind = 'purchase'
    and (%(supplier)s::text is null or suppliers.code = %(supplier)s)
    and (%(site)s::text is null or sites.code = %(site)s)
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
order by
    suppliers.name,
    suppliers.code,
    sites.name,
    array_position(array['critical', 'high', 'medium', 'low'], suggestions.priority),
    suggestions.days_until_stockout nulls last,
    suggestions.suggestion_id
limit %(limit)s::integer;

-- name: count_purchases
select
    suppliers.code as supplier,
    suppliers.name as supplier_name,
    sites.code as site,
    sites.name as site_name,
    count(*) as lines
from planning.suggestions
inner join catalog.products on suggestions.product_id = products.product_id
inner join catalog.sites on suggestions.site_id = sites.site_id
inner join catalog.suppliers on products.supplier_id = suppliers.supplier_id
where
    suggestions.status = 'open'
    and suggestions.kind = 'purchase'
    and (%(site)s::text is null or sites.code = %(site)s)
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
group by suppliers.supplier_id, sites.site_id
order by suppliers.name, suppliers.code, sites.name;

-- name: list_places_of_order
-- Where its goods can be put: not what sells first, since deliveries go behind it.
select
    locations.code,
    locations.name
from purchasing.orders
inner join catalog.locations on orders.site_id = locations.site_id
where
    orders.order_id = %(order_id)s::bigint
    and locations.kind <> 'in_transit'
order by locations.selling, locations.name, locations.code
limit %(limit)s::integer;

-- name: set_mailed
update purchasing.orders
set
    mailed_at = case when %(problem)s::text is null then now() else mailed_at end,
    mail_problem = %(problem)s::text,
    version = version + 1
where number = %(number)s::text;

-- name: read_supplier_mail
select
    suppliers.supplier_id,
    suppliers.code as supplier,
    supplier_mail.email,
    coalesce(supplier_mail.version, 0) as version
from catalog.suppliers
left join purchasing.supplier_mail
    on suppliers.supplier_id = supplier_mail.supplier_id
where suppliers.code = %(supplier)s::text;

-- name: set_supplier_mail
-- No row where another version than the one that was read is there by now.
insert into purchasing.supplier_mail as kept (supplier_id, email, updated_by)
values (%(supplier_id)s::integer, %(email)s::text, %(actor_id)s::integer)
on conflict (supplier_id) do update
set
    email = excluded.email,
    version = kept.version + 1,
    updated_at = now(),
    updated_by = excluded.updated_by
where kept.version = %(version)s::integer
returning kept.version;

-- What was approved becomes an order to a supplier; what comes of it is told by the ledger.
create schema purchasing;

-- One order a supplier and site stays open as a draft, which further approvals fill.
-- overdue_on: on this day of the site what is still out leaves the inventory position.
create table purchasing.orders (
    order_id bigint generated always as identity primary key,
    number text not null generated always as (
        'PO-' || lpad(order_id::text, greatest(6, length(order_id::text)), '0')
    ) stored constraint orders_number_key unique,
    supplier_id integer not null constraint orders_supplier_fkey references catalog.suppliers,
    site_id integer not null constraint orders_site_fkey references catalog.sites,
    status text not null default 'draft'
        constraint orders_status_known check (status in ('draft', 'sent', 'closed', 'cancelled')),
    expected_on date,
    overdue_on date,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    created_by integer not null,
    sent_at timestamptz,
    ended_at timestamptz,
    ended_because text,
    mailed_at timestamptz,
    mail_problem text,
    constraint orders_sent_is_dated check (
        status not in ('sent', 'closed')
        or (sent_at is not null and expected_on is not null and overdue_on is not null)
    )
);
create unique index orders_one_draft on purchasing.orders (supplier_id, site_id)
where status = 'draft';
create index orders_site_idx on purchasing.orders (site_id, order_id);

-- quantity is in base units, unit_cost in minor units of the currency. The suggestion that led to
-- a line leads to no other.
create table purchasing.order_lines (
    order_id bigint not null constraint order_lines_order_fkey references purchasing.orders,
    line integer not null,
    product_id integer not null
        constraint order_lines_product_fkey references catalog.products,
    suggestion_id uuid not null constraint order_lines_suggestion_key unique,
    suggestion_version integer not null,
    quantity bigint not null
        constraint order_lines_quantity_range check (quantity between 1 and 10000000),
    pack_size integer not null,
    unit_cost bigint,
    currency text,
    approved_at timestamptz not null default now(),
    approved_by integer not null,
    closed_at timestamptz,
    primary key (order_id, line),
    constraint order_lines_cost_has_a_currency check ((unit_cost is null) = (currency is null))
);
create index order_lines_product_idx on purchasing.order_lines (product_id);

-- What someone said came in, under an id of theirs. Its events have ids that follow from it, so
-- that telling it again records nothing twice.
create table purchasing.receipts (
    receipt_id uuid primary key,
    order_id bigint not null constraint receipts_order_fkey references purchasing.orders,
    location_id integer not null
        constraint receipts_location_fkey references catalog.locations,
    received_at timestamptz not null,
    told_at timestamptz not null default now(),
    told_by integer not null
);
create index receipts_order_idx on purchasing.receipts (order_id);

-- quantity is all that came, damaged what of it was not fit to be put away.
create table purchasing.receipt_lines (
    receipt_id uuid not null
        constraint receipt_lines_receipt_fkey references purchasing.receipts,
    order_id bigint not null,
    line integer not null,
    lot text,
    expires_on date,
    quantity bigint not null
        constraint receipt_lines_quantity_range check (quantity between 1 and 10000000),
    damaged bigint not null default 0
        constraint receipt_lines_damaged_range check (damaged between 0 and quantity),
    received_event_id uuid not null constraint receipt_lines_received_event_key unique,
    damaged_event_id uuid not null,
    primary key (receipt_id, line),
    constraint receipt_lines_order_line_fkey
    foreign key (order_id, line) references purchasing.order_lines
);
create index receipt_lines_order_line_idx on purchasing.receipt_lines (order_id, line);

-- What the ledger holds of receipts as of a position: an event that is not recorded yet, or was
-- undone, brought nothing. So a unit is either on order or in stock, and never in both.
create function purchasing.received_by(to_position bigint)
returns table (
    order_id bigint, line integer, receipt_id uuid, quantity bigint, damaged bigint,
    received_at timestamptz
)
language sql stable
as $$
    select
        receipt_lines.order_id,
        receipt_lines.line,
        receipt_lines.receipt_id,
        receipt_lines.quantity,
        receipt_lines.damaged,
        events.occurred_at
    from purchasing.receipt_lines
    inner join ledger.inventory_events as events
        on receipt_lines.received_event_id = events.event_id
    where
        events.position <= to_position
        and not exists (
            select from ledger.inventory_events as undoing
            where
                undoing.reverses = events.event_id
                and undoing.position <= to_position
        )
$$;

-- What is still to come of each line, as of a position of the ledger.
create function purchasing.outstanding_at(to_position bigint)
returns table (
    order_id bigint, line integer, product_id integer, site_id integer, units bigint,
    is_overdue boolean
)
language sql stable
as $$
    select
        orders.order_id,
        order_lines.line,
        order_lines.product_id,
        orders.site_id,
        order_lines.quantity - coalesce(sum(received.quantity), 0)::bigint,
        coalesce(
            (now() at time zone sites.time_zone)::date >= orders.overdue_on, false
        )
    from purchasing.orders
    inner join catalog.sites on orders.site_id = sites.site_id
    inner join purchasing.order_lines on orders.order_id = order_lines.order_id
    left join purchasing.received_by(to_position) as received
        on
            order_lines.order_id = received.order_id
            and order_lines.line = received.line
    where
        orders.status in ('draft', 'sent')
        and order_lines.closed_at is null
    group by orders.order_id, order_lines.order_id, order_lines.line, sites.time_zone
    having order_lines.quantity > coalesce(sum(received.quantity), 0)
$$;

-- Purchases approved or ordered and not received, by product and site, as of a position: the part
-- of the inventory position that is not in the ledger. What is overdue has left it.
create function purchasing.on_order_at(to_position bigint)
returns table (product_id integer, site_id integer, units bigint)
language sql stable
as $$
    select
        outstanding.product_id,
        outstanding.site_id,
        sum(outstanding.units)::bigint
    from purchasing.outstanding_at(to_position) as outstanding
    where not outstanding.is_overdue
    group by outstanding.product_id, outstanding.site_id
$$;

create view purchasing.on_order as
select
    product_id,
    site_id,
    units
from purchasing.on_order_at(9223372036854775807);

-- Each line with what came of it so far.
create view purchasing.lines_so_far as
select
    order_lines.*,
    received.quantity as received,
    received.damaged,
    case
        when order_lines.closed_at is not null or orders.status in ('closed', 'cancelled') then 0
        else greatest(order_lines.quantity - received.quantity, 0)
    end as outstanding,
    orders.status = 'sent'
    and (now() at time zone sites.time_zone)::date >= orders.overdue_on as is_past_its_day
from purchasing.order_lines
inner join purchasing.orders on order_lines.order_id = orders.order_id
inner join catalog.sites on orders.site_id = sites.site_id
cross join lateral (
    select
        coalesce(sum(told.quantity), 0)::bigint as quantity,
        coalesce(sum(told.damaged), 0)::bigint as damaged
    from purchasing.received_by(9223372036854775807) as told
    where told.order_id = order_lines.order_id and told.line = order_lines.line
) as received;

-- How long each supplier took: one row a line and receipt of an order that was sent. What was told
-- with a date before it was sent says nothing.
create view purchasing.lead_times as
select
    orders.supplier_id,
    order_lines.product_id,
    orders.site_id,
    orders.number,
    order_lines.line,
    received.quantity,
    received.damaged,
    orders.sent_at,
    received.received_at,
    orders.expected_on,
    (received.received_at at time zone sites.time_zone)::date
    - (orders.sent_at at time zone sites.time_zone)::date as lead_time_days,
    (received.received_at at time zone sites.time_zone)::date - orders.expected_on as days_late
from purchasing.received_by(9223372036854775807) as received
inner join purchasing.order_lines
    on
        received.order_id = order_lines.order_id
        and received.line = order_lines.line
inner join purchasing.orders on order_lines.order_id = orders.order_id
inner join catalog.sites on orders.site_id = sites.site_id
where received.received_at >= orders.sent_at;

-- A line that someone turned down stays so until its reason changes.
alter table planning.suggestions
drop constraint suggestions_status_known,
add constraint suggestions_status_known
check (status in ('open', 'approved', 'dismissed', 'closed')),
add column dismissed_because text;
create unique index suggestions_one_live
on planning.suggestions (product_id, site_id, kind) where status in ('open', 'dismissed');

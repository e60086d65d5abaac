-- Count sessions: who counted what where and when, what the book held at that moment, and what was
-- approved. The ledger knows of each level until when a closed count covers it.
create schema counting;

-- number: the order in which they were opened. round: raised by each recount. submitted_at: when
-- the last round ended. state approving: its counts are being recorded.
create table counting.sessions (
    count_session_id uuid primary key,
    number bigint not null generated always as identity constraint sessions_number_key unique,
    name text,
    location_id integer not null
        constraint sessions_location_fkey references catalog.locations,
    sub_places boolean not null,
    blind boolean not null,
    uncounted text not null
        constraint sessions_uncounted_known check (uncounted in ('left_alone', 'zero')),
    recount_tolerance bigint
        constraint sessions_recount_tolerance_range check (recount_tolerance >= 0),
    of_products boolean not null,
    state text not null default 'open'
        constraint sessions_state_known
        check (state in ('open', 'review', 'approving', 'closed', 'cancelled')),
    round integer not null default 1,
    opened_at timestamptz not null default now(),
    opened_by integer not null,
    submitted_at timestamptz,
    approved_by integer,
    closed_at timestamptz
);
create index sessions_location_idx on counting.sessions (location_id, number);

-- The products that a session is limited to, where of_products says that it is.
create table counting.session_products (
    count_session_id uuid not null
        constraint session_products_session_fkey references counting.sessions,
    product_id integer not null
        constraint session_products_product_fkey references catalog.products,
    primary key (count_session_id, product_id)
);

-- What a counter entered; the lines of a round add up. lot '': no lot was named. counted_at is by
-- our clock, counted_at_sent as it was sent. A withdrawn line stays, and counts no more.
create table counting.lines (
    line_id uuid primary key,
    number bigint not null generated always as identity constraint lines_number_key unique,
    count_session_id uuid not null
        constraint lines_session_fkey references counting.sessions,
    round integer not null,
    location_id integer not null
        constraint lines_location_fkey references catalog.locations,
    product_id integer not null
        constraint lines_product_fkey references catalog.products,
    lot text not null,
    quantity bigint not null
        constraint lines_quantity_range check (quantity between 0 and 10000000),
    counted_at timestamptz not null,
    counted_at_sent timestamptz not null,
    entered_at timestamptz not null default clock_timestamp(),
    entered_by integer not null,
    withdrawn_at timestamptz,
    withdrawn_by integer
);
create index lines_session_idx
on counting.lines (count_session_id, location_id, product_id, lot, round);

-- What is to be counted again in a round.
create table counting.recounts (
    count_session_id uuid not null
        constraint recounts_session_fkey references counting.sessions,
    round integer not null,
    location_id integer not null,
    product_id integer not null,
    lot text not null,
    primary key (count_session_id, round, location_id, product_id, lot)
);

-- The review as it was approved. counted: null where nobody counted. event_id: that of the
-- `counted` event; null where the level is left alone. refused: why the ledger did not take it.
create table counting.results (
    count_session_id uuid not null
        constraint results_session_fkey references counting.sessions,
    location_id integer not null,
    product_id integer not null,
    lot text not null,
    round integer,
    lines integer not null,
    counted bigint,
    counted_at timestamptz not null,
    expected bigint not null,
    event_id uuid,
    refused jsonb,
    primary key (count_session_id, location_id, product_id, lot)
);

-- Who did what with a session.
create table counting.steps (
    step_id bigint generated always as identity primary key,
    count_session_id uuid not null
        constraint steps_session_fkey references counting.sessions,
    step text not null
        constraint steps_step_known
        check (step in ('opened', 'submitted', 'recount', 'approved', 'closed', 'cancelled')),
    round integer not null,
    done_at timestamptz not null default clock_timestamp(),
    done_by integer not null,
    reason text
);
create index steps_session_idx on counting.steps (count_session_id, step_id);

create trigger steps_append_only
before update or delete or truncate on counting.steps
for each statement execute function ledger.refuse_change();

create trigger lines_stay
before delete or truncate on counting.lines
for each statement execute function ledger.refuse_change();

-- Until when a closed count covers a level; lot_id 0: all of the place.
create table ledger.closed_counts (
    product_id integer not null,
    location_id integer not null,
    lot_id integer not null,
    counted_at timestamptz not null,
    primary key (product_id, location_id, lot_id)
);

-- The places that a count covers.
create function counting.places(root integer, with_sub_places boolean)
returns table (location_id integer)
language sql stable
as $$
with recursive inside (location_id) as (
    select locations.location_id from catalog.locations where locations.location_id = root
    union
    select locations.location_id
    from inside
    inner join catalog.locations on inside.location_id = locations.parent_location_id
    where with_sub_places
)

select inside.location_id
from inside
inner join catalog.locations on inside.location_id = locations.location_id
where locations.kind <> 'in_transit'
$$;

-- Each level of a session: what was counted in its latest round, or null where nobody counted what
-- the book has, and what the book held at the moment of counting: what it holds now without what
-- happened after. A reversal takes back what it undoes at the time of that. A product that is
-- counted lot by lot at a place has a level for each lot, any other has one with lot ''.
create function counting.levels(of_session uuid)
returns table (
    location_id integer, product_id integer, lot text, is_rest boolean, round integer,
    lines integer, counted bigint, counted_at timestamptz, expected bigint
)
language sql stable
as $$
with session as (
    select sessions.*
    from counting.sessions
    where
        sessions.count_session_id = of_session
        and sessions.state not in ('approving', 'closed')
),

valid as (
    select
        lines.*,
        max(lines.round) over (
            partition by lines.location_id, lines.product_id, lines.lot
        ) as last_round
    from counting.lines
    inner join session on lines.count_session_id = session.count_session_id
    where lines.withdrawn_at is null
),

counts as (
    select
        valid.location_id,
        valid.product_id,
        valid.lot,
        valid.round,
        count(*)::integer as lines,
        sum(valid.quantity)::bigint as counted,
        max(valid.counted_at) as counted_at
    from valid
    where valid.round = valid.last_round
    group by valid.location_id, valid.product_id, valid.lot, valid.round
),

by_lot as (
    select distinct counts.location_id, counts.product_id
    from counts
    where counts.lot <> ''
),

places as (
    select inside.location_id
    from session
    cross join lateral
        counting.places(session.location_id, session.sub_places) as inside
    union
    select counts.location_id from counts
),

held as (
    select
        stock_levels.location_id,
        stock_levels.product_id,
        case when by_lot.product_id is null then '' else coalesce(lots.code, '') end as lot,
        sum(stock_levels.on_hand)::bigint as on_hand
    from session
    cross join places
    inner join ledger.stock_levels on places.location_id = stock_levels.location_id
    left join ledger.lots on stock_levels.lot_id = lots.lot_id
    left join by_lot
        on
            stock_levels.location_id = by_lot.location_id
            and stock_levels.product_id = by_lot.product_id
    where
        not session.of_products
        or exists (
            select from counting.session_products
            where
                session_products.count_session_id = session.count_session_id
                and session_products.product_id = stock_levels.product_id
        )
    group by 1, 2, 3
),

known as (
    select
        coalesce(counts.location_id, held.location_id) as location_id,
        coalesce(counts.product_id, held.product_id) as product_id,
        coalesce(counts.lot, held.lot) as lot,
        counts.round,
        coalesce(counts.lines, 0) as lines,
        counts.counted,
        coalesce(counts.counted_at, session.submitted_at, now()) as counted_at,
        coalesce(held.on_hand, 0) as on_hand
    from session
    cross join (
        counts
        full join held
            on
                counts.location_id = held.location_id
                and counts.product_id = held.product_id
                and counts.lot = held.lot
    )
),

since as (
    select ledger.position_before(min(known.counted_at)) as position from known
),

compared as (
    select
        known.location_id,
        known.product_id,
        known.lot,
        by_lot.product_id is not null and known.lot = '' as is_rest,
        known.round,
        known.lines,
        known.counted,
        known.counted_at,
        known.on_hand - coalesce(moved.units, 0) as expected
    from known
    cross join since
    left join by_lot
        on
            known.location_id = by_lot.location_id
            and known.product_id = by_lot.product_id
    left join ledger.lots on known.product_id = lots.product_id and known.lot = lots.code
    left join lateral (
        select sum(movements.on_hand_change)::bigint as units
        from ledger.movements
        inner join ledger.inventory_events as events on movements.position = events.position
        left join ledger.inventory_events as originals on events.reverses = originals.event_id
        where
            movements.product_id = known.product_id
            and movements.location_id = known.location_id
            and movements.position > since.position
            and coalesce(originals.occurred_at, events.occurred_at) > known.counted_at
            and (
                by_lot.product_id is null
                or movements.lot_id = case when known.lot = '' then 0 else lots.lot_id end
            )
    ) as moved on true
)

select
    compared.location_id,
    compared.product_id,
    compared.lot,
    compared.is_rest,
    compared.round,
    compared.lines,
    compared.counted,
    compared.counted_at,
    compared.expected
from compared
where compared.counted is not null or compared.expected <> 0
union all
select
    results.location_id,
    results.product_id,
    results.lot,
    false,
    results.round,
    results.lines,
    results.counted,
    results.counted_at,
    results.expected
from counting.results
where results.count_session_id = of_session
$$;

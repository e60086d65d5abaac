-- name: find_place
select
    locations.location_id,
    locations.kind = 'in_transit' as is_transit,
    sites.code as site
from catalog.locations
inner join catalog.sites on locations.site_id = sites.site_id
where locations.code = %(location)s::text

-- name: open_session
insert into counting.sessions (
    count_session_id, name, location_id, sub_places, blind, uncounted,
    recount_tolerance, of_products, opened_by
)
values (
    %(count_session_id)s::uuid, %(name)s::text, %(location_id)s::int,
    %(sub_places)s::boolean, %(blind)s::boolean, %(uncounted)s::text,
    %(recount_tolerance)s::bigint, %(of_products)s::boolean, %(opened_by)s::int
)
on conflict (count_session_id) do nothing
returning count_session_id

-- name: limit_to_products
insert into counting.session_products (count_session_id, product_id)
select
    %(count_session_id)s::uuid,
    named.product_id
from unnest(%(product_ids)s::int[]) as named (product_id)

-- name: take_step
insert into counting.steps (count_session_id, step, round, done_by, reason)
values (
    %(count_session_id)s::uuid, %(step)s::text, %(round)s::int,
    %(done_by)s::int, %(reason)s::text
)

-- name: list_sessions
-- One of them, or all that match, the newest first.
select
    sessions.number,
    sessions.count_session_id,
    sessions.name,
    locations.code as location,
    sites.code as site,
    sessions.sub_places,
    sessions.blind,
    sessions.uncounted,
    sessions.recount_tolerance,
    sessions.of_products,
    sessions.state,
    sessions.round,
    sessions.opened_at,
    sessions.opened_by,
    sessions.submitted_at,
    sessions.approved_by,
    sessions.closed_at
from counting.sessions
inner join catalog.locations
    on sessions.location_id = locations.location_id
inner join catalog.sites on locations.site_id = sites.site_id
where
    (
        %(count_session_id)s::uuid is null
        or sessions.count_session_id = %(count_session_id)s
    )
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and (%(state)s::text is null or sessions.state = %(state)s)
    and (%(location)s::text is null or locations.code = %(location)s)
    and (%(site)s::text is null or sites.code = %(site)s)
    and (%(before)s::bigint is null or sessions.number < %(before)s)
order by sessions.number desc
limit %(limit)s::int

-- name: lock_session
-- Lines and steps of one session come one after another.
select sessions.count_session_id
from counting.sessions
where sessions.count_session_id = %(count_session_id)s::uuid
for update

-- name: list_products
select products.sku
from counting.session_products
inner join catalog.products
    on session_products.product_id = products.product_id
where session_products.count_session_id = %(count_session_id)s::uuid
order by products.sku

-- name: list_history
select
    steps.step,
    steps.round,
    steps.done_at,
    steps.done_by,
    steps.reason
from counting.steps
where steps.count_session_id = %(count_session_id)s::uuid
order by steps.step_id

-- name: list_to_recount
-- What was asked for again in this round and is not counted again yet.
select
    locations.code as location,
    products.sku,
    nullif(recounts.lot, '') as lot
from counting.recounts
inner join catalog.locations
    on recounts.location_id = locations.location_id
inner join catalog.products on recounts.product_id = products.product_id
where
    recounts.count_session_id = %(count_session_id)s::uuid
    and recounts.round = %(round)s::int
    and not exists (
        select from counting.lines
        where
            lines.count_session_id = recounts.count_session_id
            and lines.round = recounts.round
            and lines.location_id = recounts.location_id
            and lines.product_id = recounts.product_id
            and lines.lot = recounts.lot
            and lines.withdrawn_at is null
    )
order by locations.code, products.sku, recounts.lot
limit %(limit)s::int

-- name: list_left_alone
select
    locations.code as location,
    products.sku,
    nullif(results.lot, '') as lot
from counting.results
inner join catalog.locations
    on results.location_id = locations.location_id
inner join catalog.products on results.product_id = products.product_id
where
    results.count_session_id = %(count_session_id)s::uuid
    and results.event_id is null
order by locations.code, products.sku, results.lot
limit %(limit)s::int

-- name: is_counted
select
    exists(
        select from counting.lines
        where
            lines.count_session_id = %(count_session_id)s::uuid
            and lines.withdrawn_at is null
    ) as is_counted

-- name: set_state
update counting.sessions
set
    state = %(state)s::text,
    closed_at = case when %(state)s = 'closed' then clock_timestamp() end
where count_session_id = %(count_session_id)s::uuid

-- name: submit
update counting.sessions
set
    state = 'review',
    submitted_at = clock_timestamp()
where count_session_id = %(count_session_id)s::uuid

-- name: find_differing
-- Levels that were counted and differ by more than so many units.
select
    levels.location_id,
    levels.product_id,
    levels.lot
from counting.levels(%(count_session_id)s::uuid) as levels
where abs(levels.counted - levels.expected) > %(tolerance)s::bigint

-- name: find_levels
-- The levels that are named, of those that the session has; number is the place in the list.
select
    named.number - 1 as number,
    levels.location_id,
    levels.product_id,
    levels.lot
from counting.levels(%(count_session_id)s::uuid) as levels
inner join catalog.locations
    on levels.location_id = locations.location_id
inner join catalog.products on levels.product_id = products.product_id
inner join unnest(
    %(locations)s::text[], %(skus)s::text[], %(lots)s::text[]
) with ordinality as named (location, sku, lot, number)
    on
        locations.code = named.location
        and products.sku = named.sku
        and levels.lot = named.lot

-- name: begin_round
update counting.sessions
set
    state = 'open',
    round = %(round)s::int
where count_session_id = %(count_session_id)s::uuid

-- name: ask_again
insert into counting.recounts (
    count_session_id, round, location_id, product_id, lot
)
select
    %(count_session_id)s::uuid,
    %(round)s::int,
    asked.location_id,
    asked.product_id,
    asked.lot
from unnest(
    %(location_ids)s::int[], %(product_ids)s::int[], %(lots)s::text[]
) as asked (location_id, product_id, lot)
on conflict do nothing

-- name: list_asked
select
    locations.code as location,
    products.sku,
    recounts.lot
from counting.recounts
inner join catalog.locations
    on recounts.location_id = locations.location_id
inner join catalog.products on recounts.product_id = products.product_id
where
    recounts.count_session_id = %(count_session_id)s::uuid
    and recounts.round = %(round)s::int

-- name: look_at_place
-- What a line must know before it is kept: whether the session covers its place and product, is to
-- count it in this round, and how it was counted there before.
select
    places.location_id,
    exists(
        select from counting.places(sessions.location_id, sessions.sub_places) as inside
        where inside.location_id = places.location_id
    ) as is_inside,
    not sessions.of_products
    or exists (
        select from counting.session_products
        where
            session_products.count_session_id = sessions.count_session_id
            and session_products.product_id = %(product_id)s::int
    ) as is_listed,
    sessions.round = 1
    or exists (
        select from counting.recounts
        where
            recounts.count_session_id = sessions.count_session_id
            and recounts.round = sessions.round
            and recounts.location_id = places.location_id
            and recounts.product_id = %(product_id)s
            and recounts.lot = %(lot)s::text
    ) as is_to_count,
    exists(
        select from counting.lines
        where
            lines.count_session_id = sessions.count_session_id
            and lines.location_id = places.location_id
            and lines.product_id = %(product_id)s
            and (lines.lot = '') <> (%(lot)s = '')
            and lines.withdrawn_at is null
    ) as is_counted_otherwise,
    (
        select coalesce(sum(lines.quantity), 0)::bigint
        from counting.lines
        where
            lines.count_session_id = sessions.count_session_id
            and lines.location_id = places.location_id
            and lines.product_id = %(product_id)s
            and lines.lot = %(lot)s
            and lines.round = sessions.round
            and lines.withdrawn_at is null
    ) as counted
from counting.sessions
inner join catalog.locations as places on places.code = %(location)s::text
where sessions.count_session_id = %(count_session_id)s::uuid

-- name: enter_line
insert into counting.lines (
    line_id, count_session_id, round, location_id, product_id, lot, quantity,
    counted_at, counted_at_sent, entered_by
)
values (
    %(line_id)s::uuid, %(count_session_id)s::uuid, %(round)s::int,
    %(location_id)s::int, %(product_id)s::int, %(lot)s::text,
    %(quantity)s::bigint, %(counted_at)s::timestamptz,
    %(counted_at_sent)s::timestamptz, %(entered_by)s::int
)
on conflict (line_id) do nothing
returning line_id

-- name: list_lines
select
    lines.number,
    lines.line_id,
    lines.round,
    locations.code as location,
    products.sku,
    nullif(lines.lot, '') as lot,
    lines.quantity,
    lines.counted_at,
    lines.counted_at_sent,
    lines.entered_at,
    lines.entered_by,
    lines.withdrawn_at,
    lines.withdrawn_by
from counting.lines
inner join catalog.locations on lines.location_id = locations.location_id
inner join catalog.products on lines.product_id = products.product_id
where
    lines.count_session_id = %(count_session_id)s::uuid
    and (%(line_id)s::uuid is null or lines.line_id = %(line_id)s)
    and lines.number > %(after)s::bigint
order by lines.number
limit %(limit)s::int

-- name: withdraw_line
update counting.lines
set
    withdrawn_at = clock_timestamp(),
    withdrawn_by = %(withdrawn_by)s::int
where line_id = %(line_id)s::uuid

-- name: list_levels
select
    locations.code as location,
    products.sku,
    levels.lot,
    levels.location_id,
    levels.product_id,
    levels.is_rest,
    levels.round,
    levels.lines,
    levels.counted,
    levels.counted_at,
    levels.expected,
    levels.counted - levels.expected as variance,
    recounts.round is not null
    and coalesce(levels.round < sessions.round, true) as to_recount,
    case
        when sessions.state <> 'closed' then null
        when results.refused is not null then 'refused'
        when results.event_id is null then 'left_alone'
        when results.counted is null then 'zeroed'
        else 'recorded'
    end as outcome,
    results.event_id,
    results.refused
from counting.sessions
cross join lateral
    counting.levels(sessions.count_session_id) as levels
inner join catalog.locations
    on levels.location_id = locations.location_id
inner join catalog.products on levels.product_id = products.product_id
left join counting.recounts
    on
        sessions.count_session_id = recounts.count_session_id
        and sessions.round = recounts.round
        and levels.location_id = recounts.location_id
        and levels.product_id = recounts.product_id
        and levels.lot = recounts.lot
left join counting.results
    on
        sessions.count_session_id = results.count_session_id
        and levels.location_id = results.location_id
        and levels.product_id = results.product_id
        and levels.lot = results.lot
where
    sessions.count_session_id = %(count_session_id)s::uuid
    and (
        %(only)s::text is null
        or (
            %(only)s = 'differing'
            and levels.counted is distinct from levels.expected
        )
        or (%(only)s = 'uncounted' and levels.counted is null)
        or (%(only)s = 'counted' and levels.counted is not null)
        or (
            %(only)s = 'to_recount'
            and recounts.round is not null
            and coalesce(levels.round < sessions.round, true)
        )
    )
    and (
        %(after_location)s::text is null
        or (locations.code, products.sku, levels.lot)
        > (%(after_location)s, %(after_sku)s::text, %(after_lot)s::text)
    )
order by locations.code, products.sku, levels.lot
limit %(limit)s::int

-- name: begin_approval
update counting.sessions
set
    state = 'approving',
    approved_by = %(approved_by)s::int
where count_session_id = %(count_session_id)s::uuid

-- name: keep_results
insert into counting.results (
    count_session_id, location_id, product_id, lot, round, lines, counted,
    counted_at, expected, event_id
)
select
    %(count_session_id)s::uuid,
    given.location_id,
    given.product_id,
    given.lot,
    given.round,
    given.lines,
    given.counted,
    given.counted_at,
    given.expected,
    given.event_id
from unnest(
    %(location_id)s::int[], %(product_id)s::int[], %(lot)s::text[],
    %(round)s::int[], %(lines)s::int[], %(counted)s::bigint[],
    %(counted_at)s::timestamptz[], %(expected)s::bigint[], %(event_id)s::uuid[]
) as given (
    location_id, product_id, lot, round, lines, counted, counted_at, expected,
    event_id
)

-- name: list_to_record
select
    results.location_id,
    results.product_id,
    results.event_id,
    results.counted_at,
    coalesce(results.counted, 0) as quantity,
    locations.code as location,
    products.sku,
    nullif(results.lot, '') as lot
from counting.results
inner join catalog.locations
    on results.location_id = locations.location_id
inner join catalog.products on results.product_id = products.product_id
where
    results.count_session_id = %(count_session_id)s::uuid
    and results.event_id is not null
order by results.counted_at, results.event_id

-- name: say_refused
update counting.results
set refused = %(refused)s::jsonb
where
    count_session_id = %(count_session_id)s::uuid
    and event_id = %(event_id)s::uuid

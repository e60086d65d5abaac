-- sqlfluff:dialect:duckdb
-- What DuckDB does with the lines of a file, from text to events to record.

-- name: reject_skus
update lines
set rejection = coalesce(rejection, %(reason)s), rejected_value = sku
where sku in (select unnest(cast(%(codes)s as varchar[])))

-- name: reject_locations
update lines
set rejection = coalesce(rejection, %(reason)s), rejected_value = location
where location in (select unnest(cast(%(codes)s as varchar[])))

-- name: reject_lots
update lines
set rejection = coalesce(rejection, %(reason)s), rejected_value = lot
where lot in (select unnest(cast(%(codes)s as varchar[])))

-- name: classify_invoice_lines
-- One outcome a line, in this order: a line that says nothing readable, a copy of an earlier
-- line, bad debt (A before the number), a code that is no product, a quantity below zero that
-- cancels no invoice (stock written off), no price, a cancellation (C before the number), a sale.
create table classified as
select
    *,
    case
        when rejection is not null then 'rejected'
        when copy > 1 then 'duplicate'
        when regexp_matches(coalesce(reference, ''), '^[Aa][0-9]') then 'bad debt'
        when not regexp_matches(sku, %(product_code)s) then 'no product'
        when quantity < 0 and not is_cancellation then 'write-off'
        when coalesce(price, 0) <= 0 then 'zero price'
        when is_cancellation then 'cancellation'
        else 'sale'
    end as outcome
from lines

-- name: classify_plain_sales
-- Equal lines are sales of their own here: two customers may buy the same in one minute.
create table classified as
select
    *,
    case
        when rejection is not null then 'rejected'
        when quantity < 0 and cancels then 'cancellation'
        when quantity < 0 then 'return'
        else 'sale'
    end as outcome
from lines

-- name: classify_stock
create table classified as
select
    *,
    case when rejection is not null then 'rejected' else %(outcome)s end as outcome
from lines

-- name: count_outcomes
select outcome, count(*) as lines
from classified
group by outcome

-- name: count_products_sold
select count(distinct sku) as products from classified where outcome = 'sale'

-- name: count_overlaps
-- Each over the whole file by itself, whatever else a line is.
select
    count(*) filter (where is_cancellation) as cancellation_lines,
    count(*) filter (where quantity < 0) as negative_quantities,
    count(*) filter (where regexp_matches(coalesce(reference, ''), '^[Aa][0-9]')) as bad_debt,
    count(*) filter (where price <= 0) as prices_of_zero_or_less,
    count(*) filter (where description is null) as without_description,
    count(*) filter (where not has_customer) as without_customer,
    count(*) filter (where copy > 1) as exact_duplicates,
    count(distinct sku_written) - count(distinct sku) as codes_differing_in_case
from lines

-- name: count_rejections
select
    rejection,
    count(*) as lines,
    (array_agg(row order by row))[1:5] as first_rows,
    arg_min(rejected_value, row) as example
from classified
where outcome = 'rejected'
group by rejection
order by lines desc, rejection

-- name: find_codes_without_product
select sku_written, count(*) as lines
from classified
where outcome = 'no product'
group by sku_written
order by lines desc, sku_written
limit 5

-- name: find_days
-- What lies in the future is left out later, so it does not stretch the history.
select
    min(cast(local_time as date)) as first_day,
    max(cast(local_time as date)) as last_day,
    coalesce(
        bool_and(instant is null and local_time = date_trunc('day', local_time)), false
    ) as dates_only
from classified
where
    outcome in ('sale', 'cancellation', 'return', 'write-off', 'count', 'opening')
    and cast(local_time as date) <= %(today)s

-- name: make_sales_entries
-- Lines that become events. The id is made from the source, what the line says and its number
-- among equal lines, so neither the order of the rows nor a later, longer file changes it.
create table entries as
with written as (
    select
        *,
        concat_ws(
            chr(31), 'line', coalesce(reference, ''), sku, coalesce(location, ''),
            quantity, moment, coalesce(cast(price as varchar), '')
        ) as content
    from classified
    where outcome in ('sale', 'cancellation', 'return', 'write-off')
),

numbered as (
    select
        *,
        row_number() over (partition by content order by row) as ordinal
    from written
)

select
    sha1(%(namespace)s || encode(concat_ws(chr(31), content, ordinal))) as digest,
    outcome,
    sku,
    coalesce(location, %(default_location)s) as location,
    abs(quantity) as quantity,
    case outcome
        when 'sale' then -quantity
        when 'write-off' then quantity
        else abs(quantity)
    end as change,
    local_time,
    instant,
    reference,
    row,
    try_cast(event_id_written as uuid) as own_id,
    cast(null as varchar) as lot,
    cast(null as date) as expires_on,
    cast(null as varchar) as turn
from numbered

-- name: make_stock_entries
-- Lines of one product, place, lot and moment are one count, or one opening, of their sum.
-- Where neither the file nor the user says when, it is now, and the whole file's content stands in
-- the id: the same file is the same count, a file with any other line counts everything anew.
-- A count without a lot is one of the whole place, so where lines name lots and one names none,
-- three kinds of counts lead to what they say, whatever the book has: of the place, as much as is
-- without a lot; of each lot; of the place, the sum. Equal moments are in order of their ids, so
-- their turn is the first digit.
create table entries as
with counted as (
    select
        sku,
        coalesce(location, %(default_location)s) as location,
        lot,
        local_time,
        any_value(instant) as instant,
        any_value(moment) as moment,
        sum(quantity) as quantity,
        max(expires_on) as expires_on,
        min(row) as row
    from classified
    where outcome = %(outcome)s
    group by sku, coalesce(location, %(default_location)s), lot, local_time
),

file as (
    select
        sha1(
            string_agg(
                concat_ws(chr(31), sku, location, quantity, lot), chr(30)
                order by sku, location, lot
            )
        ) as fingerprint
    from counted
),

placed as (
    select
        *,
        sum(quantity) over at_place as place_quantity,
        %(outcome)s = 'count'
        and bool_or(lot is null) over at_place
        and bool_or(lot is not null) over at_place as is_by_lot
    from counted
    window at_place as (partition by sku, location, local_time)
),

said as (
    select
        * replace (
            case when is_by_lot and lot is null then place_quantity else quantity end as quantity
        ),
        case when is_by_lot then case when lot is null then 'f' else '8' end end as turn
    from placed
    union all
    select *, '0' as turn
    from placed
    where is_by_lot and lot is null
)

select
    sha1(
        %(namespace)s || encode(concat_ws(
            chr(31), %(outcome)s, sku, location, quantity,
            coalesce(moment, %(counted_at)s, fingerprint), lot, turn
        ))
    ) as digest,
    %(outcome)s as outcome,
    sku,
    location,
    cast(quantity as bigint) as quantity,
    cast(case %(outcome)s when 'opening' then quantity else 0 end as bigint) as change,
    local_time,
    instant,
    cast(null as varchar) as reference,
    row,
    cast(null as uuid) as own_id,
    lot,
    expires_on,
    turn
from said
cross join file

-- name: make_events
-- The moment of each entry, moved by whole days of the site's own clock. A day without a time of
-- day is taken as noon, and never as later than now.
create table events as
select
    coalesce(own_id, cast(concat_ws(
        '-', coalesce(turn, substr(digest, 1, 1)) || substr(digest, 2, 7),
        substr(digest, 9, 4), '5' || substr(digest, 14, 3),
        translate(substr(digest, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab')
        || substr(digest, 18, 3),
        substr(digest, 21, 12)
    ) as uuid)) as event_id,
    outcome,
    sku,
    location,
    quantity,
    change,
    case
        when local_time is null then cast(%(counted_at)s as timestamptz)
        when instant is not null and %(shifted_days)s = 0 then instant
        when %(dates_only)s
            then least(
                timezone(
                    %(time_zone)s,
                    local_time + to_hours(12) + to_days(cast(%(shifted_days)s as integer))
                ),
                greatest(
                    cast(%(now)s as timestamptz),
                    timezone(
                        %(time_zone)s,
                        local_time + to_days(cast(%(shifted_days)s as integer))
                    )
                )
            )
        else timezone(
            %(time_zone)s, local_time + to_days(cast(%(shifted_days)s as integer))
        )
    end as occurred_at,
    reference,
    row,
    lot,
    expires_on,
    turn
from entries

-- name: reject_the_future
-- What would lie ahead of now is no fact yet.
update classified
set
    outcome = 'rejected',
    rejection = %(reason)s,
    rejected_value = day_written
where
    row in (
        select ahead.row
        from events as ahead
        where ahead.occurred_at > cast(%(now)s as timestamptz)
    )

-- name: drop_the_future
delete from events where occurred_at > cast(%(now)s as timestamptz)

-- name: spell_as_in_the_catalog
-- Codes that differ only in case are one product: the catalog's own spelling is used.
update events
set sku = spelling.sku
from spelling
where events.sku = spelling.key

-- name: keep_new_events
create table new_events as
select events.*
from events
anti join recorded on events.event_id = recorded.event_id

-- name: reject_other_content
-- An id that the ledger has is the same event or none: nothing that is recorded is edited.
update classified
set outcome = 'rejected', rejection = %(reason)s, rejected_value = event_id_written
where
    row in (
        select events.row
        from events
        inner join told on events.event_id = told.event_id
        where
            (events.sku, events.location, events.occurred_at)
            is distinct from (told.sku, told.location, told.occurred_at)
            or -events.change is distinct from told.quantity
    )

-- name: drop_told_events
delete from new_events where event_id in (select event_id from told)

-- name: drop_what_the_book_says
-- At the very moment of the last movement of a place, it has what the book says, in every lot that
-- the file names there: an export of stock that comes back says nothing new. A count without a lot
-- is one of the whole place, an opening one of what has no lot.
delete from new_events
where
    (sku, location, occurred_at) in (
        select said.sku, said.location, said.occurred_at
        from new_events as said
        left join book
            on
                said.sku = book.sku
                and said.location = book.location
                and book.lot is not distinct from
                case said.outcome when 'opening' then coalesce(said.lot, '') else said.lot end
        group by said.sku, said.location, said.occurred_at
        having
            bool_and(
                said.turn is not distinct from '0'
                or (
                    (book.on_hand, book.last_at)
                    is not distinct from (said.quantity, said.occurred_at)
                    and (said.expires_on is null or book.expires_on is not null)
                )
            )
    )

-- name: reject_known_stock
update classified
set
    outcome = 'rejected',
    rejection = %(reason)s,
    rejected_value = quantity_written
where
    outcome = 'opening'
    and (upper(sku), coalesce(location, %(default_location)s)) in (
        select upper(new_events.sku), new_events.location
        from new_events
        inner join book
            on new_events.sku = book.sku and new_events.location = book.location
    )

-- name: drop_known_stock
delete from new_events
where
    exists (
        select 1
        from book
        where book.sku = new_events.sku and book.location = new_events.location
    )

-- name: make_openings
-- What must have been there before the first line, product by product and place by place, over
-- what this source recorded before and what it brings now:
-- * nothing else is known of the place: as much as the lowest point of the history lies below
--   zero, and the cover in days of an average day's sales;
-- * somebody else knows the place since a moment: as much as the history up to that moment took,
--   so that what is known since then stands.
-- Less what this source opened before. Average over the days since the product's first line, at
-- least 28, so that a product first sold yesterday is not taken for one that sells so every day.
create table openings as
with history as (
    select
        event_id, sku, location, occurred_at, change,
        is_sale, true as is_recorded
    from recorded
    where not is_opening
    union all
    select
        event_id, sku, location, occurred_at, change,
        outcome in ('sale', 'cancellation', 'return') as is_sale, false as is_recorded
    from new_events
),

running as (
    select
        *,
        sum(change) over in_order as level,
        sum(case when is_recorded then 0 else change end) over in_order as level_of_new,
        known.known_at,
        coalesce(known.on_hand, 0) as on_hand
    from history
    left join known on history.sku = known.sku and history.location = known.location
    window in_order as (
        partition by history.sku, history.location
        order by history.occurred_at, history.change < 0, history.event_id
        rows unbounded preceding
    )
),

span as (
    select max(occurred_at) as last_at from history
),

places as (
    select
        sku,
        location,
        any_value(known_at) as known_at,
        any_value(on_hand) as on_hand,
        min(occurred_at) as first_at,
        -least(min(level), 0) as lowest,
        -least(min(level_of_new), 0) - sum(case when is_recorded then change else 0 end)
            as lowest_as_it_arrives,
        greatest(-sum(case when is_sale then change else 0 end), 0) as units_sold,
        greatest(
            date_diff('day', min(occurred_at), any_value(span.last_at)) + 1, 28
        ) as days,
        -coalesce(sum(change) filter (where occurred_at < known_at), 0) as taken_before_known,
        -least(coalesce(min(level) filter (where occurred_at < known_at), 0), 0)
            as lowest_before_known
    from running
    cross join span
    group by sku, location
    having not bool_and(is_recorded)
),

opened as (
    select
        sku, location, sum(change) as opened,
        count(*) filter (where reason = 'opening_balance') as times
    from recorded
    where is_opening
    group by sku, location
),

needed as (
    select
        places.sku,
        places.location,
        places.first_at,
        coalesce(opened.times, 0) + 1 as ordinal,
        case
            when places.known_at is null
                then
                    greatest(places.lowest, places.lowest_as_it_arrives)
                    + ceil(%(cover_days)s * places.units_sold / places.days)
            else greatest(
                places.taken_before_known, places.lowest_before_known - places.on_hand, 0
            )
        end - coalesce(opened.opened, 0) as quantity
    from places
    left join opened on places.sku = opened.sku and places.location = opened.location
)

select
    sha1(
        %(namespace)s || encode(concat_ws(chr(31), 'opening_balance', sku, location, ordinal))
    ) as digest,
    sku,
    location,
    cast(least(quantity, 10000000) as bigint) as quantity,
    first_at - to_seconds(1) as occurred_at
from needed
where quantity > 0

-- name: stream_events
-- In order of occurrence, what comes in before what goes out.
select
    event_id, outcome, sku, location, quantity,
    timezone('UTC', occurred_at) as occurred_at, reference, lot, expires_on
from (
    select
        event_id, outcome, sku, location, quantity, change, occurred_at, reference, lot,
        expires_on
    from new_events
    union all
    select
        cast(concat_ws(
            '-', substr(digest, 1, 8), substr(digest, 9, 4), '5' || substr(digest, 14, 3),
            translate(substr(digest, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab')
            || substr(digest, 18, 3),
            substr(digest, 21, 12)
        ) as uuid) as event_id,
        'opening' as outcome, sku, location, quantity, quantity as change, occurred_at,
        cast(null as varchar) as reference, cast(null as varchar) as lot,
        cast(null as date) as expires_on
    from openings
) as all_events
order by occurred_at, change < 0, event_id

-- name: find_products
-- The name most often written for it and the last price above zero.
with named as (
    select sku, description, count(*) as times
    from classified
    where
        description is not null
        and outcome in (
            'sale', 'cancellation', 'return', 'write-off', 'count', 'opening'
        )
    group by sku, description
),

names as (
    select sku, arg_max(description, (times, description)) as name
    from named
    group by sku
),

prices as (
    select sku, arg_max(price, (local_time, row)) as price
    from classified
    where price > 0 and outcome in ('sale', 'return', 'count', 'opening')
    group by sku
)

select distinct
    events.sku,
    coalesce(names.name, events.sku) as name,
    prices.price
from events
left join names on events.sku = names.sku
left join prices on events.sku = prices.sku
order by events.sku

-- name: find_locations
select distinct location from events order by location

-- name: count_openings
select
    count(*) as openings,
    coalesce(sum(quantity), 0) as units
from openings

-- name: begin_rejections
create table rejections (row bigint, field varchar, reason varchar)

-- name: note_rejections
insert into rejections
select row, %(field)s, rejection
from classified
where outcome = 'rejected' and rejection = %(reason)s

-- name: list_first_errors
select row, field, reason
from rejections
order by row
limit %(limit)s

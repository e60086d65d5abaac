-- name: rules
select
    rules.kind,
    rules.product_id,
    rules.category,
    rules.site_id,
    rules.is_on,
    rules.within_days,
    rules.within_hours,
    rules.at_least_units,
    rules.at_least_lines,
    rules.at_least_percent
from alerts.rules

-- name: kinds_without_baseline
select distinct rules.kind
from alerts.rules
where rules.baseline_at is null

-- name: remember_baselines
update alerts.rules
set baseline_at = now()
where rules.baseline_at is null

-- name: baseline_position
-- A first look goes back a week, and not over more than a moment's reading.
select
    greatest(
        ledger.position_before(now() - interval '7 days'),
        %(to_position)s::bigint - 100000,
        0
    )

-- name: broken_promises
-- What reservations lost since the last look: the ledger releases what is not there any more, and
-- only that follows from another event.
select
    broken.product_id,
    products.sku,
    products.name as product,
    products.category,
    places.site_id,
    sites.name as site,
    places.code as location,
    broken.location_id,
    broken.position,
    broken.reservation::text as reservation,
    promised.reference,
    broken.quantity as units
from ledger.inventory_events as broken
inner join catalog.products on broken.product_id = products.product_id
inner join catalog.locations as places
    on broken.location_id = places.location_id
inner join catalog.sites on places.site_id = sites.site_id
left join ledger.inventory_events as promised
    on broken.reservation = promised.event_id
where
    broken.position > %(from_position)s
    and broken.position <= %(to_position)s
    and broken.event_type = 'released'
    and broken.caused_by is not null
    and not exists (
        -- Told of before: a look may begin at an earlier position than the last one.
        select from alerts.alerts
        where
            alerts.kind = 'over_promised'
            and alerts.product_id = broken.product_id
            and alerts.site_id = places.site_id
            and alerts.position >= broken.position
    )
order by broken.position

-- name: promises_to_look_at
-- Live alerts whose stock moved, or all of them by the clock.
select
    live.alert_id,
    live.product_id,
    live.site_id,
    live.detail,
    live.position,
    products.sku,
    products.name as product,
    sites.name as site
from alerts.alerts as live
inner join catalog.products on live.product_id = products.product_id
inner join catalog.sites on live.site_id = sites.site_id
where
    live.kind = 'over_promised'
    and live.status <> 'resolved'
    and (
        %(by_the_clock)s
        or exists (
            select
            from ledger.movements
            inner join catalog.locations
                on movements.location_id = locations.location_id
            where
                movements.product_id = live.product_id
                and locations.site_id = live.site_id
                and movements.position > %(from_position)s
                and movements.position <= %(to_position)s
        )
    )

-- name: promises_still_broken
-- Of the reservations that lost something, those that are still owed it. One is not when its place
-- can serve it again, when it was made again under its reference, when its time is over, or when it
-- was shipped or released since; of one that lost all, nothing was left to ship or release.
with asked as (
    select asked.*
    from
        unnest(
            %(reservations)s::uuid[],
            %(product_ids)s::integer[],
            %(location_ids)s::integer[],
            %(positions)s::bigint[],
            %(units)s::bigint[]
        ) as asked (reservation, product_id, location_id, position, units)
),

owed as (
    select
        asked.*,
        sum(asked.units) over (
            partition by asked.product_id, asked.location_id
        ) as units_of_place
    from asked
    inner join ledger.inventory_events as promised
        on asked.reservation = promised.event_id
    where
        (promised.expires_at is null or promised.expires_at > now())
        and (
            exists (
                select from ledger.open_reservations
                where
                    open_reservations.reservation = asked.reservation
                    and open_reservations.position = promised.position
            )
            or (
                select sum(made.reserved_change)
                from ledger.movements as made
                where made.position = promised.position
            ) + (
                select sum(lost.reserved_change)
                from ledger.inventory_events as events
                inner join ledger.movements as lost
                    on events.position = lost.position
                where
                    events.reservation = asked.reservation
                    and events.position <= asked.position
            ) = 0
        )
        and not exists (
            select
            from ledger.movements as again
            inner join ledger.inventory_events as made
                on again.position = made.position
            where
                again.product_id = asked.product_id
                and again.location_id in (
                    select near.location_id
                    from catalog.locations as here
                    inner join catalog.locations as near
                        on here.site_id = near.site_id
                    where here.location_id = asked.location_id
                )
                and again.position > greatest(asked.position, %(from_position)s)
                and again.position <= %(to_position)s
                and made.event_type = 'reserved'
                and made.reference = promised.reference
        )
)

select owed.reservation::text as reservation
from owed
where
    owed.units_of_place > coalesce(
        (
            select sum(stock_levels.on_hand - stock_levels.reserved)
            from ledger.stock_levels
            where
                stock_levels.product_id = owed.product_id
                and stock_levels.location_id = owed.location_id
        ),
        0
    )

-- name: count_lines
-- Adds what each source told since the last look to its hours. Answers who went short.
with lines as (
    -- A line and what followed from it, which is of the same transaction, are one group: no join
    -- of the news with itself, whose plan would rest on a guess of how much there is.
    select
        min(events.recorded_by) as recorded_by,
        min(events.recorded_at) as recorded_at,
        coalesce(min(events.source), '') as source,
        min(events.location_id) filter (
            where
            events.caused_by is null
            and (
                events.event_type in ('sold', 'transferred', 'dispatched', 'shipped')
                or events.event_type = 'adjusted' and events.quantity_change < 0
            )
        ) as location_id,
        coalesce(bool_or(events.reason = 'book_shortage'), false) as is_short
    from ledger.inventory_events as events
    where
        events.position > %(from_position)s
        and events.position <= %(to_position)s
    group by coalesce(events.caused_by, events.position)
),

told as (
    select
        lines.recorded_by,
        lines.source,
        locations.site_id,
        date_trunc('hour', lines.recorded_at) as hour,
        count(*) as lines,
        count(*) filter (where lines.is_short) as short_lines
    from lines
    inner join catalog.locations on lines.location_id = locations.location_id
    group by
        lines.recorded_by,
        lines.source,
        locations.site_id,
        date_trunc('hour', lines.recorded_at)
),

added as (
    insert into alerts.source_lines as kept
    (recorded_by, source, site_id, hour, lines, short_lines)
    select
        told.recorded_by,
        told.source,
        told.site_id,
        told.hour,
        told.lines,
        told.short_lines
    from told
    on conflict (recorded_by, source, site_id, hour) do update
    set
        lines = kept.lines + excluded.lines,
        short_lines = kept.short_lines + excluded.short_lines
)

select distinct
    told.recorded_by,
    told.source,
    told.site_id
from told
where told.short_lines > 0

-- name: forget_lines
delete from alerts.source_lines
where %(everything)s or source_lines.hour < now() - interval '8 days'

-- name: live_sources
select
    live.alert_id,
    live.recorded_by,
    coalesce(live.source, '') as source,
    live.site_id
from alerts.alerts as live
where live.kind = 'shortage_source' and live.status <> 'resolved'

-- name: lines_of_sources
select
    asked.recorded_by,
    asked.source,
    asked.site_id,
    sites.name as site,
    coalesce(sum(source_lines.lines), 0)::bigint as lines,
    coalesce(sum(source_lines.short_lines), 0)::bigint as short_lines
from
    unnest(
        %(recorded_by)s::integer[],
        %(sources)s::text[],
        %(site_ids)s::integer[],
        %(within_hours)s::integer[]
    ) as asked (recorded_by, source, site_id, within_hours)
inner join catalog.sites on asked.site_id = sites.site_id
left join alerts.source_lines
    on
        asked.recorded_by = source_lines.recorded_by
        and asked.source = source_lines.source
        and asked.site_id = source_lines.site_id
        and source_lines.hour > now() - asked.within_hours * interval '1 hour'
group by asked.recorded_by, asked.source, asked.site_id, sites.name

-- name: discrepancies_of_sources
-- Counts that were asked for one by one, before it showed that all are of one source.
select live.alert_id
from alerts.alerts as live
inner join
    unnest(
        %(recorded_by)s::integer[], %(sources)s::text[], %(site_ids)s::integer[]
    ) as folded (recorded_by, source, site_id)
    on
        live.recorded_by = folded.recorded_by
        and coalesce(live.source, '') = folded.source
        and live.site_id = folded.site_id
where live.kind = 'discrepancy' and live.status <> 'resolved'

-- name: shortages
-- Levels where more left than the book held, and which were neither counted since nor put right by
-- an event that came late: that takes a shortage back. Each level is read once, however often it
-- went short.
with levels as (
    select
        adjusted.product_id,
        adjusted.location_id,
        min(adjusted.position) as first_position,
        array_agg(adjusted.position) as positions,
        array_agg(adjusted.quantity_change) as units,
        array_agg(adjusted.occurred_at) as moments,
        array_agg(adjusted.caused_by) as causes
    from ledger.inventory_events as adjusted
    where
        adjusted.position > %(from_position)s
        and adjusted.position <= %(to_position)s
        and adjusted.reason = 'book_shortage'
        -- What made it short did not happen, after all.
        and not exists (
            select
            from ledger.inventory_events as causes
            inner join ledger.inventory_events as undoing
                on causes.event_id = undoing.reverses
            where
                causes.position = adjusted.caused_by
                and undoing.position <= %(to_position)s
        )
    group by adjusted.product_id, adjusted.location_id
)

select
    levels.product_id,
    products.sku,
    products.name as product,
    products.category,
    levels.location_id,
    places.code as location,
    places.site_id,
    sites.name as site,
    uncounted.position,
    uncounted.units,
    extract(epoch from now() - uncounted.occurred_at)::double precision
        / 86400 as days_ago,
    cause.recorded_by,
    coalesce(cause.source, '') as source
from levels
inner join catalog.products on levels.product_id = products.product_id
inner join catalog.locations as places
    on levels.location_id = places.location_id
inner join catalog.sites on places.site_id = sites.site_id
cross join lateral (
    select coalesce(max(movements.position), 0) as position
    from ledger.movements
    inner join ledger.inventory_events as later
        on movements.position = later.position
    where
        movements.product_id = levels.product_id
        and movements.location_id = levels.location_id
        and movements.position > levels.first_position
        and movements.position <= %(to_position)s
        and later.event_type = 'counted'
) as counted
cross join lateral (
    select
        min(each.position) as first_position,
        max(each.position) as position,
        sum(each.units)::bigint as units,
        max(each.occurred_at) as occurred_at,
        max(each.cause) as cause
    from
        unnest(levels.positions, levels.units, levels.moments, levels.causes)
            as each (position, units, occurred_at, cause)
    where each.position > counted.position
) as uncounted
inner join ledger.inventory_events as cause on uncounted.cause = cause.position
where
    places.kind <> 'in_transit'
    and not exists (
        select
        from ledger.movements
        inner join ledger.inventory_events as later
            on movements.position = later.position
        where
            movements.product_id = levels.product_id
            and movements.location_id = levels.location_id
            and movements.position > uncounted.first_position
            and movements.position <= %(to_position)s
            and movements.on_hand_change <= -uncounted.units
            and later.reason = 'reordered'
    )

-- name: counted_discrepancies
-- Counts that were asked for and arrived, shortages that a late event took back, and those whose
-- cause was undone.
select distinct live.alert_id
from ledger.inventory_events as events
inner join ledger.movements on events.position = movements.position
inner join alerts.alerts as live
    on
        movements.product_id = live.product_id
        and movements.location_id = live.location_id
where
    events.position > %(from_position)s
    and events.position <= %(to_position)s
    and events.position > live.position
    and live.kind = 'discrepancy'
    and live.status <> 'resolved'
    and (
        events.event_type = 'counted'
        or events.reason = 'reordered'
        and movements.on_hand_change <= -(live.detail ->> 'short')::bigint
        or exists (
            select
            from ledger.inventory_events as short
            inner join ledger.inventory_events as causes
                on short.caused_by = causes.position
            where
                short.position = live.position
                and short.quantity_change = (live.detail ->> 'short')::bigint
                and causes.event_id = events.reverses
        )
    )

-- name: moved_lots
select distinct
    movements.product_id,
    locations.site_id
from ledger.movements
inner join catalog.locations on movements.location_id = locations.location_id
where
    movements.position > %(from_position)s
    and movements.position <= %(to_position)s
    and movements.lot_id <> 0

-- name: product_sites_of_expiring_lots
-- By the clock: whatever has a lot near its day, and what is told of still.
select
    stock_levels.product_id,
    locations.site_id
from ledger.lots
inner join ledger.stock_levels
    on
        lots.product_id = stock_levels.product_id
        and lots.lot_id = stock_levels.lot_id
inner join catalog.locations
    on stock_levels.location_id = locations.location_id
where
    lots.expires_on <= current_date + %(within_days)s::integer + 1
    and stock_levels.lot_id <> 0
    and stock_levels.on_hand > 0
union
select
    live.product_id,
    live.site_id
from alerts.alerts as live
where live.kind = 'expiring_lot' and live.status <> 'resolved'

-- name: lots_of_product_sites
-- Each lot with a day of expiry that the site has any of; a row without a lot where it has none.
select
    asked.product_id,
    products.sku,
    products.name as product,
    products.category,
    asked.site_id,
    sites.name as site,
    held.code,
    held.expires_on,
    held.on_hand,
    held.position,
    (now() at time zone sites.time_zone)::date as today,
    live.alert_id,
    live.detail
from
    unnest(%(product_ids)s::integer[], %(site_ids)s::integer[])
        as asked (product_id, site_id)
inner join catalog.products on asked.product_id = products.product_id
inner join catalog.sites on asked.site_id = sites.site_id
left join alerts.alerts as live
    on
        asked.product_id = live.product_id
        and asked.site_id = live.site_id
        and live.kind = 'expiring_lot'
        and live.status <> 'resolved'
left join lateral (
    select
        lots.code,
        lots.expires_on,
        sum(stock_levels.on_hand)::bigint as on_hand,
        max(stock_levels.version) as position
    from ledger.stock_levels
    inner join ledger.lots on stock_levels.lot_id = lots.lot_id
    inner join catalog.locations
        on stock_levels.location_id = locations.location_id
    where
        stock_levels.product_id = asked.product_id
        and stock_levels.lot_id <> 0
        and stock_levels.on_hand > 0
        and locations.site_id = asked.site_id
        and lots.expires_on is not null
    group by lots.lot_id
) as held on true
order by asked.product_id, asked.site_id, held.expires_on, held.code

-- name: anomalies
-- Of the last two weeks and not confirmed, with the alert that tells of them; and the alerts of
-- which none is left. A day that somebody resolved an alert about is not told again.
with live as (
    select
        alerts.alert_id,
        alerts.product_id,
        alerts.site_id,
        alerts.detail
    from alerts.alerts
    where alerts.kind = 'demand_anomaly' and alerts.status <> 'resolved'
),

standing as (
    select anomalies.*
    from planning.anomalies
    where
        anomalies.confirmed_at is null
        and anomalies.found_at > now() - interval '14 days'
        and not exists (
            select from alerts.alerts as dismissed
            where
                dismissed.kind = 'demand_anomaly'
                and dismissed.resolved_by is not null
                and dismissed.product_id = anomalies.product_id
                and dismissed.site_id = anomalies.site_id
                and dismissed.detail -> 'days' ? anomalies.day::text
        )
),

named as (
    select
        coalesce(standing.product_id, live.product_id) as product_id,
        coalesce(standing.site_id, live.site_id) as site_id,
        standing.day,
        coalesce(standing.demand, 0) as demand,
        coalesce(standing.expected, 0) as expected,
        coalesce(standing.low, 0) as low,
        coalesce(standing.high, 0) as high,
        live.alert_id,
        live.detail
    from standing
    full outer join live
        on
            standing.product_id = live.product_id
            and standing.site_id = live.site_id
)

select
    named.product_id,
    products.sku,
    products.name as product,
    products.category,
    named.site_id,
    sites.name as site,
    named.day,
    named.demand,
    named.expected,
    named.low,
    named.high,
    %(to_position)s::bigint as position,
    named.alert_id,
    named.detail
from named
inner join catalog.products on named.product_id = products.product_id
inner join catalog.sites on named.site_id = sites.site_id
order by named.product_id, named.site_id, named.day

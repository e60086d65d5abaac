-- name: read_told_by_id
select told_events.*
from ledger.told_events
where told_events.event_id = %(event_id)s::uuid

-- name: read_head
select
    epoch.epoch,
    (
        select coalesce(max(inventory_events.position), 0)
        from ledger.inventory_events
    ) as head
from ledger.epoch

-- name: find_bounds
select
    case
        when %(recorded_from)s::timestamptz is null then 1
        else ledger.position_before(%(recorded_from)s) + 1
    end as lowest,
    case
        when %(recorded_to)s::timestamptz is not null
            then ledger.position_before(%(recorded_to)s)
    end as highest

-- name: read_feed
-- What passes the filters in a window of positions, which bounds the work. One statement, so that
-- the epoch is that of the events: a restore may come between any two. A product is found by its
-- movements, along their index; a place by movements, and where an event only names it.
with places as (
    select locations.location_id
    from catalog.locations
    inner join catalog.sites on locations.site_id = sites.site_id
    where
        (%(location)s::text is null or locations.code = %(location)s)
        and (%(site)s::text is null or sites.code = %(site)s)
        and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
),

touched as (
    select moved.position
    from ledger.movements as moved
    where
        %(by_product)s::boolean
        and moved.position between %(first)s::bigint and %(last)s::bigint
        and moved.product_id = (
            select products.product_id
            from catalog.products
            where products.sku = %(sku)s::text
        )
    union
    select there.position
    from ledger.movements as there
    where
        not %(by_product)s
        and %(by_place)s::boolean
        and there.position between %(first)s and %(last)s
        and there.location_id = any(
            array(select places.location_id from places)
        )
    union
    select named.position
    from ledger.inventory_events as named
    where
        not %(by_product)s
        and %(by_place)s
        and named.position between %(first)s and %(last)s
        and (
            named.location_id = any(
                array(select places.location_id from places)
            )
            or named.to_location_id = any(
                array(select places.location_id from places)
            )
        )
),

candidates as (
    select every_event.*
    from ledger.inventory_events as every_event
    where
        not %(by_product)s
        and not %(by_place)s
        and every_event.position between %(first)s and %(last)s
    union all
    select touching.*
    from touched
    inner join ledger.inventory_events as touching
        on touched.position = touching.position
),

chosen as (
    select candidates.position
    from candidates
    where
        (
            not %(by_product)s
            or not %(by_place)s
            or candidates.location_id = any(
                array(select places.location_id from places)
            )
            or candidates.to_location_id = any(
                array(select places.location_id from places)
            )
            or exists (
                select from ledger.movements as leg
                where
                    leg.position = candidates.position
                    and leg.location_id = any(
                        array(select places.location_id from places)
                    )
            )
        )
        and (
            %(event_types)s::text[] is null
            or candidates.event_type = any(%(event_types)s::ledger.event_type[])
        )
        and (
            %(recorded_by)s::int is null
            or candidates.recorded_by = %(recorded_by)s
        )
        and (%(source)s::text is null or candidates.source = %(source)s)
        and (
            %(reference)s::text is null
            or candidates.reference = %(reference)s
        )
        and (
            %(occurred_from)s::timestamptz is null
            or candidates.occurred_at >= %(occurred_from)s
        )
        and (
            %(occurred_to)s::timestamptz is null
            or candidates.occurred_at < %(occurred_to)s
        )
    order by candidates.position * %(direction)s::int
    limit %(limit)s::int
)

select
    epoch.epoch,
    told_events.*
from ledger.epoch
left join ledger.told_events
    on told_events.position = any(array(select chosen.position from chosen))
order by told_events.position * %(direction)s

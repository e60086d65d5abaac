-- name: list_rejected
-- A payload may be any JSON. Where it has escapes that text cannot hold, Postgres takes nothing
-- out of it, so that its sku is looked for in it as it was written.
select
    rejected_events.rejected_id,
    rejected_events.event_id,
    rejected_events.status,
    rejected_events.problem,
    rejected_events.last_problem,
    rejected_events.received_at,
    rejected_events.received_by,
    rejected_events.settled_at,
    rejected_events.settled_by,
    rejected_events.discarded_because
from ledger.rejected_events
where
    (
        %(status)s::text is null
        or rejected_events.status = %(status)s
    )
    and rejected_events.rejected_id > %(after)s::bigint
    and (
        %(problem_type)s::text is null
        or coalesce(rejected_events.last_problem, rejected_events.problem)
        ->> 'type' = %(problem_type)s
    )
    and (
        %(received_by)s::int is null
        or rejected_events.received_by = %(received_by)s
    )
    and (
        %(sku)s::text is null
        or case
            when rejected_events.payload::text ~ '\\u(0000|[dD][89a-fA-F])'
                then position(
                    '"sku": ' || %(sku_as_json)s::text
                    in rejected_events.payload::text
                ) > 0
            else rejected_events.payload ->> 'sku' = %(sku)s
        end
    )
order by rejected_events.rejected_id
limit %(limit)s::int

-- name: read_rejected
select rejected_events.*
from ledger.rejected_events
where rejected_events.rejected_id = %(rejected_id)s::bigint

-- name: try_rejected
-- Who tries what, said before it is recorded: the ledger's writer settles the row in the
-- transaction of the event, by the event_id, which a row without one is given for good.
update ledger.rejected_events
set
    event_id = coalesce(event_id, %(event_id)s::uuid),
    mended = %(mended)s::json,
    settled_by = %(tried_by)s::int
where
    rejected_id = %(rejected_id)s::bigint
    and status = 'open'
    and (event_id is null or event_id = %(event_id)s)
returning rejected_id

-- name: say_recorded
-- The writer has settled it already, but for one that was recorded before it was rejected. Said
-- again by who recorded it, since another may have tried something else meanwhile.
update ledger.rejected_events
set
    status = 'recorded',
    settled_at = coalesce(settled_at, now()),
    settled_by = %(tried_by)s::int,
    mended = %(mended)s::json,
    discarded_because = null
where rejected_id = %(rejected_id)s::bigint

-- name: say_problem
update ledger.rejected_events
set last_problem = %(problem)s::jsonb
where
    rejected_id = %(rejected_id)s::bigint
    and status = 'open'

-- name: discard
update ledger.rejected_events
set
    status = 'discarded',
    settled_at = now(),
    settled_by = %(discarded_by)s::int,
    discarded_because = %(reason)s::text
where
    rejected_id = %(rejected_id)s::bigint
    and status = 'open'

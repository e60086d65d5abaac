-- name: settled_position
-- Positions are drawn under the ledger's lock, so all up to the highest one are committed.
select coalesce(max(position), 0) from ledger.inventory_events

-- name: last_refreshes
-- The cursor, and what decides whether it is time: ages by the database's clock.
select
    coalesce(
        max(to_position) filter (where status = 'succeeded'), 0
    ) as cursor_position,
    count(*) filter (where status = 'succeeded') > 0 as has_succeeded,
    extract(
        epoch from clock_timestamp() - max(started_at)
    )::double precision as seconds_since_start,
    extract(
        epoch from clock_timestamp() - max(finished_at)
    )::double precision as seconds_since_end,
    (
        select extract(epoch from newest.finished_at - newest.started_at)
        from planning.refreshes as newest
        where newest.finished_at is not null
        order by newest.finished_at desc
        limit 1
    )::double precision as last_duration_seconds,
    count(*) filter (
        where
        status = 'failed'
        and refresh_id > coalesce((
            select max(succeeded.refresh_id)
            from planning.refreshes as succeeded
            where succeeded.status = 'succeeded'
        ), 0)
    ) as failures_in_a_row,
    coalesce((
        select max(changes.changed_at)
        from catalog.changes
        where changes.entity = 'calendar_event'
    ) > max(started_at) filter (where status = 'succeeded'), false) as calendar_changed
from planning.refreshes

-- name: refreshes_under_way
select
    refresh_id,
    dagster_run_id,
    extract(epoch from clock_timestamp() - started_at)::double precision
from planning.refreshes
where status = 'started'
order by refresh_id

-- name: fail_refresh
-- Only one that is still under way: the run itself may have just succeeded.
update planning.refreshes
set
    status = 'failed',
    finished_at = clock_timestamp()
where refresh_id = %(refresh_id)s and status = 'started'

-- name: begin_refresh
insert into planning.refreshes (scope, from_position, to_position)
values (%(scope)s, %(from_position)s, %(to_position)s)
returning refresh_id

-- name: finish_refresh
-- A run that a sensor asked for names its refresh; one started by hand made its own.
update planning.refreshes
set
    status = 'succeeded',
    finished_at = clock_timestamp(),
    dagster_run_id = %(run_id)s
where
    status = 'started'
    and (
        refresh_id = %(refresh_id)s::bigint
        or (%(refresh_id)s::bigint is null and dagster_run_id = %(run_id)s)
    )
returning
    refresh_id,
    scope,
    from_position,
    to_position,
    extract(epoch from finished_at - started_at)::double precision as seconds

-- name: tell_that_the_plan_is_new
select pg_notify('parstock_refresh', %(refresh_id)s::text)

-- name: delete_old_runless_events
-- What sensors report without a run; Dagster's own deletion goes by run.
delete from dagster.event_logs
where
    run_id = ''
    and timestamp < (now() at time zone 'UTC')
    - %(hours)s * interval '1 hour'

-- name: delete_orphaned_event_tags
-- Those of events that were deleted without Dagster.
delete from dagster.asset_event_tags
where
    event_timestamp < (now() at time zone 'UTC')
    - %(hours)s * interval '1 hour'
    and not exists (
        select from dagster.event_logs
        where event_logs.id = asset_event_tags.event_id
    )

-- name: delete_old_ticks
-- Dagster deletes those of sensors and schedules that tick; here go those of what no longer does.
-- The newest stays: from it a schedule knows when it last ran.
delete from dagster.job_ticks
where
    timestamp < (now() at time zone 'UTC')
    - %(days)s * interval '1 day'
    and id < (
        select max(newer.id)
        from dagster.job_ticks as newer
        where newer.selector_id is not distinct from job_ticks.selector_id
    )

-- name: delete_old_check_executions
-- The newest of each check stays: it is what the asset's page shows.
delete from dagster.asset_check_executions
where
    coalesce(evaluation_event_timestamp, create_timestamp)
    < (now() at time zone 'UTC') - %(check_days)s * interval '1 day'
    and id < (
        select max(newer.id)
        from dagster.asset_check_executions as newer
        where
            newer.asset_key = asset_check_executions.asset_key
            and newer.check_name = asset_check_executions.check_name
    )

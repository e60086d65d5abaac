-- name: try_supervisor_lock
-- Held by the supervisor's own connection for as long as it lives: one a database.
select pg_try_advisory_lock(7270100)

-- name: other_supervisor
-- The table is not there while the other one still migrates.
select
    process_id,
    host,
    home
from parstock.supervisor

-- name: record_supervisor
insert into parstock.supervisor (process_id, host, home)
values (%(process_id)s, %(host)s, %(home)s)
on conflict (only_row) do update
    set
        process_id = excluded.process_id,
        host = excluded.host,
        home = excluded.home,
        began_at = now()

-- name: forget_supervisor
delete from parstock.supervisor

-- name: has_supervisor_table
select to_regclass('parstock.supervisor') is not null

-- name: wants_seed
-- Empty, or the arcade was being written when its start was interrupted.
select
    exists (select from parstock.seeds where seeds.finished_at is null)
    or not exists (select from catalog.products)
    and not exists (select from ledger.inventory_events)

-- name: seed_begins
insert into parstock.seeds (world) values (%(world)s)
on conflict (world) do nothing

-- name: seed_ends
update parstock.seeds set finished_at = now()
where seeds.world = %(world)s

-- name: has_simulated_site
select exists(select from catalog.sites where sites.is_simulated)

-- name: has_events
select exists(select from ledger.inventory_events)

-- name: alerts_ready
select exists(select from alerts.evaluation where evaluation.baseline_at is not null)

-- name: open_alerts
select
    alerts.severity,
    alerts.message,
    count(*) over () as open_alerts
from alerts.alerts
where alerts.status <> 'resolved'
order by
    array_position(array['critical', 'high', 'medium', 'low'], alerts.severity),
    alerts.opened_at desc
limit %(lines)s

-- name: restock_plan
select
    suggestions.priority,
    suggestions.quantity,
    products.sku,
    products.name,
    sites.code as site,
    suggestions.reason,
    count(*) over () as suggestions
from planning.suggestions
inner join catalog.products on suggestions.product_id = products.product_id
inner join catalog.sites on suggestions.site_id = sites.site_id
where suggestions.status = 'open' and suggestions.kind = 'purchase'
order by
    array_position(array['critical', 'high', 'medium', 'low'], suggestions.priority),
    suggestions.days_until_stockout asc nulls last,
    products.sku
limit %(lines)s

-- name: installed_schemas
-- Ours only: a schema of one of these names in a database that never was ours is left alone.
select nspname
from pg_namespace
where
    to_regclass('parstock.migrations') is not null
    and nspname in (
        'parstock', 'catalog', 'identity', 'ledger', 'counting', 'planning', 'purchasing',
        'alerts', 'staging', 'intermediate', 'marts', 'dagster'
    )
order by nspname


-- name: sessions_of_ours
select count(*)
from pg_stat_activity
where
    datname = current_database()
    and application_name = 'parstock'
    and pid <> pg_backend_pid()

-- name: holds_something
-- More than a schema and its first user.
select
    exists (select from ledger.inventory_events)
    or exists (select from catalog.products)
    or exists (select from catalog.sites)

-- name: newest_position
select coalesce(max(position), 0) from ledger.inventory_events

-- name: renew_epoch
-- Positions after the backup are given out a second time, to other events: whoever read on to
-- them must start again.
update ledger.epoch
set
    epoch = gen_random_uuid(),
    began_at = now()

-- name: end_sessions
-- One that was ended after the backup would be valid again.
delete from identity.sessions

-- name: ask_for_full_refresh
-- What dbt built is not in a backup; without a refresh that succeeded the next one is a full one.
delete from planning.refreshes

-- name: look_before_sending_again
-- A message that waited may have been sent after the backup; a sender that has tried before looks
-- for it first.
update alerts.outbox
set
    attempts = greatest(attempts, 1),
    leased_until = null
where sent_at is null

-- name: refuse_broken_balances
do $$
declare
    broken bigint;
begin
    select count(*) into broken
    from (
        select
            product_id,
            location_id,
            lot_id,
            sum(on_hand_change) as on_hand,
            sum(reserved_change) as reserved
        from ledger.movements
        group by product_id, location_id, lot_id
    ) as sums
    full join ledger.stock_levels as levels
        on
            sums.product_id = levels.product_id
            and sums.location_id = levels.location_id
            and sums.lot_id = levels.lot_id
    where
        coalesce(sums.on_hand, 0) <> coalesce(levels.on_hand, 0)
        or coalesce(sums.reserved, 0) <> coalesce(levels.reserved, 0);
    if broken > 0 then
        raise exception '% stock levels are not the sum of their movements', broken;
    end if;
end
$$

-- name: database_size
select
    pg_database_size(current_database()),
    pg_is_in_recovery()

-- name: database_clock
select clock_timestamp()

-- name: has_migrations
select to_regclass('parstock.migrations') is not null

-- name: applied_migrations
select
    number,
    name,
    checksum
from parstock.migrations

-- name: wrong_permissions
-- A sentence for each that is missing or too much.
with wanted (role, relation, privilege, may) as (
    values
    ('parstock_api', 'ledger.inventory_events', 'insert', true),
    ('parstock_api', 'ledger.movements', 'insert', true),
    ('parstock_api', 'ledger.stock_levels', 'update', true),
    ('parstock_api', 'catalog.products', 'update', true),
    ('parstock_api', 'planning.suggestions', 'select', true),
    ('parstock_orchestration', 'ledger.inventory_events', 'select', true),
    ('parstock_orchestration', 'planning.suggestions', 'insert', true),
    ('parstock_orchestration', 'alerts.alerts', 'insert', true),
    ('parstock_api', 'ledger.inventory_events', 'update', false),
    ('parstock_api', 'ledger.inventory_events', 'delete', false),
    ('parstock_api', 'ledger.movements', 'update', false),
    ('parstock_api', 'ledger.movements', 'delete', false),
    ('parstock_api', 'ledger.epoch', 'update', false),
    ('parstock_api', 'parstock.migrations', 'insert', false),
    ('parstock_orchestration', 'ledger.inventory_events', 'insert', false),
    ('parstock_orchestration', 'ledger.movements', 'insert', false),
    ('parstock_orchestration', 'ledger.stock_levels', 'update', false),
    ('parstock_orchestration', 'identity.users', 'select', false)
)

select
    format(
        '%%s may %%s%%s %%s',
        role, case when may then 'not ' else '' end, privilege, relation
    )
from wanted
where has_table_privilege(role, relation, privilege) <> may
union all
select format('%%s is a superuser or may sign in', rolname)
from pg_roles
where
    rolname in ('parstock_api', 'parstock_orchestration')
    and (rolsuper or rolcanlogin)

-- name: count_broken_balances
with sums as (
    select
        product_id,
        location_id,
        lot_id,
        sum(on_hand_change) as on_hand,
        sum(reserved_change) as reserved
    from ledger.movements
    group by product_id, location_id, lot_id
)

select
    count(*) filter (
        where
        coalesce(sums.on_hand, 0) <> coalesce(levels.on_hand, 0)
        or coalesce(sums.reserved, 0) <> coalesce(levels.reserved, 0)
    ),
    count(*)
from sums
full join ledger.stock_levels as levels
    on
        sums.product_id = levels.product_id
        and sums.location_id = levels.location_id
        and sums.lot_id = levels.lot_id

-- name: sample_broken_balances
-- By the index of movements, so its time does not grow with the ledger.
with sampled as (
    select *
    from ledger.stock_levels
    order by random()
    limit %(levels)s
)

select
    count(*) filter (
        where sums.on_hand <> sampled.on_hand or sums.reserved <> sampled.reserved
    ),
    count(*)
from sampled
inner join lateral (
    select
        coalesce(sum(movements.on_hand_change), 0) as on_hand,
        coalesce(sum(movements.reserved_change), 0) as reserved
    from ledger.movements
    where
        movements.product_id = sampled.product_id
        and movements.location_id = sampled.location_id
        and movements.lot_id = sampled.lot_id
) as sums on true

-- name: plan_lag
with reached as (
    select
        coalesce(
            max(refreshes.to_position) filter (where refreshes.status = 'succeeded'), 0
        ) as position,
        coalesce(
            max(refreshes.refresh_id) filter (where refreshes.status = 'succeeded'), 0
        ) as refresh_id
    from planning.refreshes
)

select
    (select coalesce(max(events.position), 0) from ledger.inventory_events as events),
    reached.position,
    (
        select extract(epoch from clock_timestamp() - events.recorded_at)
        from ledger.inventory_events as events
        where events.position > reached.position
        order by events.position
        limit 1
    )::double precision,
    (
        select count(*)
        from planning.refreshes as failed
        where failed.status = 'failed' and failed.refresh_id > reached.refresh_id
    )
from reached

-- name: alerts_lag
select
    (select coalesce(max(events.position), 0) from ledger.inventory_events as events),
    evaluation.evaluated_position,
    (
        select extract(epoch from clock_timestamp() - events.recorded_at)
        from ledger.inventory_events as events
        where events.position > evaluation.evaluated_position
        order by events.position
        limit 1
    )::double precision,
    (select count(*) from alerts.outbox where outbox.sent_at is null)
from alerts.evaluation

-- name: has_daemon_heartbeats
select to_regclass('dagster.daemon_heartbeats') is not null

-- name: daemon_silence
select
    extract(
        epoch from (clock_timestamp() at time zone 'UTC') - max(timestamp)
    )::double precision
from dagster.daemon_heartbeats

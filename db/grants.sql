-- Who may do what, table by table; run after every migration. The API writes what people and
-- machines tell; orchestration writes what follows from it; nobody edits an event or a movement.
grant usage on schema parstock, catalog, identity, ledger, counting, planning, purchasing, alerts,
staging, intermediate, marts to parstock_api;
grant usage on schema parstock, catalog, identity, ledger, planning, purchasing, alerts
to parstock_orchestration;

-- The API
grant select on parstock.migrations to parstock_api, parstock_orchestration;
grant select, insert, update on all tables in schema catalog to parstock_api;
grant delete on table catalog.packs, catalog.barcodes, catalog.par_levels, catalog.images,
catalog.calendar_events
to parstock_api;
grant delete on table catalog.import_mappings to parstock_api;
revoke update on table catalog.recipes, catalog.recipe_components from parstock_api;
revoke insert, update on table catalog.changes from parstock_api;
grant select, insert, update, delete on all tables in schema identity to parstock_api;
revoke update, delete on identity.audit from parstock_api;
grant select, insert on ledger.inventory_events, ledger.movements to parstock_api;
grant select, insert, update on ledger.stock_levels, ledger.rejected_events, ledger.lots
to parstock_api;
revoke update on ledger.rejected_events from parstock_api;
grant update (
    event_id, status, settled_at, settled_by, mended, last_problem, discarded_because
) on ledger.rejected_events to parstock_api;
grant select, insert, delete on ledger.open_reservations to parstock_api;
grant select on ledger.epoch, ledger.told_events to parstock_api;
grant select, insert, update on ledger.closed_counts to parstock_api;
grant select, insert on all tables in schema counting to parstock_api;
grant update (state, round, submitted_at, approved_by, closed_at) on counting.sessions
to parstock_api;
grant update (withdrawn_at, withdrawn_by) on counting.lines to parstock_api;
grant update (refused) on counting.results to parstock_api;
grant select on all tables in schema planning to parstock_api;
grant update (confirmed_at, confirmed_by) on planning.anomalies to parstock_api;
grant update (status, dismissed_because, updated_at, closed_at) on planning.suggestions
to parstock_api;
grant select, insert, update on all tables in schema purchasing to parstock_api;
revoke update on purchasing.receipts, purchasing.receipt_lines from parstock_api;
grant select on all tables in schema alerts to parstock_api;
grant update (
    status, acknowledged_at, acknowledged_by, snoozed_until, resolved_at, resolved_by
)
on alerts.alerts to parstock_api;
grant insert (kind, alert_id, payload), update (payload) on alerts.outbox to parstock_api;

-- Orchestration
grant select on all tables in schema catalog to parstock_orchestration;
grant select on all tables in schema ledger to parstock_orchestration;
grant select, insert, update, delete on all tables in schema planning
to parstock_orchestration;
revoke update, delete on planning.forecasts, planning.model_choices
from parstock_orchestration;
grant execute on function planning.forget_forecasts(date) to parstock_orchestration;
grant select on all tables in schema purchasing to parstock_orchestration;
grant select, insert, update on all tables in schema alerts to parstock_orchestration;
-- Whoever acknowledged an alert is named where it is told, and nowhere kept.
grant select (actor_id, username) on identity.users to parstock_orchestration;
grant delete on alerts.source_lines to parstock_orchestration;

-- dbt and Dagster make their own tables; the API reads the marts.
grant usage, create on schema staging, intermediate, marts, dagster
to parstock_orchestration;
alter default privileges for role parstock_orchestration in schema marts
grant select on tables to parstock_api;

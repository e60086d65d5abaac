-- Rejected events as people settle them. settled_by: who mended, replayed or discarded it; while it
-- is open, who tried last. mended: what was recorded in place of the payload. last_problem: why
-- the last try failed, where there was one.
alter table ledger.rejected_events
add column settled_by integer,
add column mended json,
add column last_problem jsonb,
add column discarded_because text;

-- Whatever a machine once sent stays, also for whoever owns the table.
create trigger rejected_events_stay
before delete or truncate on ledger.rejected_events
for each statement execute function ledger.refuse_change();

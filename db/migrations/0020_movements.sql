-- How far back a replay must read, told by the movements themselves: the latest moment at the level
-- before the movement. Unknown for what was recorded before this.
alter table ledger.movements add column last_moment_before bigint;

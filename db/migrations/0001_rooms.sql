-- The two roles that share the database, and the schemas that each of them writes.
-- A role belongs to the server, not to the database, so it may be there already.
do $$
declare
    part text;
begin
    foreach part in array array['parstock_api', 'parstock_orchestration'] loop
        if not exists (select from pg_roles where rolname = part) then
            begin
                execute format('create role %I nologin', part);
            exception when duplicate_object or unique_violation then
                null; -- another database of this server migrated at the same moment
            end;
        end if;
        if not pg_has_role(current_user, part, 'member') then
            execute format('grant %I to current_user', part);
        end if;
    end loop;
end
$$;

create schema catalog;
create schema identity;
create schema ledger;
create schema planning;
create schema alerts;
create schema staging;
create schema intermediate;
create schema marts;
create schema dagster;

-- Who keeps the parts of this database running; the row is true while the lock is held.
create table parstock.supervisor (
    only_row boolean primary key default true constraint supervisor_one_row check (only_row),
    process_id integer not null,
    host text not null,
    home text not null,
    began_at timestamptz not null default now()
);

-- The worlds that Parstock filled an empty database with; one that is not finished was
-- interrupted, and is filled on from where it stopped.
create table parstock.seeds (
    world text primary key,
    began_at timestamptz not null default now(),
    finished_at timestamptz
);

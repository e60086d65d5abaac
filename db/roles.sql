-- The two roles that share the database, where they are not there yet. A role belongs to the
-- server, so neither a backup nor a dump of one database brings it.
do $$
declare
    part text;
begin
    foreach part in array array['parstock_api', 'parstock_orchestration'] loop
        if not exists (select from pg_roles where rolname = part) then
            execute format('create role %I nologin', part);
        end if;
        if not pg_has_role(current_user, part, 'member') then
            execute format('grant %I to current_user', part);
        end if;
    end loop;
end
$$;

-- Files of master data and of opening stock too, uploads that are read in the background, and
-- mappings that are kept by name.
alter table catalog.imports
drop constraint imports_kind_known,
drop constraint imports_status_known;

update catalog.imports set kind = 'counts' where kind = 'stock';

-- site_id, location, time_zone: null until it is known where events belong, and for master data.
-- upload: the name of the file that waits or was read; null where the command line read it.
-- options: what its sender said of it. problem: why it was refused.
alter table catalog.imports
alter column source drop not null,
alter column kind drop not null,
alter column site_id drop not null,
alter column location drop not null,
alter column time_zone drop not null,
alter column lines set default 0,
alter column counts set default '{}',
add column upload uuid constraint imports_upload_key unique,
add column options jsonb not null default '{}',
add column progress jsonb,
add column report jsonb,
add column problem text,
add constraint imports_kind_known check (
    kind in (
        'sales', 'counts', 'opening-stock', 'products', 'suppliers', 'locations', 'sites'
    )
),
add constraint imports_status_known check (
    status in ('queued', 'started', 'finished', 'refused', 'interrupted')
);
create index imports_unfinished_idx on catalog.imports (import_id)
where status in ('queued', 'started');

-- How the files of somebody are read.
create table catalog.import_mappings (
    name text primary key,
    mapping jsonb not null,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- Which files were imported: an import of the same source keeps to the place, zone and shift of the
-- first, and a page can say that a history was moved. location: that of lines that name none.
create table catalog.imports (
    import_id bigint generated always as identity primary key,
    source text not null,
    file_name text not null,
    kind text not null constraint imports_kind_known check (kind in ('sales', 'stock')),
    site_id integer not null constraint imports_site_fkey references catalog.sites,
    location text not null,
    time_zone text not null,
    lines bigint not null constraint imports_lines_range check (lines >= 0),
    counts jsonb not null,
    first_day date,
    last_day date,
    shifted_days integer not null default 0,
    status text not null default 'started'
        constraint imports_status_known check (status in ('started', 'finished')),
    imported_at timestamptz not null default now(),
    finished_at timestamptz,
    imported_by integer not null
);
create index imports_source_idx on catalog.imports (source, import_id);

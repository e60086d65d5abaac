-- Master data whole: who changed what, barcodes, packs, variants, kits, a tree of places, images.

-- A version is the row's own affair: an update that changes nothing makes none, whoever sends it.
create function catalog.next_version() returns trigger
language plpgsql
as $$
begin
    new.version := old.version;
    new.updated_at := old.updated_at;
    if new is not distinct from old then
        return null;
    end if;
    new.version := old.version + 1;
    new.updated_at := now();
    return new;
end
$$;

-- Whether what is looked for, if anything, is in a code or a name.
create function catalog.is_found(search text, code text, name text) returns boolean
language sql immutable parallel safe
return search is null
    or position(lower(search) in lower(code)) > 0
    or position(lower(search) in lower(name)) > 0;

-- Who changed what from what to what: `before` and `after` hold the fields that differ. Written by
-- triggers, so that nobody forgets it; null actors are parts of Parstock and people with psql.
create table catalog.changes (
    change_id bigint generated always as identity primary key,
    entity text not null,
    code text not null,
    actor_id integer constraint changes_actor_fkey references identity.actors,
    changed_at timestamptz not null default clock_timestamp(),
    before jsonb,
    after jsonb
);
create index changes_code_idx on catalog.changes (entity, code, change_id);
create index changes_actor_idx on catalog.changes (actor_id, change_id);

-- The fields of a row in the words of the API: the code of what a number points at.
create function catalog.in_codes(held jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    told jsonb := held;
    field text;
    number integer;
    named text;
begin
    for field, number in
        select held_field.key, held_field.value
        from jsonb_each_text(held) as held_field
        where held_field.key ~ '(product|location|site|supplier)_id$'
    loop
        named := regexp_replace(field, '(_product|_location)?_id$', '');
        told := told - field || jsonb_build_object(
            case named when 'product' then 'sku' else named end,
            case
                when field like '%product_id' then
                    (select sku from catalog.products where product_id = number)
                when field like '%location_id' then
                    (select code from catalog.locations where location_id = number)
                when field = 'site_id' then
                    (select code from catalog.sites where site_id = number)
                else (select code from catalog.suppliers where supplier_id = number)
            end
        );
    end loop;
    return told;
end
$$;

-- Arguments: what it is, the columns whose values are its code, and columns that are not told: its
-- number, secrets, names of people. The actor is the one that the transaction names in
-- parstock.actor_id. Its owner's rights, because nobody else may write here.
create function catalog.log_change() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
    was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    becomes jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    key_columns text[] := string_to_array(tg_argv[1], ',');
    untold text[] := array['version', 'created_at', 'updated_at'] || key_columns || tg_argv[2:];
    every jsonb := coalesce(becomes, was);
    key_codes jsonb := '{}';
    key_code text;
    changed_from jsonb;
    changed_to jsonb;
begin
    for i in 1 .. cardinality(key_columns) loop
        key_codes := catalog.in_codes(jsonb_build_object(key_columns[i], every -> key_columns[i]));
        key_code := concat_ws('/', key_code, (select value from jsonb_each_text(key_codes)));
    end loop;
    select
        jsonb_object_agg(field, was -> field),
        jsonb_object_agg(field, becomes -> field)
    into changed_from, changed_to
    from jsonb_object_keys(every - untold) as field
    where was -> field is distinct from becomes -> field;
    if tg_op = 'UPDATE' and changed_to is null then
        return null;
    end if;
    insert into catalog.changes (entity, code, actor_id, before, after)
    values (
        tg_argv[0],
        key_code,
        nullif(current_setting('parstock.actor_id', true), '')::integer,
        case when tg_op <> 'INSERT' then catalog.in_codes(changed_from) end,
        case tg_op
            when 'INSERT' then catalog.in_codes(jsonb_strip_nulls(changed_to))
            when 'UPDATE' then catalog.in_codes(changed_to)
        end
    );
    return null;
end
$$;

create function catalog.refuse_change() returns trigger
language plpgsql
as $$
begin
    raise exception '% is append-only', tg_table_name
        using errcode = 'object_not_in_prerequisite_state';
end
$$;

create trigger changes_append_only
before update or delete or truncate on catalog.changes
for each statement execute function catalog.refuse_change();

-- Products: what one is counted in, its life, its variants.
alter table catalog.products
add column base_unit text not null default 'each'
    constraint products_base_unit_known check (base_unit in ('each', 'g', 'ml')),
add column status text not null default 'active'
    constraint products_status_known
    check (status in ('planned', 'active', 'phasing_out', 'discontinued')),
add column successor_product_id integer
    constraint products_successor_fkey references catalog.products,
add column successor_from date,
add column variant_of_product_id integer
    constraint products_variant_of_fkey references catalog.products,
add column options jsonb not null default '{}'
    constraint products_options_are_an_object check (jsonb_typeof(options) = 'object'),
add constraint products_successor_is_another check (successor_product_id <> product_id),
add constraint products_successor_is_dated
    check ((successor_product_id is null) = (successor_from is null)),
add constraint products_variant_of_another check (variant_of_product_id <> product_id);

create unique index products_options_key on catalog.products (variant_of_product_id, options)
where variant_of_product_id is not null;
create index products_successor_idx on catalog.products (successor_product_id)
where successor_product_id is not null;

-- Every quantity in the ledger is in base units, so what has been counted keeps its own.
create function catalog.require_base_unit() returns trigger
language plpgsql
as $$
begin
    if exists (
        select from ledger.stock_levels where stock_levels.product_id = new.product_id
    ) then
        raise exception 'the base unit of % stays: it has been counted in it', new.sku
            using errcode = 'check_violation', constraint = 'products_base_unit_stays';
    end if;
    return new;
end
$$;

create trigger products_base_unit_stays
before update of base_unit on catalog.products
for each row when (old.base_unit <> new.base_unit)
execute function catalog.require_base_unit();

-- Places: a tree within a site, and the number that GS1 gave one.
alter table catalog.locations
add column parent_location_id integer
    constraint locations_parent_fkey references catalog.locations,
add column gln text
    constraint locations_gln_key unique
    constraint locations_gln_digits check (gln ~ '^[0-9]{13}$'),
add constraint locations_parent_is_another check (parent_location_id <> location_id);
create index locations_parent_idx on catalog.locations (parent_location_id);

-- A pack holds so many base units; events are always in base units.
create table catalog.packs (
    product_id integer not null constraint packs_product_fkey references catalog.products,
    pack text not null,
    units integer not null constraint packs_units_range check (units between 1 and 10000000),
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (product_id, pack)
);

-- One scan is one pack, or one base unit without. GS1 keeps the numbers that begin with six zeros
-- for GTIN-8, so the zeros tell what is printed.
create table catalog.barcodes (
    code text primary key constraint barcodes_code_is_a_gtin_14 check (code ~ '^[0-9]{14}$'),
    product_id integer not null constraint barcodes_product_fkey references catalog.products,
    pack text,
    kind text not null generated always as (
        case
            when code like '000000%' then 'gtin_8'
            when code like '00%' then 'gtin_12'
            when code like '0%' then 'gtin_13'
            else 'gtin_14'
        end
    ) stored,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint barcodes_pack_fkey foreign key (product_id, pack) references catalog.packs
);
create index barcodes_product_idx on catalog.barcodes (product_id, pack);

-- What a place is filled up to, of a product, and below what it is short.
create table catalog.par_levels (
    location_id integer not null
        constraint par_levels_location_fkey references catalog.locations,
    product_id integer not null
        constraint par_levels_product_fkey references catalog.products,
    par bigint not null constraint par_levels_par_range check (par >= 0),
    minimum bigint not null default 0
        constraint par_levels_minimum_range check (minimum between 0 and par),
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (location_id, product_id)
);
create index par_levels_product_idx on catalog.par_levels (product_id);

-- What a kit is made of. A version is for good, because events were exploded by it; one without
-- components says that the product is a kit no longer.
create table catalog.recipes (
    product_id integer not null constraint recipes_product_fkey references catalog.products,
    recipe_version integer not null,
    created_at timestamptz not null default now(),
    primary key (product_id, recipe_version)
);

create table catalog.recipe_components (
    product_id integer not null,
    recipe_version integer not null,
    component_product_id integer not null
        constraint recipe_components_component_fkey references catalog.products,
    quantity integer not null
        constraint recipe_components_quantity_range check (quantity between 1 and 1000000),
    primary key (product_id, recipe_version, component_product_id),
    constraint recipe_components_recipe_fkey foreign key (product_id, recipe_version)
    references catalog.recipes,
    constraint recipe_components_another check (component_product_id <> product_id)
);
create index recipe_components_component_idx
on catalog.recipe_components (component_product_id);

create trigger recipes_append_only
before update or delete or truncate on catalog.recipes
for each statement execute function catalog.refuse_change();

create trigger recipe_components_append_only
before update or delete or truncate on catalog.recipe_components
for each statement execute function catalog.refuse_change();

-- An image's bytes lie in PARSTOCK_HOME under their SHA-256.
create table catalog.images (
    product_id integer not null constraint images_product_fkey references catalog.products,
    number integer not null constraint images_number_range check (number between 1 and 99),
    sha256 text not null constraint images_sha256_hex check (sha256 ~ '^[0-9a-f]{64}$'),
    media_type text not null,
    width_px integer not null,
    height_px integer not null,
    size_bytes integer not null,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (product_id, number)
);
create index images_sha256_idx on catalog.images (sha256);

do $$
declare
    kept text;
begin
    foreach kept in array array[
        'suppliers', 'sites', 'locations', 'products', 'packs', 'barcodes', 'par_levels', 'images'
    ] loop
        execute format(
            'create trigger %1$s_next_version before update on catalog.%1$s'
            ' for each row execute function catalog.next_version()', kept
        );
    end loop;
end
$$;

create trigger suppliers_are_logged
after insert or update or delete on catalog.suppliers
for each row execute function catalog.log_change('supplier', 'code', 'supplier_id');

create trigger sites_are_logged
after insert or update or delete on catalog.sites
for each row execute function catalog.log_change('site', 'code', 'site_id');

create trigger locations_are_logged
after insert or update or delete on catalog.locations
for each row execute function catalog.log_change('location', 'code', 'location_id');

create trigger products_are_logged
after insert or update or delete on catalog.products
for each row execute function catalog.log_change('product', 'sku', 'product_id');

create trigger packs_are_logged
after insert or update or delete on catalog.packs
for each row execute function catalog.log_change('pack', 'product_id,pack');

create trigger barcodes_are_logged
after insert or update or delete on catalog.barcodes
for each row execute function catalog.log_change('barcode', 'code');

create trigger par_levels_are_logged
after insert or update or delete on catalog.par_levels
for each row execute function catalog.log_change('par_level', 'location_id,product_id');

create trigger recipes_are_logged
after insert on catalog.recipes
for each row execute function catalog.log_change('recipe', 'product_id');

create trigger recipe_components_are_logged
after insert on catalog.recipe_components
for each row execute function catalog.log_change('recipe', 'product_id');

create trigger images_are_logged
after insert or update or delete on catalog.images
for each row execute function catalog.log_change('image', 'product_id,number');

-- Who may act. The ledger knows an actor by number only, so that a name can be erased.
create type identity.role as enum (
    'viewer', 'staff', 'manager', 'admin', 'device'
);

create table identity.actors (
    actor_id integer generated always as identity primary key,
    kind text not null
        constraint actors_kind_known check (kind in ('user', 'device', 'system')),
    created_at timestamptz not null default now()
);

create table identity.users (
    actor_id integer primary key references identity.actors,
    username text not null,
    password_hash text not null,
    role identity.role not null,
    disabled_at timestamptz,
    created_at timestamptz not null default now()
);
create unique index users_username_key on identity.users (lower(username));

-- A device key is shown once; only its SHA-256 is kept (it is random, so no salt is needed).
create table identity.device_keys (
    actor_id integer primary key references identity.actors,
    name text not null constraint device_keys_name_key unique,
    key_hash bytea not null constraint device_keys_key_hash_key unique,
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);

-- Parts of Parstock that record events themselves (the simulator, an import).
create table identity.system_actors (
    actor_id integer primary key references identity.actors,
    name text not null constraint system_actors_name_key unique
);

create table identity.sessions (
    token_hash bytea primary key,
    actor_id integer not null references identity.actors,
    kind text not null
        constraint sessions_kind_known check (kind in ('page', 'token')),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index sessions_actor_idx on identity.sessions (actor_id);
create index sessions_expires_idx on identity.sessions (expires_at);

-- Who reaches which site, what a device key may do and until when, sessions that can be listed and
-- ended one by one, sign-in by an OpenID provider, and who changed what of all this.
alter table identity.actors
add column every_site boolean not null default true;

-- The sites of an actor whose role does not reach every site; none of them is no site at all.
create table identity.actor_sites (
    actor_id integer not null
        constraint actor_sites_actor_fkey references identity.actors,
    site_id integer not null
        constraint actor_sites_site_fkey references catalog.sites,
    primary key (actor_id, site_id)
);

-- Whoever signs in by a provider alone has no password. E-mail, names and clients are personal:
-- they are kept in this schema and nowhere else, so that they can be erased.
alter table identity.users
alter column password_hash drop not null,
add column email text,
add column full_name text,
add column erased_at timestamptz,
add column version bigint not null default 1,
add column updated_at timestamptz not null default now();
create unique index users_email_key on identity.users (lower(email));

alter table identity.device_keys
add column scopes text[] not null default '{record,read}'
    constraint device_keys_scopes_known
    check (scopes <@ '{record,read}' and cardinality(scopes) > 0),
add column expires_at timestamptz,
add column last_used_at timestamptz;

alter table identity.sessions
add column session_id uuid not null default gen_random_uuid()
    constraint sessions_session_id_key unique,
add column client text,
add column last_used_at timestamptz;

-- Whom a provider calls what. An issuer never gives a subject to another person, as it may do
-- with an e-mail address.
create table identity.oidc_subjects (
    issuer text not null,
    subject text not null,
    actor_id integer not null
        constraint oidc_subjects_actor_fkey references identity.actors,
    linked_at timestamptz not null default now(),
    primary key (issuer, subject)
);
create index oidc_subjects_actor_idx on identity.oidc_subjects (actor_id);

-- Append-only (db/grants.sql): who changed a user, a role or a key. No name, no address: of what
-- is personal it says that it changed, not from what to what.
create table identity.audit (
    audit_id bigint generated always as identity primary key,
    changed_at timestamptz not null default clock_timestamp(),
    -- null: someone at the machine's own command line
    changed_by integer
        constraint audit_changed_by_fkey references identity.actors,
    actor_id integer not null
        constraint audit_actor_fkey references identity.actors,
    action text not null,
    changes jsonb not null default '{}'
);
create index audit_actor_idx on identity.audit (actor_id);

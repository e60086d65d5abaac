-- name: find_user
select
    users.actor_id,
    users.username,
    users.password_hash
from identity.users
where
    lower(users.username) = lower(%(username)s::text)
    and users.disabled_at is null

-- name: take_users_lock
-- Users are changed one at a time: parts that start at the same moment make one admin, and two
-- admins cannot put each other out.
select pg_advisory_xact_lock(7270006)

-- name: count_users
select count(*) as users from identity.users

-- name: count_other_admins
select count(*) as admins
from identity.users
where
    users.role = 'admin'
    and users.disabled_at is null
    and users.actor_id <> %(actor_id)s::int

-- name: insert_actor
insert into identity.actors (kind) values (%(kind)s::text) returning actor_id

-- name: insert_user
insert into identity.users (
    actor_id, username, password_hash, role, email, full_name
)
values (
    %(actor_id)s::int,
    %(username)s::text,
    %(password_hash)s::text,
    %(role)s::text::identity.role,
    %(email)s::text,
    %(full_name)s::text
)

-- name: list_users
select
    users.actor_id,
    users.username,
    users.password_hash,
    users.role::text as role,
    users.email,
    users.full_name,
    users.disabled_at is not null as disabled,
    users.created_at,
    users.version,
    case when not actors.every_site then array(
        select sites.code
        from identity.actor_sites
        inner join catalog.sites on actor_sites.site_id = sites.site_id
        where actor_sites.actor_id = actors.actor_id
        order by sites.code collate "C"
    ) end as sites
from identity.users
inner join identity.actors on users.actor_id = actors.actor_id
where
    users.erased_at is null
    and (
        %(username)s::text is null
        or lower(users.username) = lower(%(username)s)
    )
    and (%(after)s::text is null or users.username > %(after)s)
order by users.username
limit %(limit)s::int

-- name: update_user
update identity.users
set
    role = %(role)s::text::identity.role,
    email = %(email)s::text,
    full_name = %(full_name)s::text,
    disabled_at = case when %(disabled)s::boolean then coalesce(disabled_at, now()) end,
    version = version + 1,
    updated_at = now()
where actor_id = %(actor_id)s::int

-- name: update_password
update identity.users
set password_hash = %(password_hash)s::text
where actor_id = %(actor_id)s::int

-- name: find_own_password
select
    users.username,
    users.password_hash,
    users.full_name,
    users.email
from identity.users
where users.actor_id = %(actor_id)s::int

-- name: erase_user
-- What is left says nothing of a person: the number that events name, and a role that is over.
update identity.users
set
    username = 'erased-' || actor_id,
    password_hash = null,
    email = null,
    full_name = null,
    disabled_at = coalesce(disabled_at, now()),
    erased_at = now(),
    version = version + 1,
    updated_at = now()
where actor_id = %(actor_id)s::int

-- name: erase_from_outbox
-- Messages that an earlier version wrote say who acted by name; later ones by number.
update alerts.outbox
set payload = payload - 'by'
where payload ->> 'by' = %(username)s::text

-- name: find_subject
select
    users.actor_id,
    users.disabled_at is not null as disabled
from identity.oidc_subjects
inner join identity.users on oidc_subjects.actor_id = users.actor_id
where
    oidc_subjects.issuer = %(issuer)s::text
    and oidc_subjects.subject = %(subject)s::text

-- name: find_invited
-- Who is invited by this address and has not come by this provider yet.
select
    users.actor_id,
    users.disabled_at is not null as disabled
from identity.users
where
    lower(users.email) = lower(%(email)s::text)
    and not exists (
        select from identity.oidc_subjects
        where
            oidc_subjects.actor_id = users.actor_id
            and oidc_subjects.issuer = %(issuer)s::text
    )
for update

-- name: insert_subject
insert into identity.oidc_subjects (issuer, subject, actor_id)
values (%(issuer)s::text, %(subject)s::text, %(actor_id)s::int)

-- name: delete_oidc_subjects
delete from identity.oidc_subjects where actor_id = %(actor_id)s::int

-- name: unknown_sites
select wanted.code
from unnest(%(sites)s::text[]) as wanted (code)
where not exists (select from catalog.sites where sites.code = wanted.code)

-- name: delete_actor_sites
delete from identity.actor_sites where actor_id = %(actor_id)s::int

-- name: update_reach
update identity.actors
set every_site = %(every_site)s::boolean
where actor_id = %(actor_id)s::int

-- name: insert_actor_sites
insert into identity.actor_sites (actor_id, site_id)
select %(actor_id)s::int, sites.site_id
from catalog.sites
where sites.code = any(%(sites)s::text[])

-- name: insert_session
insert into identity.sessions (token_hash, actor_id, kind, expires_at, client)
values (
    %(token_hash)s::bytea,
    %(actor_id)s::int,
    %(kind)s::text,
    now() + %(hours)s::float8 * interval '1 hour',
    %(client)s::text
)
returning expires_at

-- name: delete_old_sessions
-- An expired token is told so for a week, then it is unknown.
delete from identity.sessions
where sessions.expires_at < now() - interval '7 days'

-- name: delete_session
delete from identity.sessions
where sessions.token_hash = %(token_hash)s::bytea

-- name: delete_sessions
delete from identity.sessions
where
    sessions.actor_id = %(actor_id)s::int
    and (%(session_id)s::uuid is null or sessions.session_id = %(session_id)s)
    and (%(but)s::bytea is null or sessions.token_hash <> %(but)s)

-- name: list_sessions
select
    sessions.session_id,
    sessions.kind,
    sessions.client,
    sessions.created_at,
    sessions.last_used_at,
    sessions.expires_at,
    coalesce(sessions.token_hash = %(token_hash)s::bytea, false) as is_current
from identity.sessions
where
    sessions.actor_id = %(actor_id)s::int
    and sessions.expires_at > now()
order by sessions.created_at desc, sessions.session_id
limit 1000

-- name: find_actor
-- Whose a secret is: that of a device, of a page's session, or of a token. A role that is not
-- held for every site comes with those that it is held for; none of them is no site at all.
select
    owners.actor_id,
    owners.name,
    owners.role,
    owners.scopes,
    owners.expires_at,
    coalesce(owners.expires_at <= now(), false) as expired,
    coalesce(owners.last_used_at < now() - interval '1 minute', true) as was_unused,
    case when not actors.every_site then array(
        select sites.code
        from identity.actor_sites
        inner join catalog.sites on actor_sites.site_id = sites.site_id
        where actor_sites.actor_id = actors.actor_id
    ) end as sites
from (
    select
        device_keys.actor_id,
        device_keys.name,
        'device' as role,
        device_keys.scopes,
        device_keys.expires_at,
        device_keys.last_used_at
    from identity.device_keys
    where
        device_keys.key_hash = %(secret_hash)s::bytea
        and device_keys.revoked_at is null
    union all
    select
        users.actor_id,
        users.username,
        users.role::text,
        '{}'::text[],
        sessions.expires_at,
        sessions.last_used_at
    from identity.sessions
    inner join identity.users on sessions.actor_id = users.actor_id
    where
        sessions.token_hash = %(secret_hash)s::bytea
        and users.disabled_at is null
) as owners
inner join identity.actors on owners.actor_id = actors.actor_id

-- name: touch_secret
with sessions as (
    update identity.sessions
    set last_used_at = now()
    where token_hash = %(secret_hash)s::bytea
)

update identity.device_keys
set last_used_at = now()
where key_hash = %(secret_hash)s::bytea

-- name: insert_device_key
insert into identity.device_keys (actor_id, name, key_hash, scopes, expires_at)
values (
    %(actor_id)s::int,
    %(name)s::text,
    %(key_hash)s::bytea,
    %(scopes)s::text[],
    %(expires_at)s::timestamptz
)
on conflict (name) do nothing
returning actor_id

-- name: list_devices
select
    device_keys.actor_id,
    device_keys.name,
    device_keys.scopes,
    device_keys.created_at,
    device_keys.expires_at,
    device_keys.last_used_at,
    device_keys.revoked_at,
    case when not actors.every_site then array(
        select sites.code
        from identity.actor_sites
        inner join catalog.sites on actor_sites.site_id = sites.site_id
        where actor_sites.actor_id = actors.actor_id
        order by sites.code collate "C"
    ) end as sites
from identity.device_keys
inner join identity.actors on device_keys.actor_id = actors.actor_id
where
    (%(name)s::text is null or device_keys.name = %(name)s)
    and (%(after)s::text is null or device_keys.name > %(after)s)
order by device_keys.name
limit %(limit)s::int

-- name: renew_key
update identity.device_keys
set
    key_hash = %(key_hash)s::bytea,
    revoked_at = null
where actor_id = %(actor_id)s::int

-- name: revoke_key
update identity.device_keys
set revoked_at = now()
where actor_id = %(actor_id)s::int

-- name: find_system_actor
select system_actors.actor_id
from identity.system_actors
where system_actors.name = %(name)s::text

-- name: insert_system_actor
insert into identity.system_actors (actor_id, name)
values (%(actor_id)s::int, %(name)s::text)
on conflict (name) do nothing
returning actor_id

-- name: insert_audit
insert into identity.audit (action, actor_id, changed_by, changes)
values (
    %(action)s::text,
    %(actor_id)s::int,
    %(changed_by)s::int,
    %(changes)s::jsonb
)

-- name: list_audit
-- The newest first; names are those of today, and those that were erased are gone here, too.
select
    audit.audit_id,
    audit.changed_at,
    coalesce(authors.username, author_keys.name) as changed_by,
    actors.kind,
    coalesce(users.username, device_keys.name) as name,
    audit.action,
    audit.changes
from identity.audit
inner join identity.actors on audit.actor_id = actors.actor_id
left join identity.users on audit.actor_id = users.actor_id
left join identity.device_keys on audit.actor_id = device_keys.actor_id
left join identity.users as authors on audit.changed_by = authors.actor_id
left join identity.device_keys as author_keys on audit.changed_by = author_keys.actor_id
where %(before)s::bigint is null or audit.audit_id < %(before)s
order by audit.audit_id desc
limit %(limit)s::int

-- name: find_slack_person
select
    users.actor_id,
    users.username,
    users.role::text as role,
    case when not actors.every_site then array(
        select sites.code
        from identity.actor_sites
        inner join catalog.sites on actor_sites.site_id = sites.site_id
        where actor_sites.actor_id = actors.actor_id
    ) end as sites
from identity.slack_people
inner join identity.users on slack_people.actor_id = users.actor_id
inner join identity.actors on users.actor_id = actors.actor_id
where
    slack_people.team = %(team)s::text
    and slack_people.person = %(person)s::text
    and users.disabled_at is null

-- name: invite_slack_person
with too_old as (
    delete from identity.slack_invitations
    where slack_invitations.expires_at <= now()
)

insert into identity.slack_invitations (secret_hash, team, person, name, expires_at)
values (
    %(secret_hash)s::bytea,
    %(team)s::text,
    %(person)s::text,
    %(name)s::text,
    now() + make_interval(mins => %(minutes)s::integer)
)

-- name: find_slack_invitation
select
    slack_invitations.team,
    slack_invitations.person,
    slack_invitations.name
from identity.slack_invitations
where
    slack_invitations.secret_hash = %(secret_hash)s::bytea
    and slack_invitations.expires_at > now()

-- name: link_slack_person
with used as (
    delete from identity.slack_invitations
    where slack_invitations.secret_hash = %(secret_hash)s::bytea
)

insert into identity.slack_people (team, person, actor_id)
values (%(team)s::text, %(person)s::text, %(actor_id)s::integer)
on conflict (team, person) do update
set
    actor_id = excluded.actor_id,
    linked_at = now()

-- An alert that is put off, and whose hands press the buttons in Slack.
alter table alerts.alerts add column snoozed_until timestamptz;

-- A person of Slack acts with the rights of the user who said "that is me", signed in here.
create table identity.slack_people (
    team text not null,
    person text not null,
    actor_id integer not null references identity.users,
    linked_at timestamptz not null default now(),
    primary key (team, person)
);
create index slack_people_actor_idx on identity.slack_people (actor_id);

-- What a person of Slack is sent to say so, once and soon.
create table identity.slack_invitations (
    secret_hash bytea primary key,
    team text not null,
    person text not null,
    name text not null,
    expires_at timestamptz not null
);

-- The lives of alerts, and the messages that tell of them. An alert and its outbox row commit
-- together; a sender leases rows, keeps channel and timestamp, and changes the message in place.
create table alerts.alerts (
    alert_id uuid primary key default gen_random_uuid(),
    kind text not null
        constraint alerts_kind_known check (kind in ('critical_low', 'low')),
    severity text not null
        constraint alerts_severity_known
        check (severity in ('critical', 'high', 'medium', 'low')),
    status text not null default 'open'
        constraint alerts_status_known
        check (status in ('open', 'acknowledged', 'snoozed', 'resolved')),
    product_id integer not null,
    site_id integer not null,
    location_id integer,
    message text not null,
    recommendation text not null,
    is_baseline boolean not null default false,
    position bigint not null,
    opened_at timestamptz not null default now(),
    acknowledged_at timestamptz,
    acknowledged_by integer,
    resolved_at timestamptz,
    resolved_by integer,
    channel text,
    message_ts text
);
create unique index alerts_one_live
on alerts.alerts (kind, product_id, site_id, coalesce(location_id, 0))
where status <> 'resolved';
create index alerts_opened_idx on alerts.alerts (opened_at desc, alert_id);

create table alerts.outbox (
    outbox_id bigint generated always as identity primary key,
    kind text not null
        constraint outbox_kind_known
        check (kind in ('alert', 'digest', 'run_failed')),
    alert_id uuid references alerts.alerts,
    payload jsonb not null default '{}',
    created_at timestamptz not null default now(),
    leased_until timestamptz,
    attempts integer not null default 0,
    sent_at timestamptz,
    channel text,
    message_ts text,
    last_error text,
    constraint outbox_alert_names_one check ((kind = 'alert') = (alert_id is not null))
);
create index outbox_unsent_idx on alerts.outbox (outbox_id) where sent_at is null;

-- How far the levels have been looked at; baseline_at is null until the first time.
create table alerts.evaluation (
    only_row boolean primary key default true constraint evaluation_one_row check (only_row),
    evaluated_position bigint not null default 0,
    evaluated_refresh_id bigint not null default 0,
    baseline_at timestamptz
);
insert into alerts.evaluation default values;

-- name: take_alerts_turn
-- One tick serves at a time; the next one waits here and goes on without a gap.
select pg_advisory_lock(7270003)

-- name: somebody_waits_for_the_turn
select count(*) > 0
from pg_locks
where
    locktype = 'advisory'
    and database = (
        select oid from pg_database
        where datname = current_database()
    )
    and classid = 0
    and objid = 7270003
    and not granted

-- name: has_news
-- Cheap enough to ask at every wake: is there anything that was not looked at? A lot comes near its
-- day and a source falls silent without any news, so the clock is news once an hour.
select
    exists (
        select from planning.refreshes
        where
            refreshes.status = 'succeeded'
            and refreshes.refresh_id > evaluation.evaluated_refresh_id
    ) or (
        evaluation.baseline_at is not null
        and (
            evaluation.evaluated_position < coalesce(
                (select max(inventory_events.position) from ledger.inventory_events), 0
            )
            or evaluation.looked_at_clock is null
            or evaluation.looked_at_clock < now() - interval '1 hour'
            or exists (select from alerts.rules where rules.baseline_at is null)
        )
    )
from alerts.evaluation

-- name: lock_evaluation
-- Two evaluations at once would open an alert twice or end one that the other just opened.
select
    evaluated_position,
    evaluated_refresh_id,
    baseline_at is not null,
    coalesce(looked_at_clock < now() - interval '1 hour', true)
from alerts.evaluation
for update

-- name: settled_position
-- Positions are drawn under the ledger's lock, so all up to the highest one are committed.
select coalesce(max(position), 0) from ledger.inventory_events

-- name: newest_refresh
select coalesce(max(refresh_id), 0) from planning.refreshes
where status = 'succeeded'

-- name: stock_to_look_at
-- Every product and site with a movement or a policy since the last look, or with a live alert
-- that has lost its policy: its stock, its policy, its live alerts, its open suggestion.
with touched as (
    select
        movements.product_id,
        locations.site_id
    from ledger.movements
    inner join catalog.locations
        on movements.location_id = locations.location_id
    where
        movements.position > %(from_position)s
        and movements.position <= %(to_position)s
    union
    select
        policies.product_id,
        policies.site_id
    from planning.policies
    where policies.refresh_id > %(from_refresh_id)s
    union
    select
        live.product_id,
        live.site_id
    from alerts.alerts as live
    where
        live.status <> 'resolved'
        and live.kind in ('critical_low', 'low')
        and not exists (
            select from planning.policies
            where
                policies.product_id = live.product_id
                and policies.site_id = live.site_id
        )
),

selling_sites as (
    select distinct site_id
    from catalog.locations
    where selling
),

levels as (
    select
        touched.product_id,
        touched.site_id,
        sum(stock_levels.on_hand) filter (where locations.selling)
            as on_hand_selling,
        sum(stock_levels.on_hand) filter (where not locations.selling)
            as on_hand_behind,
        sum(stock_levels.on_hand - stock_levels.reserved) as inventory_position,
        max(stock_levels.version) as last_position
    from touched
    inner join ledger.stock_levels
        on touched.product_id = stock_levels.product_id
    inner join catalog.locations
        on
            stock_levels.location_id = locations.location_id
            and touched.site_id = locations.site_id
    group by touched.product_id, touched.site_id
),

live_alerts as (
    select
        product_id,
        site_id,
        array_agg(kind) as kinds,
        array_agg(alert_id) as alert_ids
    from alerts.alerts
    where status <> 'resolved' and kind in ('critical_low', 'low')
    group by product_id, site_id
)

select
    touched.product_id,
    touched.site_id,
    case
        when selling_sites.site_id is not null
            then coalesce(levels.on_hand_selling, 0)
    end::bigint as on_hand_selling,
    coalesce(levels.on_hand_behind, 0)::bigint as on_hand_behind,
    (coalesce(levels.inventory_position, 0) + coalesce(on_order.units, 0))::bigint
        as inventory_position,
    levels.last_position,
    policies.reorder_point,
    policies.order_up_to_level,
    policies.selling_minimum,
    policies.refill_minimum,
    coalesce(live_alerts.kinds, '{}') as live_kinds,
    coalesce(live_alerts.alert_ids, '{}') as live_alert_ids,
    coalesce(suggestions.status = 'approved', false) as purchase_approved,
    suggestions.quantity as suggested_quantity
from touched
left join selling_sites on touched.site_id = selling_sites.site_id
left join levels
    on
        touched.product_id = levels.product_id
        and touched.site_id = levels.site_id
-- Product by product: what is on order of all of them takes a look at every receipt there was.
cross join lateral (
    select sum(outstanding.units) as units
    from purchasing.outstanding_at(9223372036854775807) as outstanding
    where
        outstanding.product_id = touched.product_id
        and outstanding.site_id = touched.site_id
        and not outstanding.is_overdue
) as on_order
left join planning.policies
    on
        touched.product_id = policies.product_id
        and touched.site_id = policies.site_id
left join live_alerts
    on
        touched.product_id = live_alerts.product_id
        and touched.site_id = live_alerts.site_id
left join lateral (
    select
        open_suggestions.status,
        open_suggestions.quantity
    from planning.suggestions as open_suggestions
    where
        open_suggestions.product_id = touched.product_id
        and open_suggestions.site_id = touched.site_id
        and open_suggestions.kind = 'purchase'
        and (
            open_suggestions.status = 'open'
            -- Approved, until something of it came, it was given up, or it is overdue.
            or (
                open_suggestions.status = 'approved'
                and not exists (
                    select from purchasing.lines_so_far as lines
                    where
                        lines.suggestion_id = open_suggestions.suggestion_id
                        and (lines.outstanding < lines.quantity or lines.is_past_its_day)
                )
            )
        )
    order by open_suggestions.status
    limit 1
) as suggestions on true
order by touched.product_id, touched.site_id

-- name: names_of_product_sites
-- For the words of the alerts about to open: who, where, and the places with their stock.
select
    asked.product_id,
    asked.site_id,
    products.sku,
    products.name as product,
    sites.code as site_code,
    sites.name as site,
    suppliers.name as supplier,
    from_place.code as refill_from_code,
    from_place.on_hand as refill_from_on_hand,
    into_place.code as refill_into_code,
    into_place.on_hand as refill_into_on_hand
from
    unnest(%(product_ids)s::integer[], %(site_ids)s::integer[])
        as asked (product_id, site_id)
inner join catalog.products on asked.product_id = products.product_id
inner join catalog.sites on asked.site_id = sites.site_id
left join catalog.suppliers on products.supplier_id = suppliers.supplier_id
left join lateral (
    select
        locations.location_id,
        locations.code,
        locations.refilled_from_location_id,
        sum(stock_levels.on_hand)::bigint as on_hand
    from ledger.stock_levels
    inner join catalog.locations
        on stock_levels.location_id = locations.location_id
    where
        stock_levels.product_id = asked.product_id
        and locations.site_id = asked.site_id
        and locations.selling
    group by locations.location_id
    order by on_hand, locations.code
    limit 1
) as into_place on true
left join lateral (
    select
        locations.code,
        sum(stock_levels.on_hand)::bigint as on_hand
    from ledger.stock_levels
    inner join catalog.locations
        on stock_levels.location_id = locations.location_id
    where
        stock_levels.product_id = asked.product_id
        and locations.site_id = asked.site_id
        and not locations.selling
    group by locations.location_id
    having sum(stock_levels.on_hand) > 0
    order by
        locations.location_id is not distinct from
        into_place.refilled_from_location_id desc,
        on_hand desc,
        locations.code
    limit 1
) as from_place on true

-- name: open_alerts
insert into alerts.alerts (
    kind, severity, product_id, site_id, location_id, recorded_by, source,
    message, recommendation, detail, is_baseline, position
)
select
    opened.kind,
    opened.severity,
    opened.product_id,
    opened.site_id,
    opened.location_id,
    opened.recorded_by,
    opened.source,
    opened.message,
    opened.recommendation,
    opened.detail::jsonb,
    opened.is_baseline,
    opened.position
from
    unnest(
        %(kinds)s::text[],
        %(severities)s::text[],
        %(product_ids)s::integer[],
        %(site_ids)s::integer[],
        %(location_ids)s::integer[],
        %(recorded_by)s::integer[],
        %(sources)s::text[],
        %(messages)s::text[],
        %(recommendations)s::text[],
        %(details)s::text[],
        %(are_baseline)s::boolean[],
        %(positions)s::bigint[]
    ) as opened (
        kind, severity, product_id, site_id, location_id, recorded_by, source,
        message, recommendation, detail, is_baseline, position
    )
on conflict do nothing
returning alert_id, is_baseline, kind

-- name: restate_alert
update alerts.alerts
set
    message = %(message)s,
    recommendation = %(recommendation)s,
    detail = %(detail)s::jsonb,
    position = %(position)s
where alert_id = %(alert_id)s

-- name: end_alerts
update alerts.alerts
set
    status = 'resolved',
    resolved_at = now()
where
    alerts.alert_id = any(%(alert_ids)s::uuid[])
    and alerts.status <> 'resolved'
returning alerts.alert_id

-- name: wake_alerts
-- Those whose time came are open again, and told as any other.
with woken as (
    update alerts.alerts
    set
        status = 'open',
        snoozed_until = null
    where alerts.status = 'snoozed' and alerts.snoozed_until <= now()
    returning alerts.alert_id
)

insert into alerts.outbox (kind, alert_id)
select
    'alert',
    woken.alert_id
from woken

-- name: queue_messages
insert into alerts.outbox (kind, alert_id)
select
    'alert',
    queued.alert_id
from unnest(%(alert_ids)s::uuid[]) as queued (alert_id)

-- name: queue_digest
insert into alerts.outbox (kind, payload)
values (
    'digest',
    jsonb_build_object('alerts', %(alerts)s::integer, 'kinds', %(kinds)s::text[])
)

-- name: remember_evaluation
update alerts.evaluation
set
    evaluated_position = greatest(evaluated_position, %(position)s),
    evaluated_refresh_id = greatest(evaluated_refresh_id, %(refresh_id)s),
    baseline_at = coalesce(baseline_at, now()),
    looked_at_clock = case when %(by_the_clock)s then now() else looked_at_clock end

-- name: wake_readers
select pg_notify('parstock_outbox', '')

-- name: live_counts
select
    count(*) filter (where kind = 'critical_low'),
    count(*) filter (where kind = 'low'),
    count(*) filter (where kind not in ('critical_low', 'low'))
from alerts.alerts
where status <> 'resolved'

-- name: mark_all_as_page_only
-- Without a token there is nobody to send to: the alerts page shows the same words.
update alerts.outbox
set
    sent_at = clock_timestamp(),
    leased_until = null
where sent_at is null

-- name: seconds_since_last_message
select extract(epoch from clock_timestamp() - max(sent_at))::double precision
from alerts.outbox
where channel is not null

-- name: lease_message
-- Critical ones first, then in order. A row of an alert that another sender is busy with waits,
-- so that no second message is posted while the first one's fate is open.
with due as (
    select outbox.outbox_id
    from alerts.outbox
    left join alerts.alerts on outbox.alert_id = alerts.alert_id
    where
        outbox.sent_at is null
        and (
            outbox.leased_until is null
            or outbox.leased_until <= clock_timestamp()
        )
        and not exists (
            select from alerts.outbox as busy
            where
                busy.alert_id = outbox.alert_id
                and busy.sent_at is null
                and busy.leased_until > clock_timestamp()
        )
    order by coalesce(alerts.severity = 'critical', false) desc, outbox.outbox_id
    limit 1
    for update of outbox skip locked
)

update alerts.outbox
set
    leased_until = clock_timestamp() + %(lease_s)s * interval '1 second',
    attempts = outbox.attempts + 1
from due
where outbox.outbox_id = due.outbox_id
returning
    outbox.outbox_id,
    outbox.kind,
    outbox.alert_id,
    outbox.payload,
    outbox.created_at,
    outbox.attempts

-- name: seconds_until_next_due
select
    extract(
        epoch from min(coalesce(leased_until, clock_timestamp()))
        - clock_timestamp()
    )::double precision
from alerts.outbox
where sent_at is null

-- name: alert_to_tell
-- The alert as it stands, with the newest row that this state answers, in one snapshot.
select
    alerts.kind,
    alerts.severity,
    alerts.status,
    alerts.message,
    alerts.recommendation,
    alerts.opened_at,
    alerts.acknowledged_at,
    alerts.resolved_at,
    alerts.snoozed_until,
    alerts.is_baseline,
    alerts.position,
    alerts.channel,
    alerts.message_ts,
    coalesce(products.name, alerts.source, 'actor ' || alerts.recorded_by)
        as product,
    rows_of_alert.newest_outbox_id,
    rows_of_alert.attempts,
    rows_of_alert.oldest_created_at,
    rows_of_alert.told_by,
    epoch.epoch::text as epoch,
    offers.suggestion_id::text as offer,
    offers.version as offer_version,
    offers.quantity as offer_quantity,
    approvals.number as ordered_on,
    approvals.quantity as ordered_quantity,
    approvals.approved_at as ordered_at,
    approvals.username as ordered_by
from alerts.alerts
cross join ledger.epoch
left join catalog.products on alerts.product_id = products.product_id
left join planning.suggestions as offers
    on
        alerts.product_id = offers.product_id
        and alerts.site_id = offers.site_id
        and offers.kind = 'purchase'
        and offers.status = 'open'
left join lateral (
    select
        orders.number,
        order_lines.quantity,
        order_lines.approved_at,
        users.username
    from purchasing.order_lines
    inner join purchasing.orders on order_lines.order_id = orders.order_id
    left join identity.users on order_lines.approved_by = users.actor_id
    where
        order_lines.product_id = alerts.product_id
        and orders.site_id = alerts.site_id
        and orders.status in ('draft', 'sent')
        and order_lines.approved_at >= alerts.opened_at
    order by order_lines.approved_at desc
    limit 1
) as approvals on true
cross join lateral (
    select
        max(outbox.outbox_id) as newest_outbox_id,
        max(outbox.attempts) as attempts,
        min(outbox.created_at) as oldest_created_at,
        (array_agg(users.username order by outbox.outbox_id desc))[1] as told_by
    from alerts.outbox
    left join identity.users
        on (outbox.payload ->> 'actor_id')::integer = users.actor_id
    where outbox.alert_id = alerts.alert_id and outbox.sent_at is null
) as rows_of_alert
where alerts.alert_id = %(alert_id)s

-- name: remember_message_of_alert
update alerts.alerts
set channel = %(channel)s, message_ts = %(message_ts)s
where alert_id = %(alert_id)s

-- name: mark_alert_rows_sent
update alerts.outbox
set
    sent_at = clock_timestamp(),
    leased_until = null,
    last_error = null,
    channel = %(channel)s,
    message_ts = %(message_ts)s
where
    alert_id = %(alert_id)s
    and outbox_id <= %(newest_outbox_id)s
    and sent_at is null

-- name: mark_row_sent
update alerts.outbox
set
    sent_at = clock_timestamp(),
    leased_until = null,
    last_error = null,
    channel = %(channel)s,
    message_ts = %(message_ts)s
where outbox_id = %(outbox_id)s and sent_at is null

-- name: known_channel
-- Slack looks messages up by a channel's id only; a name that was posted to once has one.
select channel from alerts.outbox
where channel is not null
order by outbox_id desc
limit 1

-- name: try_again_later
update alerts.outbox
set
    leased_until = clock_timestamp() + %(wait_s)s * interval '1 second',
    attempts = greatest(attempts - %(attempts_back)s, 0),
    last_error = %(error)s
where outbox_id = %(outbox_id)s and sent_at is null

-- name: hold_all_messages
-- Slack named a time before which it takes nothing; that holds for every row.
update alerts.outbox
set leased_until = greatest(
    coalesce(leased_until, clock_timestamp()),
    clock_timestamp() + %(wait_s)s * interval '1 second'
)
where sent_at is null

-- name: worst_live_alerts
select
    alerts.kind,
    alerts.message,
    alerts.recommendation
from alerts.alerts
where
    alerts.status <> 'resolved'
    and alerts.is_baseline
    and (%(kinds)s::text[] is null or alerts.kind = any(%(kinds)s))
order by
    array_position(array['critical', 'high', 'medium', 'low'], alerts.severity),
    alerts.opened_at,
    alerts.alert_id
limit %(at_most)s

-- name: live_baseline_counts
select
    alerts.kind,
    count(*)
from alerts.alerts
where
    alerts.status <> 'resolved'
    and alerts.is_baseline
    and (%(kinds)s::text[] is null or alerts.kind = any(%(kinds)s))
group by alerts.kind

-- name: queue_run_failed
-- A job that fails again and again is told once an hour; Dagster's pages have each run.
insert into alerts.outbox (kind, payload)
select
    'run_failed',
    %(payload)s::jsonb
where not exists (
    select from alerts.outbox
    where
        outbox.kind = 'run_failed'
        and (
            outbox.payload ->> 'run_id' = %(payload)s::jsonb ->> 'run_id'
            or (
                outbox.payload ->> 'job' = %(payload)s::jsonb ->> 'job'
                and outbox.created_at > now() - interval '1 hour'
            )
        )
)
returning outbox_id

-- name: seconds_since_event
select extract(epoch from clock_timestamp() - recorded_at)::double precision
from ledger.inventory_events
where position = %(position)s

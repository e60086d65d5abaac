-- name: list_alerts
-- The newest first; a page goes on from (opened_at, alert_id).
select
    alerts.alert_id,
    alerts.kind,
    alerts.severity,
    alerts.status,
    products.sku,
    coalesce(products.name, alerts.source, 'actor ' || alerts.recorded_by)
        as product,
    locations.code as location,
    sites.code as site,
    alerts.source,
    alerts.message,
    alerts.recommendation,
    alerts.opened_at,
    alerts.resolved_at,
    alerts.snoozed_until,
    alerts.channel
from alerts.alerts
left join catalog.products
    on alerts.product_id = products.product_id
inner join catalog.sites
    on alerts.site_id = sites.site_id
left join catalog.locations
    on alerts.location_id = locations.location_id
where
    (%(alert_id)s::uuid is null or alerts.alert_id = %(alert_id)s)
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and (%(status)s::text is null or alerts.status = %(status)s)
    and (%(severity)s::text is null or alerts.severity = %(severity)s)
    and (
        %(after_opened_at)s::timestamptz is null
        or alerts.opened_at < %(after_opened_at)s
        or (
            alerts.opened_at = %(after_opened_at)s
            and alerts.alert_id > %(after_id)s::uuid
        )
    )
order by alerts.opened_at desc, alerts.alert_id
limit %(limit)s::integer;

-- name: list_live_alerts
-- What staff should look at first: unseen before seen, critical before low,
-- old before new.
select
    alerts.alert_id,
    alerts.kind,
    alerts.severity,
    alerts.status,
    products.sku,
    coalesce(products.name, alerts.source, 'actor ' || alerts.recorded_by)
        as product,
    locations.code as location,
    sites.code as site,
    alerts.source,
    alerts.message,
    alerts.recommendation,
    alerts.opened_at,
    alerts.resolved_at,
    alerts.snoozed_until,
    alerts.channel
from alerts.alerts
left join catalog.products
    on alerts.product_id = products.product_id
inner join catalog.sites
    on alerts.site_id = sites.site_id
left join catalog.locations
    on alerts.location_id = locations.location_id
where
    alerts.status <> 'resolved'
    and (%(sku)s::text is null or products.sku = %(sku)s)
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
order by
    alerts.status <> 'open',
    array_position(
        array['critical', 'high', 'medium', 'low'], alerts.severity
    ),
    alerts.opened_at,
    alerts.alert_id
limit %(limit)s::integer
offset %(skip)s::integer;

-- name: list_count_requests
-- The oldest first; a page goes on from (opened_at, alert_id).
select
    alerts.alert_id,
    products.sku,
    products.name as product,
    locations.code as location,
    sites.code as site,
    'book_shortage' as reason,
    (alerts.detail ->> 'short')::bigint as short,
    alerts.opened_at as since,
    alerts.status
from alerts.alerts
inner join catalog.products
    on alerts.product_id = products.product_id
inner join catalog.locations
    on alerts.location_id = locations.location_id
inner join catalog.sites
    on alerts.site_id = sites.site_id
where
    alerts.kind = 'discrepancy'
    and alerts.status <> 'resolved'
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
    and (%(site)s::text is null or sites.code = %(site)s)
    and (%(location)s::text is null or locations.code = %(location)s)
    and (
        %(after_since)s::timestamptz is null
        or (alerts.opened_at, alerts.alert_id)
        > (%(after_since)s, %(after_id)s::uuid)
    )
order by alerts.opened_at, alerts.alert_id
limit %(limit)s::integer;

-- name: lock_alert
select
    alerts.alert_id,
    alerts.status
from alerts.alerts
inner join catalog.sites
    on alerts.site_id = sites.site_id
where
    alerts.alert_id = %(alert_id)s::uuid
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
for update of alerts;

-- name: acknowledge_alert
update alerts.alerts
set
    status = 'acknowledged',
    acknowledged_at = now(),
    snoozed_until = null,
    acknowledged_by = %(actor_id)s::integer
where alerts.alert_id = %(alert_id)s::uuid;

-- name: snooze_alert
update alerts.alerts
set
    status = 'snoozed',
    snoozed_until = %(until)s::timestamptz
where alerts.alert_id = %(alert_id)s::uuid;

-- name: resolve_alert
update alerts.alerts
set
    status = 'resolved',
    resolved_at = now(),
    resolved_by = %(actor_id)s::integer
where alerts.alert_id = %(alert_id)s::uuid;

-- name: confirm_anomalies
-- The first to confirm a day is the one who did.
update planning.anomalies
set
    confirmed_at = coalesce(anomalies.confirmed_at, now()),
    confirmed_by = coalesce(anomalies.confirmed_by, %(actor_id)s::integer)
from alerts.alerts
where
    alerts.alert_id = %(alert_id)s::uuid
    and alerts.kind = 'demand_anomaly'
    and anomalies.product_id = alerts.product_id
    and anomalies.site_id = alerts.site_id
    and alerts.detail -> 'days' ? anomalies.day::text
returning anomalies.day;

-- name: tell_of_alert
-- In the transaction of the change, so that a change is never untold. By a number, as everywhere:
-- the name is looked up when it is told.
insert into alerts.outbox (kind, alert_id, payload)
values (
    'alert',
    %(alert_id)s::uuid,
    jsonb_build_object('actor_id', %(actor_id)s::int)
);

-- name: wake_the_sender
select pg_notify('parstock_outbox', '');

-- name: summarize
-- low: a product and site at or below its reorder point, or told to be low.
-- The value counts what has a cost in the currency that most products use.
with reached as (
    select sites.site_id
    from catalog.sites
    where %(sites)s::text[] is null or sites.code = any(%(sites)s)
),

main_currency as (
    select products.currency
    from catalog.products
    where products.currency is not null
    group by products.currency
    order by count(*) desc, products.currency asc
    limit 1
),

on_hand as (
    select
        stock_levels.product_id,
        locations.site_id,
        sum(stock_levels.on_hand) as on_hand,
        sum(stock_levels.on_hand - stock_levels.reserved) as available
    from ledger.stock_levels
    inner join catalog.locations
        on stock_levels.location_id = locations.location_id
    inner join reached
        on locations.site_id = reached.site_id
    group by stock_levels.product_id, locations.site_id
),

positions as (
    select
        policies.product_id,
        policies.site_id,
        policies.reorder_point,
        coalesce(on_hand.on_hand, 0) as on_hand,
        coalesce(on_hand.available, 0) as available
    from planning.policies
    inner join reached
        on policies.site_id = reached.site_id
    left join on_hand
        on
            policies.product_id = on_hand.product_id
            and policies.site_id = on_hand.site_id
),

low as (
    select
        positions.product_id,
        positions.site_id
    from positions
    where positions.available <= positions.reorder_point
    union
    select
        alerts.product_id,
        alerts.site_id
    from alerts.alerts
    inner join reached
        on alerts.site_id = reached.site_id
    where
        alerts.status <> 'resolved'
        and alerts.kind in ('critical_low', 'low')
)

select
    (select count(*) from catalog.products) as products,
    (
        select coalesce(sum(on_hand.on_hand * products.unit_cost), 0)::bigint
        from on_hand
        inner join catalog.products
            on on_hand.product_id = products.product_id
        inner join main_currency
            on products.currency = main_currency.currency
    ) as stock_value_minor,
    (select main_currency.currency from main_currency) as currency,
    (
        select count(*)
        from alerts.alerts
        inner join reached
            on alerts.site_id = reached.site_id
        where alerts.status = 'open'
    ) as open_alerts,
    (select count(*) from low) as low,
    (
        select count(*)
        from positions
        where positions.on_hand = 0
    ) as out_of_stock,
    (
        select refreshes.finished_at
        from planning.refreshes
        where refreshes.status = 'succeeded'
        order by refreshes.to_position desc, refreshes.refresh_id desc
        limit 1
    ) as refreshed_at,
    (
        select evaluation.baseline_at is not null
        from alerts.evaluation
    ) as alerts_ready;

-- name: read_epoch
select epoch.epoch from ledger.epoch;

-- name: who_approved
select
    order_lines.quantity,
    order_lines.approved_at,
    coalesce(users.username, devices.name) as name
from purchasing.order_lines
left join identity.users on order_lines.approved_by = users.actor_id
left join identity.device_keys as devices on order_lines.approved_by = devices.actor_id
where order_lines.suggestion_id = %(suggestion_id)s::uuid;

-- name: who_acknowledged
select alerts.acknowledged_by
from alerts.alerts
where alerts.alert_id = %(alert_id)s::uuid;

-- name: name_of_actor
select users.username as name
from identity.users
where users.actor_id = %(actor_id)s::integer;

-- name: read_line
select
    suggestions.version,
    suggestions.quantity,
    products.sku,
    products.pack_size
from planning.suggestions
inner join catalog.products on suggestions.product_id = products.product_id
inner join catalog.sites on suggestions.site_id = sites.site_id
where
    suggestions.suggestion_id = %(suggestion_id)s::uuid
    and suggestions.status = 'open'
    and (%(sites)s::text[] is null or sites.code = any(%(sites)s));

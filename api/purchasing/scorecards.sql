-- name: list_scorecards
-- What each supplier did, from orders of the sites that who asks has a part in. A line is done when
-- all of it came or the rest was given up; it is short when less came than was ordered.
with lines as (
    select
        orders.supplier_id,
        orders.order_id,
        orders.sent_at,
        lines_so_far.product_id,
        lines_so_far.quantity,
        lines_so_far.received,
        lines_so_far.damaged,
        lines_so_far.unit_cost,
        lines_so_far.currency,
        lines_so_far.outstanding = 0 as is_done,
        lines_so_far.outstanding > 0 and lines_so_far.is_past_its_day as is_overdue
    from purchasing.lines_so_far
    inner join purchasing.orders on lines_so_far.order_id = orders.order_id
    inner join catalog.sites on orders.site_id = sites.site_id
    where
        orders.sent_at is not null
        and orders.status <> 'cancelled'
        and (%(sites)s::text[] is null or sites.code = any(%(sites)s))
),

taken as (
    select
        lead_times.supplier_id,
        count(*) as deliveries,
        percentile_disc(array[0.05, 0.5, 0.95]) within group (
            order by lead_times.lead_time_days
        ) as lead_time_days,
        count(*) filter (where lead_times.days_late > 0) as late_deliveries,
        max(lead_times.days_late) as most_days_late
    from purchasing.lead_times
    inner join catalog.sites on lead_times.site_id = sites.site_id
    where %(sites)s::text[] is null or sites.code = any(%(sites)s)
    group by lead_times.supplier_id
),

done as (
    select
        lines.supplier_id,
        count(*) as lines,
        count(*) filter (where lines.is_done) as lines_done,
        count(*) filter (where lines.is_done and lines.received < lines.quantity)
            as short_lines,
        count(*) filter (where lines.is_overdue) as overdue_lines,
        sum(lines.received)::bigint as units_received,
        sum(lines.damaged)::bigint as units_damaged
    from lines
    group by lines.supplier_id
),

prices as (
    select
        lines.supplier_id,
        lines.unit_cost,
        lag(lines.unit_cost) over (
            partition by lines.supplier_id, lines.product_id, lines.currency
            order by lines.sent_at, lines.order_id
        ) as unit_cost_before
    from lines
    where lines.unit_cost is not null
),

price_changes as (
    select
        prices.supplier_id,
        count(*) filter (where prices.unit_cost > prices.unit_cost_before) as price_rises,
        count(*) filter (where prices.unit_cost < prices.unit_cost_before) as price_cuts,
        avg(
            100.0 * (prices.unit_cost - prices.unit_cost_before)
            / nullif(prices.unit_cost_before, 0)
        ) filter (where prices.unit_cost <> prices.unit_cost_before)
            as mean_price_change_percent
    from prices
    group by prices.supplier_id
)

select
    suppliers.code as supplier,
    suppliers.name,
    suppliers.lead_time_days as stated_lead_time_days,
    coalesce(taken.deliveries, 0) as deliveries,
    taken.lead_time_days[1] as lead_time_days_p5,
    taken.lead_time_days[2] as lead_time_days_median,
    taken.lead_time_days[3] as lead_time_days_p95,
    coalesce(taken.late_deliveries, 0) as late_deliveries,
    taken.most_days_late,
    coalesce(done.lines, 0) as lines,
    coalesce(done.lines_done, 0) as lines_done,
    coalesce(done.short_lines, 0) as short_lines,
    coalesce(done.overdue_lines, 0) as overdue_lines,
    coalesce(done.units_received, 0) as units_received,
    coalesce(done.units_damaged, 0) as units_damaged,
    coalesce(price_changes.price_rises, 0) as price_rises,
    coalesce(price_changes.price_cuts, 0) as price_cuts,
    round(price_changes.mean_price_change_percent, 1)::double precision
        as mean_price_change_percent
from catalog.suppliers
left join taken on suppliers.supplier_id = taken.supplier_id
left join done on suppliers.supplier_id = done.supplier_id
left join price_changes on suppliers.supplier_id = price_changes.supplier_id
where
    (%(supplier)s::text is null or suppliers.code = %(supplier)s)
    and (%(after)s::text is null or suppliers.code > %(after)s)
    and (not %(ordered_only)s::boolean or done.lines > 0)
order by suppliers.code
limit %(limit)s::integer;

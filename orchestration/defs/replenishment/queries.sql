-- name: to_plan
-- Every planned product that has a forecast, with how it is bought; sites one after another.
select
    planned.site_id,
    planned.product_id,
    planned.supplier_id,
    planned.lead_time_days,
    planned.pack_size,
    planned.minimum_order_quantity,
    coalesce(products.unit_cost_minor, products.unit_price_minor) as unit_value_minor,
    newest.mean,
    planned.today,
    suppliers.order_days
from marts.mart_planned_products as planned
left join catalog.suppliers on planned.supplier_id = suppliers.supplier_id
inner join marts.dim_products as products
    on planned.product_id = products.product_id
cross join lateral (
    select forecasts.mean
    from planning.forecasts
    where
        forecasts.product_id = planned.product_id
        and forecasts.site_id = planned.site_id
    order by forecasts.issued_at desc
    limit 1
) as newest
order by planned.site_id, planned.product_id

-- name: lead_times_as_taken
-- Of each supplier with enough deliveries of the last two years, how many days each took.
select
    lead_times.supplier_id,
    suppliers.lead_time_days as stated_days,
    array_agg(lead_times.lead_time_days) as taken_days
from purchasing.lead_times
inner join catalog.suppliers on lead_times.supplier_id = suppliers.supplier_id
where lead_times.received_at > now() - interval '2 years'
group by lead_times.supplier_id, suppliers.lead_time_days
having count(*) >= %(enough)s

-- name: distributions
select
    site_id,
    totals
from planning.demand_distributions

-- name: make_new_policies
create temporary table new_policies
(like planning.policies including defaults) on commit drop

-- name: copy_new_policies
copy new_policies (
    product_id, site_id, supplier_id, lead_time_days, review_period_days, service_level,
    mean_daily_demand, reorder_point, order_up_to_level, selling_minimum, refill_minimum,
    pack_size, minimum_order_quantity, arithmetic, refresh_id
) from stdin

-- name: apply_new_policies
-- A policy that says the same keeps its row: what reads on by refresh_id sees only what changed.
insert into planning.policies
select * from new_policies
on conflict (product_id, site_id) do update
set
    supplier_id = excluded.supplier_id,
    lead_time_days = excluded.lead_time_days,
    review_period_days = excluded.review_period_days,
    service_level = excluded.service_level,
    mean_daily_demand = excluded.mean_daily_demand,
    reorder_point = excluded.reorder_point,
    order_up_to_level = excluded.order_up_to_level,
    selling_minimum = excluded.selling_minimum,
    refill_minimum = excluded.refill_minimum,
    pack_size = excluded.pack_size,
    minimum_order_quantity = excluded.minimum_order_quantity,
    arithmetic = excluded.arithmetic,
    refresh_id = excluded.refresh_id,
    computed_at = excluded.computed_at
where
    policies.supplier_id is distinct from excluded.supplier_id
    or policies.arithmetic is distinct from excluded.arithmetic

-- name: drop_policies_not_planned
-- Neither held nor sold for half a year: nothing to keep at hand.
delete from planning.policies
where
    not exists (
        select from marts.mart_planned_products as planned
        where
            planned.product_id = policies.product_id
            and planned.site_id = policies.site_id
    )

-- name: policies_that_contradict_themselves
select
    count(*) as policies,
    count(*) filter (
        where order_up_to_level <= reorder_point
        or reorder_point < 0
        or selling_minimum < 1
        or refill_minimum < 1
    ) as contradicting
from planning.policies

-- name: planned_products_without_a_policy
select
    count(*) as forecast,
    count(*) filter (where policies.product_id is null) as without_a_policy
from marts.mart_planned_products as planned
inner join planning.current_forecasts as newest
    on
        planned.product_id = newest.product_id
        and planned.site_id = newest.site_id
left join planning.policies
    on
        planned.product_id = policies.product_id
        and planned.site_id = policies.site_id

-- name: stock_and_policy
-- What there is at the position that this refresh read to, and what was on order at that position,
-- beside what there should be.
select
    policies.product_id,
    policies.site_id,
    sites.code as site,
    sites.is_simulated,
    policies.supplier_id,
    policies.lead_time_days,
    policies.review_period_days,
    policies.service_level,
    policies.mean_daily_demand,
    policies.reorder_point,
    policies.order_up_to_level,
    policies.selling_minimum,
    policies.refill_minimum,
    policies.pack_size,
    policies.minimum_order_quantity,
    policies.arithmetic,
    planned.on_hand_selling,
    planned.on_hand_behind,
    planned.reserved,
    coalesce(on_order.units, 0)::bigint as on_order,
    products.unit_cost_minor,
    products.currency,
    prices.price_breaks,
    lives.shelf_life_days,
    newest.mean
from planning.policies
inner join marts.mart_planned_products as planned
    on
        policies.product_id = planned.product_id
        and policies.site_id = planned.site_id
left join purchasing.on_order_at(%(to_position)s) as on_order
    on
        policies.product_id = on_order.product_id
        and policies.site_id = on_order.site_id
inner join marts.dim_products as products
    on policies.product_id = products.product_id
inner join catalog.products as prices
    on policies.product_id = prices.product_id
inner join marts.dim_sites as sites
    on policies.site_id = sites.site_id
-- How long it keeps, from when a lot is first named to the day that is printed on it.
left join (
    select
        lots.product_id,
        round(percentile_cont(0.5) within group (
            order by lots.expires_on - lots.first_named_at::date
        ))::integer as shelf_life_days
    from ledger.lots
    where lots.expires_on > lots.first_named_at::date
    group by lots.product_id
) as lives
    on policies.product_id = lives.product_id
cross join lateral (
    select forecasts.mean
    from planning.forecasts
    where
        forecasts.product_id = policies.product_id
        and forecasts.site_id = policies.site_id
    order by forecasts.issued_at desc
    limit 1
) as newest
order by policies.site_id, policies.product_id

-- name: stock_at_places
-- Each place that held a planned product, or that has a par for it.
select
    wanted.product_id,
    wanted.site_id,
    wanted.location_id,
    locations.code,
    locations.is_selling,
    locations.kind = 'in_transit' as is_in_transit,
    locations.refilled_from_location_id,
    locations.capacity,
    coalesce(stock.on_hand, 0)::bigint as on_hand,
    coalesce(stock.reserved, 0)::bigint as reserved,
    coalesce(stock.used_28_days, 0)::bigint as used_28_days,
    coalesce(stock.used_28_days_before, 0)::bigint as used_28_days_before,
    coalesce(stock.used_91_days, 0)::bigint as used_91_days,
    coalesce(
        sites.today - (stock.first_moved_at at time zone sites.time_zone)::date, 0
    ) as days_held,
    sites.today - (stock.last_received_at at time zone sites.time_zone)::date
        as days_since_receipt,
    sites.today - (stock.last_used_at at time zone sites.time_zone)::date as days_since_use,
    par_levels.par,
    coalesce(par_levels.minimum, 0)::bigint as minimum
from (
    select
        fct_place_stock.product_id,
        fct_place_stock.site_id,
        fct_place_stock.location_id
    from marts.fct_place_stock
    union
    select
        with_par.product_id,
        places.site_id,
        with_par.location_id
    from catalog.par_levels as with_par
    inner join marts.dim_locations as places
        on with_par.location_id = places.location_id
) as wanted
inner join planning.policies
    on
        wanted.product_id = policies.product_id
        and wanted.site_id = policies.site_id
inner join marts.dim_sites as sites
    on wanted.site_id = sites.site_id
inner join marts.dim_locations as locations
    on wanted.location_id = locations.location_id
left join marts.fct_place_stock as stock
    on
        wanted.product_id = stock.product_id
        and wanted.location_id = stock.location_id
left join catalog.par_levels
    on
        wanted.product_id = par_levels.product_id
        and wanted.location_id = par_levels.location_id
order by wanted.site_id, wanted.product_id, wanted.location_id

-- name: live_suggestions
-- Locked, so that an approval waits for the plan, or the plan for the approval; in the order in
-- which approvals lock them.
select
    suggestion_id,
    status,
    kind,
    product_id,
    site_id,
    coalesce(location_id, 0) as location_id,
    quantity,
    priority,
    from_site_id,
    from_location_id,
    coalesce((arithmetic -> 'budget' ->> 'within')::boolean, true) as is_within_budget
from planning.suggestions
where status in ('open', 'dismissed')
order by suggestion_id
for update

-- name: waiting_sites
select site_id
from planning.blocked_sites

-- name: open_suggestion
insert into planning.suggestions (
    kind, product_id, site_id, supplier_id, from_site_id, from_location_id, location_id,
    quantity, priority, inventory_position, reorder_point, order_up_to_level,
    days_until_stockout, reason, arithmetic, refresh_id
)
values (
    %(kind)s, %(product_id)s, %(site_id)s, %(supplier_id)s, %(from_site_id)s,
    %(from_location_id)s, %(location_id)s, %(quantity)s, %(priority)s,
    %(inventory_position)s, %(reorder_point)s, %(order_up_to_level)s,
    %(days_until_stockout)s, %(reason)s, %(arithmetic)s, %(refresh_id)s
)

-- name: revise_suggestion
-- The quantity that people saw moved: a new version, so that an old approval is answered. What
-- was turned down asks again, because its reason changed.
update planning.suggestions
set
    version = version + 1,
    status = 'open',
    closed_at = null,
    dismissed_because = null,
    supplier_id = %(supplier_id)s,
    from_site_id = %(from_site_id)s,
    from_location_id = %(from_location_id)s,
    quantity = %(quantity)s,
    priority = %(priority)s,
    inventory_position = %(inventory_position)s,
    reorder_point = %(reorder_point)s,
    order_up_to_level = %(order_up_to_level)s,
    days_until_stockout = %(days_until_stockout)s,
    reason = %(reason)s,
    arithmetic = %(arithmetic)s,
    refresh_id = %(refresh_id)s,
    updated_at = now()
where suggestion_id = %(suggestion_id)s

-- name: close_suggestion
update planning.suggestions
set
    status = 'closed',
    closed_at = now(),
    updated_at = now()
where suggestion_id = %(suggestion_id)s

-- name: plan_by_priority
select
    suggestions.kind,
    suggestions.priority,
    count(*) as lines,
    sum(suggestions.quantity) as units,
    round(sum(suggestions.quantity * products.unit_cost_minor) / 100.0) as cost
from planning.suggestions
inner join marts.dim_products as products
    on suggestions.product_id = products.product_id
where suggestions.status = 'open'
group by suggestions.kind, suggestions.priority
order by
    suggestions.kind,
    min(array_position(
        array['critical', 'high', 'medium', 'low'], suggestions.priority
    ))

-- name: lines_that_do_not_order_up_to_their_level
-- Whole packs, up to S or the minimum order, and not by a pack more; less where a cap says so.
select
    count(*) as lines,
    count(*) filter (
        where suggestions.quantity % terms.pack_size <> 0
        or suggestions.quantity > terms.uncapped
        or (
            suggestions.quantity < terms.uncapped
            and suggestions.arithmetic -> 'caps' = '[]'
        )
        or terms.uncapped < terms.wanted
        or terms.uncapped - terms.pack_size >= terms.wanted
    ) as wrong
from planning.suggestions
cross join lateral (
    select
        (suggestions.arithmetic ->> 'pack_size')::bigint as pack_size,
        (suggestions.arithmetic ->> 'quantity_before_caps')::bigint as uncapped,
        greatest(
            suggestions.order_up_to_level - suggestions.inventory_position,
            (suggestions.arithmetic ->> 'minimum_order_quantity')::bigint
        ) as wanted
) as terms
where suggestions.status = 'open' and suggestions.kind = 'purchase'

-- name: needs_without_a_line
-- At or below s with all that was on order at the position of the newest plan, and yet neither
-- suggested nor turned down.
with needs as (
    select
        policies.product_id,
        policies.site_id
    from planning.policies
    inner join marts.mart_planned_products as planned
        on
            policies.product_id = planned.product_id
            and policies.site_id = planned.site_id
    left join purchasing.on_order_at(
        (
            select refreshes.to_position
            from planning.refreshes
            order by refreshes.refresh_id desc
            limit 1
        )
    ) as on_order
        on
            policies.product_id = on_order.product_id
            and policies.site_id = on_order.site_id
    where
        planned.on_hand_selling + planned.on_hand_behind - planned.reserved
        + coalesce(on_order.units, 0) <= policies.reorder_point
        and not exists (
            select from planning.blocked_sites
            where blocked_sites.site_id = policies.site_id
        )
)

select
    count(*) as needs,
    count(*) filter (
        where not exists (
            select from planning.suggestions
            where
                suggestions.product_id = needs.product_id
                and suggestions.site_id = needs.site_id
                and suggestions.kind in ('purchase', 'transfer')
                and suggestions.status in ('open', 'dismissed')
        )
    ) as without_a_line
from needs

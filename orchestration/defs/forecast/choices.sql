-- name: standing_choices
select distinct on (demand_class)
    demand_class,
    model
from planning.model_choices
where site_id = %(site_id)s
order by demand_class asc, choice_id desc

-- name: store_choice
insert into planning.model_choices
(site_id, demand_class, model, replaced, reason, products, refresh_id)
values (
    %(site_id)s, %(demand_class)s, %(model)s, %(replaced)s, %(reason)s, %(products)s,
    %(refresh_id)s
)

-- name: newest_choices
select
    sites.code as site,
    choices.demand_class,
    choices.products,
    choices.model,
    coalesce(choices.replaced, '') as replaced,
    choices.chosen_at::date as since,
    choices.reason
from planning.model_choices as choices
inner join marts.dim_sites as sites on choices.site_id = sites.site_id
order by choices.choice_id desc
limit %(limit)s

-- A returned row is a product at a site whose position is not the sum of what moved there.
{{ config(meta={'dagster': {'ref': {'name': 'fct_stock_positions'}}}) }}
with

movements as (

    select * from {{ ref('stg_ledger__movements') }}

),

locations as (

    select * from {{ ref('stg_catalog__locations') }}

),

positions as not materialized (

    select * from {{ ref('fct_stock_positions') }}

),

summed as (

    select
        movements.product_id,
        locations.site_id,
        sum(movements.on_hand_change) as on_hand
    from movements
    inner join locations on movements.location_id = locations.location_id
    group by movements.product_id, locations.site_id

)

select
    summed.product_id,
    summed.site_id,
    summed.on_hand,
    positions.on_hand_selling + positions.on_hand_behind as on_hand_in_position
from summed
left join positions
    on
        summed.product_id = positions.product_id
        and summed.site_id = positions.site_id
where
    summed.on_hand
    is distinct from positions.on_hand_selling + positions.on_hand_behind

{{ config(post_hook="analyze {{ this }}") }}
with

movements as (

    select * from {{ ref('stg_ledger__movements') }}

),

locations as (

    select * from {{ ref('stg_catalog__locations') }}

),

moved as (

    select distinct
        movements.product_id,
        locations.site_id
    from movements
    inner join locations on movements.location_id = locations.location_id
    {% if not is_from_scratch('fct_stock_positions') %}
    where movements.position > {{ from_position() }}
    {% endif %}

)

select * from moved

-- A returned row is a product-site that misses closed days of its site, or has days that are none.
{{ config(meta={'dagster': {'ref': {'name': 'fct_daily_demand'}}}) }}
with

facts as (

    select * from {{ ref('fct_daily_demand') }}

),

product_sites as (

    select * from {{ ref('int_product_sites') }}

),

site_days as (

    select * from {{ ref('int_site_days') }}

),

numbered_days as (

    select
        site_id,
        day,
        row_number() over (partition by site_id order by day desc) as days_to_end
    from site_days
    where is_over

),

expected as (

    select
        product_sites.product_id,
        product_sites.site_id,
        max(numbered_days.days_to_end) as days
    from product_sites
    inner join numbered_days
        on
            product_sites.site_id = numbered_days.site_id
            and product_sites.first_day <= numbered_days.day
    group by product_sites.product_id, product_sites.site_id

),

found as (

    select
        product_id,
        site_id,
        count(*) as days
    from facts
    group by product_id, site_id

)

select
    coalesce(expected.product_id, found.product_id) as product_id,
    coalesce(expected.site_id, found.site_id) as site_id,
    expected.days as expected_days,
    found.days as found_days
from expected
full outer join found
    on
        expected.product_id = found.product_id
        and expected.site_id = found.site_id
where expected.days is distinct from found.days

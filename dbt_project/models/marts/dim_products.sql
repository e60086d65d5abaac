with

products as (

    select * from {{ ref('stg_catalog__products') }}

),

suppliers as (

    select * from {{ ref('stg_catalog__suppliers') }}

),

bought_from as (

    select
        -- ids
        products.product_id,
        products.sku,
        products.supplier_id,

        -- what it is
        products.name,
        products.category,

        -- how it is bought and sold
        suppliers.code as supplier,
        coalesce(suppliers.lead_time_days, 7) as lead_time_days,
        products.pack_size,
        products.minimum_order_quantity,
        products.unit_cost_minor,
        products.unit_price_minor,
        products.currency

    from products
    left join suppliers on products.supplier_id = suppliers.supplier_id

)

select * from bought_from

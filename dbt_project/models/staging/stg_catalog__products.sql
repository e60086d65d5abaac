with

source as (

    select * from {{ source('catalog', 'products') }}

),

renamed as (

    select
        -- ids
        product_id,
        sku,
        supplier_id,

        -- what it is
        name,
        coalesce(category, 'uncategorised') as category,

        -- how it is bought and sold
        pack_size,
        minimum_order_quantity,
        unit_cost as unit_cost_minor,
        unit_price as unit_price_minor,
        currency

    from source

)

select * from renamed

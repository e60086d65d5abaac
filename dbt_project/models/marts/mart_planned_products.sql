with

positions as (

    select * from {{ ref('fct_stock_positions') }}

),

sites as (

    select * from {{ ref('dim_sites') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

-- A product is planned where it is held, or was sold in the last 180 days of the site's clock.
planned as (

    select
        -- grain
        positions.product_id,
        positions.site_id,

        -- when
        sites.today,
        coalesce(
            (positions.last_sold_at at time zone sites.time_zone)::date
            between sites.today - 180 and sites.today - 1,
            false
        ) as sells,

        -- how it is bought
        products.category,
        products.supplier_id,
        products.lead_time_days,
        products.pack_size,
        products.minimum_order_quantity,

        -- what is there
        positions.on_hand_selling,
        positions.on_hand_behind,
        positions.reserved

    from positions
    inner join sites on positions.site_id = sites.site_id
    inner join products on positions.product_id = products.product_id
    where
        sites.last_closed_day is not null
        and (
            positions.on_hand_selling + positions.on_hand_behind > 0
            or (positions.last_sold_at at time zone sites.time_zone)::date
            >= sites.today - 180
        )

)

select * from planned

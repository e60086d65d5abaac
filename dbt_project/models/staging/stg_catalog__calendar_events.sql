with

source as (

    select * from {{ source('catalog', 'calendar_events') }}

),

renamed as (

    select
        -- ids
        site_id,
        code,
        product_id,

        -- what is known
        name,
        kind,
        category,
        effect_percent,

        -- of which days
        first_day,
        last_day

    from source

)

select * from renamed

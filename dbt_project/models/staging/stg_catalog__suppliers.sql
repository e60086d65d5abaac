with

source as (

    select * from {{ source('catalog', 'suppliers') }}

),

renamed as (

    select
        supplier_id,
        code,
        name,
        lead_time_days

    from source

)

select * from renamed

with

source as (

    select * from {{ source('catalog', 'sites') }}

),

renamed as (

    select
        site_id,
        code,
        name,
        time_zone,
        is_simulated

    from source

)

select * from renamed

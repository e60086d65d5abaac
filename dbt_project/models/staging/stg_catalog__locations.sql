with

source as (

    select * from {{ source('catalog', 'locations') }}

),

renamed as (

    select
        -- ids
        location_id,
        code,
        site_id,
        refilled_from_location_id,

        -- what it is
        kind,
        name,
        capacity,

        -- A site where no place is marked as selling sells from all of them.
        selling
        or not bool_or(selling) over (partition by site_id) as is_selling,
        metering = 'periodic' as is_periodic

    from source

)

select * from renamed

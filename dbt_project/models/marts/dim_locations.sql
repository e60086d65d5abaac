with

locations as (

    select * from {{ ref('stg_catalog__locations') }}

),

sites as (

    select * from {{ ref('stg_catalog__sites') }}

),

places as (

    select
        -- ids
        locations.location_id,
        locations.code,
        locations.site_id,
        sites.code as site,
        locations.refilled_from_location_id,

        -- what it is
        locations.kind,
        locations.name,
        locations.capacity,
        locations.is_selling,
        locations.is_periodic

    from locations
    inner join sites on locations.site_id = sites.site_id

)

select * from places

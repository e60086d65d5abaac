with

source as (

    select * from {{ source('ledger', 'inventory_events') }}

),

read_so_far as (

    select
        -- ids
        position,
        event_id,
        reverses,
        caused_by,
        product_id,
        location_id,

        -- what
        event_type::text as event_type,
        reason::text as reason,
        quantity,

        -- when
        occurred_at,
        recorded_at

    from source
    where position <= {{ to_position() }}

)

select * from read_so_far

with

source as (

    select * from {{ source('ledger', 'movements') }}

),

read_so_far as (

    select
        -- ids
        position,
        leg,
        product_id,
        location_id,
        lot_id,

        -- quantities
        on_hand_change,
        on_hand_after,
        reserved_after

    from source
    where position <= {{ to_position() }}

)

select * from read_so_far

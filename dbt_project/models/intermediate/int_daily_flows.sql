{{ config(post_hook="analyze {{ this }}") }}
-- A table of its own, because a join by product and day needs to know how many there are. All that
-- happened before the first reopened day stands on the day before it.
with

reopened as (

    select * from {{ ref('int_reopened_product_sites') }}

),

movements as (

    select * from {{ ref('int_reopened_movements') }}

),

flows as (

    select
        movements.product_id,
        movements.site_id,
        greatest(movements.occurred_locally::date, reopened.from_day - 1) as day,

        -- what was asked for
        coalesce(-sum(movements.on_hand_change) filter (
            where movements.event_type in ('sold', 'shipped')
        ), 0)::bigint as sold,
        coalesce(-sum(movements.on_hand_change) filter (
            where
                movements.event_type in ('sold', 'shipped')
                and movements.is_reversed
        ), 0)::bigint as sold_reversed,
        coalesce(sum(movements.on_hand_change) filter (
            where movements.event_type = 'returned' and not movements.is_reversed
        ), 0)::bigint as returned,

        -- what it did to stock
        sum(movements.on_hand_change)::bigint as on_hand_change,
        coalesce(sum(movements.on_hand_change) filter (
            where movements.is_selling
        ), 0)::bigint as selling_change

    from movements
    inner join reopened
        on
            movements.product_id = reopened.product_id
            and movements.site_id = reopened.site_id
    group by movements.product_id, movements.site_id, 3

)

select * from flows

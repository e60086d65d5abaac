-- From a quantity on, all units of an order cost less: {"50": 240}, in minor units of the currency.
alter table catalog.products
add column price_breaks jsonb not null default '{}'
constraint products_price_breaks_are_an_object check (jsonb_typeof(price_breaks) = 'object');

-- What one unit costs in an order of so many.
create function catalog.unit_cost_at(unit_cost bigint, price_breaks jsonb, quantity bigint)
returns bigint
language sql immutable parallel safe
return coalesce(
    (
        select told.value::bigint
        from jsonb_each_text($2) as told
        where told.key::bigint <= $3
        order by told.key::bigint desc
        limit 1
    ),
    $1
);

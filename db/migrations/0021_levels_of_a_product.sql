-- What each place has of one product, in order of location, as the API answers it: a page of
-- StockLevel in JSON. Null where there are more places than a page has rows. A function, since its
-- plan is kept, where the API has the plan of each list made for its filters.
create function ledger.levels_of(
    sought text, seen_sites text[], rows_at_most integer
) returns text
language plpgsql stable
set plan_cache_mode = force_generic_plan
as $$
begin
    return (
        select
            case when count(*) <= rows_at_most then
                '{"items":[' || coalesce(string_agg(
                    '{"sku":' || to_json(sought)
                    || ',"location":' || to_json(locations.code)
                    || ',"site":' || to_json(sites.code)
                    || ',"on_hand":' || levels.on_hand
                    || ',"reserved":' || levels.reserved
                    || ',"available":' || levels.on_hand - levels.reserved
                    || ',"version":' || levels.version
                    || '}', ',' order by locations.code
                ), '') || '],"next_cursor":null}'
            end
        from (
            select
                stock_levels.location_id,
                sum(stock_levels.on_hand)::bigint as on_hand,
                sum(stock_levels.reserved)::bigint as reserved,
                max(stock_levels.version) as version
            from ledger.stock_levels
            where stock_levels.product_id = (
                select products.product_id from catalog.products where products.sku = sought
            )
            group by stock_levels.location_id
        ) as levels
        inner join catalog.locations on levels.location_id = locations.location_id
        inner join catalog.sites on locations.site_id = sites.site_id
        where seen_sites is null or sites.code = any(seen_sites)
    );
end
$$;

-- The plan also moves goods, says what to refill, and tells of what is too much.

-- transfer: from_site_id gives, site_id gets. refill: from_location_id to location_id, within the
-- site. overstock and dead_stock: quantity is what is too much. slow_seller: what is left of it.
-- lower_minimum: by how much the fixed minimum of a place is more than it can use.
alter table planning.suggestions
drop constraint suggestions_kind_known,
add constraint suggestions_kind_known check (
    kind in (
        'purchase', 'transfer', 'refill', 'overstock', 'dead_stock', 'slow_seller',
        'lower_minimum'
    )
),
add column from_site_id integer,
add column from_location_id integer,
add column location_id integer,
add constraint suggestions_transfer_has_a_giver
check ((kind = 'transfer') = (from_site_id is not null)),
add constraint suggestions_refill_has_a_place
check (kind not in ('refill', 'lower_minimum') or location_id is not null);

-- One live line a product, site and kind, and a place where it is about one.
create unique index suggestions_one_live_line
on planning.suggestions (product_id, site_id, kind, coalesce(location_id, 0))
where status in ('open', 'dismissed');
drop index planning.suggestions_one_open;
drop index planning.suggestions_one_live;

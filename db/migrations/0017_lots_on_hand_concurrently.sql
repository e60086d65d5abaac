-- Lots that are there: those that are used up stay as levels of nothing, and become many.
drop index concurrently if exists ledger.stock_levels_lots_on_hand_idx;

create index concurrently stock_levels_lots_on_hand_idx
on ledger.stock_levels (product_id, location_id) where lot_id <> 0 and on_hand > 0;

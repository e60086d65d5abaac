-- What a reservation and a transfer consist of; both are partial, as most events belong to neither.
drop index concurrently if exists ledger.inventory_events_reservation_idx;

create index concurrently inventory_events_reservation_idx
on ledger.inventory_events (reservation) where reservation is not null;

drop index concurrently if exists ledger.inventory_events_transfer_idx;

create index concurrently inventory_events_transfer_idx
on ledger.inventory_events (transfer_id) where transfer_id is not null;

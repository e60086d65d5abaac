-- name: read_lags
-- For the metrics: by indexes only, so a scrape does not grow with the ledger.
select
    (
        select coalesce(max(inventory_events.position), 0)
        from ledger.inventory_events
    ) as head,
    (
        select coalesce(max(refreshes.to_position), 0)
        from planning.refreshes
        where refreshes.status = 'succeeded'
    ) as planned,
    (select evaluation.evaluated_position from alerts.evaluation) as evaluated,
    (select count(*) from alerts.outbox where outbox.sent_at is null) as unsent,
    (
        select count(*)
        from ledger.rejected_events
        where rejected_events.status = 'open'
    ) as rejected

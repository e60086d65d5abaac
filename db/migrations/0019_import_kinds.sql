-- What belongs to products comes in files, too.
alter table catalog.imports
drop constraint imports_kind_known,
add constraint imports_kind_known check (
    kind in (
        'sales', 'counts', 'opening-stock', 'products', 'suppliers', 'locations', 'sites',
        'packs', 'barcodes', 'par-levels', 'recipes'
    )
);

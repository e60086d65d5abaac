-- Where the orders to a supplier are mailed.
create table purchasing.supplier_mail (
    supplier_id integer primary key
        constraint supplier_mail_supplier_fkey references catalog.suppliers,
    email text constraint supplier_mail_email_has_an_at check (email like '%_@_%'),
    version integer not null default 1,
    updated_at timestamptz not null default now(),
    updated_by integer not null
);

-- Below what an order is not taken, in minor units, and on which weekdays orders are.
alter table catalog.suppliers
add column minimum_order_value bigint
constraint suppliers_minimum_order_value_range check (minimum_order_value >= 0),
add column currency text
constraint suppliers_currency_form check (currency ~ '^[A-Z]{3}$'),
add column order_days text
constraint suppliers_order_days_form
check (order_days ~ '^(mon|tue|wed|thu|fri|sat|sun)( (mon|tue|wed|thu|fri|sat|sun))*$'),
add constraint suppliers_minimum_has_a_currency
check (minimum_order_value is null or currency is not null);

"""What is kept, where, and from whom: products, sites, locations, suppliers."""

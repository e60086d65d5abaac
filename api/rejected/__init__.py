"""What machines sent and the ledger could not take, until a person settles it."""

"""The ledger: each inventory event once, what it did, and the stock that it led to."""

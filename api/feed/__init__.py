"""The feed: what is in the ledger, read on from any position."""

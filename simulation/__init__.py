"""Seeded worlds of demand and lead times: the demonstration data, and the world of the tests."""

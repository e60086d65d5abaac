"""Planning and alerting: Dagster's definitions over the database contract; knows nothing of api."""

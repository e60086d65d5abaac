"""The arithmetic of planning and alerting: pure functions, no Dagster, no database."""

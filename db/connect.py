"""Open a psycopg connection as one of the two roles that share the database."""

from typing import Any

import psycopg
from psycopg import sql

API_ROLE = "parstock_api"
ORCHESTRATION_ROLE = "parstock_orchestration"


def connect(
    database_url: str, *, role: str | None = None, autocommit: bool = False
) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection that acts as `role`, or as whoever signed in where it is None."""
    connection = psycopg.connect(
        database_url, autocommit=True, application_name="parstock", connect_timeout=10
    )
    if role is not None:
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
    connection.execute("set time zone 'UTC'")
    connection.autocommit = autocommit
    return connection

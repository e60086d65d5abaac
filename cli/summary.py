"""What `up` says when everything answers: where, how to sign in, and what to do today."""

from collections.abc import Iterator

import psycopg

from cli.database import queries
from cli.parts import api_address, dagster_address
from cli.settings import Settings
from db.connect import API_ROLE, connect

_LINES = 5


def addresses(settings: Settings) -> dict[str, str]:
    """The addresses that a person opens, by what is there."""
    return {
        "Staff pages": api_address(settings) + "/",
        "API documentation": api_address(settings) + "/docs",
        "Dagster": dagster_address(settings) + "/",
    }


def summary(settings: Settings, database_url: str) -> Iterator[str]:
    """The lines, without the password."""
    yield ""
    for name, address in addresses(settings).items():
        yield f"  {name + ':':<19}{address}"
    with connect(database_url, role=API_ROLE, autocommit=True) as connection:
        yield from _alerts(connection)
        yield from _restock_plan(connection)


def _alerts(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[str]:
    rows = connection.execute(queries.open_alerts.text.encode(), {"lines": _LINES}).fetchall()
    yield ""
    yield f"  Open alerts: {rows[0][2] if rows else 'none'}"
    for severity, message, _ in rows:
        yield f"    {severity}: {message}"


def _restock_plan(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[str]:
    rows = connection.execute(queries.restock_plan.text.encode(), {"lines": _LINES}).fetchall()
    yield ""
    yield f"  Restock plan: {f'{rows[0][6]} lines' if rows else 'nothing to buy'}"
    for priority, quantity, sku, name, site, reason, _ in rows:
        yield f"    {priority}: buy {quantity} of {sku} ({name}) for {site}. {reason}"

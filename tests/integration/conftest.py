"""A small simulated arcade in a database of a test's own."""

import asyncio
import itertools
from collections.abc import Iterator

import psycopg
import pytest

from db.embedded import EmbeddedPostgres
from simulation.seed import seed_arcade

_SMALL_ARCADE = "parstock_small_arcade"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def small_arcade_template(postgres: EmbeddedPostgres, template: str) -> str:
    """The name of a database with 60 products and 60 days of history that end now, to clone."""
    postgres.create_database(_SMALL_ARCADE, template=template)
    seeding = seed_arcade(postgres.url(_SMALL_ARCADE), tell=lambda line: None, scale="small")
    asyncio.run(seeding)
    return _SMALL_ARCADE


@pytest.fixture
def small_arcade_url(postgres: EmbeddedPostgres, small_arcade_template: str) -> Iterator[str]:
    """The address of a small simulated arcade of this test's own."""
    name = f"arcade_{next(_numbers)}"
    postgres.create_database(name, template=small_arcade_template)
    yield postgres.url(name)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("drop database {} with (force)").format(psycopg.sql.Identifier(name))
        )

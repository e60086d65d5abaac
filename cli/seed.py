"""`parstock seed`: the simulated arcade, in an empty database."""

import click


@click.command("seed")
def command() -> None:
    """Fill an empty database with the simulated arcade, which says that it is simulated.

    `up` and `start` do this by themselves unless PARSTOCK_DEMO=0. A database that has products or
    events is left as it is; a seeding that was interrupted is finished.
    """
    import asyncio

    from cli.database import database, queries
    from cli.settings import read_settings
    from db.connect import connect
    from simulation.seed import seed_arcade

    with database(read_settings(), tell=click.echo) as database_url:
        with connect(database_url, autocommit=True) as connection:
            wanted = connection.execute(queries.wants_seed.text.encode()).fetchone()
            if wanted is None or not wanted[0]:
                click.echo("The database is not empty; nothing was added.")
                return
            connection.execute(queries.seed_begins.text.encode(), {"world": "arcade"})
        asyncio.run(seed_arcade(database_url, tell=click.echo))
        with connect(database_url, autocommit=True) as connection:
            connection.execute(queries.seed_ends.text.encode(), {"world": "arcade"})

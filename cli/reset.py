"""`parstock reset`: delete what Parstock keeps, and nothing else."""

import shutil
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cli.home import Home
    from cli.settings import Settings


@click.command("reset")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(yes: bool) -> None:
    """Delete all of Parstock's data: its schemas in the database, its files in PARSTOCK_HOME.

    Refused while Parstock runs. In a DATABASE_URL only Parstock's own schemas are dropped.
    """
    from cli.home import Home
    from cli.settings import read_settings

    settings = read_settings()
    home = Home(settings.home)
    with home.held():
        if settings.database_url is not None:
            _reset_server(settings.database_url, yes=yes)
        else:
            _reset_embedded(settings, home, yes=yes)
        home.delete()
    click.echo("Deleted.")
    if home.backups.exists():
        click.echo(f"The backups in {home.backups} are left.")


def _reset_server(database_url: str, *, yes: bool) -> None:
    from psycopg import sql

    from cli.database import installed_schemas, queries, refuse_unreachable
    from cli.settings import StartError
    from db.connect import connect

    refuse_unreachable(database_url)
    with connect(database_url, autocommit=True) as connection:
        free = connection.execute(queries.try_supervisor_lock.text.encode()).fetchone()
        if free is None or not free[0]:
            raise StartError("Parstock runs on this database: stop it first.")
        schemas = installed_schemas(database_url)
        _ask(f"the schemas {', '.join(schemas) or '(none)'} of this database", yes=yes)
        with connection.transaction():
            for schema in schemas:
                connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)))


def _reset_embedded(settings: "Settings", home: "Home", *, yes: bool) -> None:
    from cli.database import embedded
    from cli.processes import stop_orphans

    cluster = embedded(settings, tell=lambda line: None)
    _ask(f"all of Parstock's data in {home.path}", yes=yes)
    stop_orphans(home, click.echo)
    cluster.stop()
    cluster.delete()
    if cluster.data.parent != home.path:  # the system folder that stands in for it
        shutil.rmtree(cluster.data.parent, ignore_errors=True)


def _ask(what: str, *, yes: bool) -> None:
    if not yes:
        click.confirm(f"Delete {what}? This cannot be undone", abort=True)

"""`parstock restore FILE`: a backup takes the place of what is in the database."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cli.settings import Settings


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(file: Path, yes: bool) -> None:
    """Put a backup in the place of Parstock's data in the database; asks first.

    All or nothing. What was there is backed up to PARSTOCK_HOME/backups before. The feed gets a
    new epoch, so that its readers rebuild; everyone signs in again; the next start plans anew.
    """
    from cli.archive import (
        alone_on,
        copy_images,
        events_in,
        holds_something,
        put_back,
        refuse_unknown,
        tools_of,
    )
    from cli.database import database
    from cli.home import Home
    from cli.settings import StartError, read_settings
    from db.migrate import MigrationError, migrate

    settings = read_settings()
    with database(settings, tell=click.echo) as database_url, alone_on(database_url):
        tools = tools_of(database_url)
        refuse_unknown(file, tools)
        if holds_something(database_url):
            _ask(events_in(database_url), file, yes=yes)
            click.echo(f"What is there was kept in {_keep(settings, database_url)}")
        put_back(database_url, file, tools)
        try:
            migrate(database_url, tell=click.echo)
        except MigrationError as error:
            raise StartError(str(error)) from error
        restored = events_in(database_url)
    click.echo(f"Restored up to event {restored:,}; every level is the sum of its movements.")
    copy_images(file.absolute().parent / "images", Home(settings.home).images)
    click.echo(
        "Readers of the feed find a new epoch and start again. Everyone signs in again. Device "
        "keys that were revoked after the backup are valid again: revoke them."
    )


def _ask(events: int, file: Path, *, yes: bool) -> None:
    what = f"the {events:,} events in this database, and all else that Parstock has in it"
    if not yes:
        click.confirm(f"Replace {what}, by {file}?", abort=True)


def _keep(settings: "Settings", database_url: str) -> Path:
    from datetime import UTC, datetime

    from cli.archive import file_name, write_backup
    from cli.home import Home

    file = Home(settings.home).backups / file_name(datetime.now(UTC), "-before-restore")
    write_backup(database_url, file)
    return file

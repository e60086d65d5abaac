"""`parstock backup`: the database in one file, while everything goes on."""

from pathlib import Path

import click


@click.command("backup")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def command(file: Path | None) -> None:
    """Write a consistent backup, to FILE or into PARSTOCK_HOME/backups, while everything goes on.

    In that folder the newest PARSTOCK_BACKUPS_KEPT stay, and a running Parstock with its embedded
    database adds one every night. The pictures of products are kept in a folder `images` beside
    it. `parstock restore FILE` puts one back.
    """
    from datetime import UTC, datetime

    from cli.archive import copy_images, file_name, prune, write_backup
    from cli.database import database
    from cli.home import Home
    from cli.settings import read_settings

    settings = read_settings()
    home = Home(settings.home)
    folder = home.backups
    target = folder / file_name(datetime.now(UTC)) if file is None else file.absolute()
    with database(settings, tell=lambda line: click.echo(line, err=True)) as database_url:
        write_backup(database_url, target)
    copy_images(home.images, target.parent / "images")
    if file is None:
        for old in prune(folder, keep=max(settings.backups_kept, 1)):
            click.echo(f"deleted {old.name}", err=True)
    click.echo(f"{target} ({target.stat().st_size / 1e6:,.1f} MB)")

"""`parstock migrate`: the schema and the first user, and nothing started."""

import click


@click.command("migrate")
def command() -> None:
    """Bring the database to this version's schema, and make its first user, `admin`.

    `up` and `start` do this by themselves.
    """
    from cli.admin import ensure_admin
    from cli.database import database
    from cli.settings import StartError, read_settings
    from db.migrate import MigrationError, migrate

    settings = read_settings()
    with database(settings, tell=click.echo) as database_url:
        try:
            applied = migrate(database_url, tell=click.echo)
        except MigrationError as error:
            raise StartError(str(error)) from error
        made_password = ensure_admin(database_url, settings.admin_password)
        click.echo(f"{len(applied)} migrations were applied." if applied else "Nothing to apply.")
        if made_password is not None:
            click.echo(f"Sign in as admin, password {made_password} (shown only now)")

"""`parstock keys`: keys for the devices that record events."""

import click


@click.group("keys")
def command() -> None:
    """Make keys for tills, scanners and shop systems: `Authorization: Bearer <key>`."""


@command.command("create")
@click.option("--name", required=True, help="The device, for example till-1; a name is used once.")
def create(name: str) -> None:
    """Make a key. It stands alone on the last line, is shown once, and only its hash is kept."""
    from api.problems import Problem
    from cli.admin import create_device_key
    from cli.database import database
    from cli.settings import StartError, read_settings

    def tell(line: str) -> None:
        click.echo(line, err=True)

    with database(read_settings(), tell=tell) as database_url:
        try:
            key = create_device_key(database_url, name)
        except Problem as problem:
            raise StartError(problem.detail) from problem
    click.echo(f"The key of {name}, shown only now:")
    click.echo(key)

"""`parstock status`: what runs."""

import sys
import time

import click


@click.command("status")
def command() -> None:
    """Say which parts run, where they answer and since when; exit code 3 when nothing does."""
    from cli.home import Home
    from cli.settings import read_settings

    home = Home(read_settings().home)
    running = home.supervisor()
    parts = home.parts()
    left = [name for name, record in parts.items() if record.alive]
    if running is None:
        click.echo(f"Parstock does not run in {home.path}.")
        if left:
            click.echo(f"A killed supervisor left: {', '.join(left)}. `parstock stop` ends them.")
        sys.exit(3)
    click.echo(f"Parstock: {running.state} (process {running.process.pid}, home {home.path})")
    for name, address in running.addresses.items():
        click.echo(f"  {name + ':':<19}{address}")
    for name, record in parts.items():
        state = f"runs for {_span(record.began_at)}" if record.alive else "is down"
        click.echo(f"  {name + ':':<19}{state} (process {record.pid})")
    sys.exit(0 if len(left) == len(parts) else 1)


def _span(began_at: float) -> str:
    seconds = int(time.time() - began_at)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s"

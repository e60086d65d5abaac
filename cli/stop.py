"""`parstock stop`: end what `up` or `start` started."""

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cli.home import Home
    from cli.settings import Settings

_STOP_WITHIN_S = 90.0


@click.command("stop")
def command() -> None:
    """Stop everything that `up` or `start` started, also what a killed one left; data stay."""
    from cli.home import Home
    from cli.settings import StartError, read_settings

    settings = read_settings()
    home = Home(settings.home)
    running = home.supervisor()
    if running is not None:
        click.echo(f"Stopping Parstock (process {running.process.pid})")
        with suppress(ProcessLookupError):
            os.kill(running.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_WITHIN_S
        while running.process.alive:
            if time.monotonic() > deadline:
                raise StartError(f"It has not stopped after {_STOP_WITHIN_S:.0f} s.")
            time.sleep(0.1)
        click.echo("Stopped; the data stay for the next start.")
    elif not _stop_what_is_left(home, settings):
        click.echo(f"Parstock does not run in {home.path}.")


def _stop_what_is_left(home: "Home", settings: "Settings") -> bool:
    """The parts and the database of a supervisor that was killed."""
    from cli.database import embedded
    from cli.processes import stop_orphans

    if not home.run.exists():
        return False
    with home.held():
        left = any(record.alive for record in home.parts().values())
        stop_orphans(home, click.echo)
        if settings.database_url is None:
            cluster = embedded(settings, tell=lambda line: None)
            if cluster.pid() is not None:
                left = True
                click.echo("stopping the embedded PostgreSQL")
                cluster.stop()
    return left

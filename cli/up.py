"""`parstock up`: everything, in the foreground."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import click


class _Voice:
    """Says each line with the time since the start, here and in logs/supervisor.log."""

    def __init__(self, log: Path) -> None:
        self._began_at = time.monotonic()
        self._log: TextIO = log.open("a", encoding="utf-8")

    def tell(self, line: str) -> None:
        said = f"{time.monotonic() - self._began_at:6.1f} s  {line}" if line.strip() else ""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        self._log.write(f"{stamp} {line}\n" if line.strip() else "\n")
        self._log.flush()
        self.show_once(line if line.startswith("  ") else said)

    def show_once(self, line: str) -> None:
        """Show it and keep it nowhere."""
        with suppress(OSError):  # whoever waited for a start in the background may be gone
            click.echo(line)
            sys.stdout.flush()

    def leave(self) -> None:
        """From here on there is only the log: whoever reads our output sees its end."""
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (1, 2):
            os.dup2(nothing, descriptor)
        os.close(nothing)


@click.command("up")
@click.option("--background", is_flag=True, hidden=True)
def command(background: bool) -> None:
    """Start everything in the foreground: the database, the API with the staff pages, Dagster.

    Ctrl-C stops all that it started and nothing else; the data stay.
    """
    from cli.home import Home
    from cli.settings import read_settings

    settings = read_settings()  # before the rest is imported: a wrong one is said at once
    from cli.supervisor import Supervisor

    home = Home(settings.home)
    home.make()
    voice = _Voice(home.logs / "supervisor.log")

    def ready() -> None:
        if background:
            voice.show_once("  Stop: make stop (or parstock stop)")
            voice.leave()
        else:
            voice.show_once("  Stop: Ctrl-C")

    Supervisor(settings, tell=voice.tell, show_once=voice.show_once, ready=ready).run()

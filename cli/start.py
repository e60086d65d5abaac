"""`parstock start`: what `up` does, in the background."""

import sys

import click


@click.command("start")
def command() -> None:
    """Start everything in the background, and return when it answers.

    `parstock status` says what runs, `parstock logs` what it says, `parstock stop` ends it.
    """
    import subprocess

    from cli.home import Home
    from cli.parts import ROOT
    from cli.settings import read_settings

    settings = read_settings()
    home = Home(settings.home)
    running = home.supervisor()
    if running is not None:
        click.echo(f"Parstock already runs (process {running.process.pid}, home {home.path}).")
        return
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "up", "--background"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        for line in process.stdout or ():
            click.echo(line, nl=False)
    except KeyboardInterrupt:
        click.echo("It goes on starting in the background; `parstock stop` ends it.")
        return
    code = process.poll()
    if code is None and home.supervisor() is not None:
        return
    sys.exit(process.wait() or 1)

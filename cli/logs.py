"""`parstock logs`: what the parts say."""

import time
from pathlib import Path

import click

_TURN_S = 0.3


@click.command("logs")
@click.argument("part", required=False)
@click.option("-n", "--lines", default=20, show_default=True, help="How many lines of each part.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines until Ctrl-C.")
def command(part: str | None, lines: int, follow: bool) -> None:
    """Show the last log lines of all parts, or of PART (api, dagster, daemon, postgres, ...)."""
    from cli.home import Home
    from cli.settings import StartError, read_settings

    home = Home(read_settings().home)
    logs = {path.stem: path for path in sorted(home.logs.glob("*.log"))}
    if part is not None and part not in logs:
        known = ", ".join(logs) or "none yet"
        raise StartError(f"There is no log of {part!r} in {home.logs}; there is: {known}.")
    chosen = {name: path for name, path in logs.items() if part in (None, name)}
    for name, path in chosen.items():
        for line in path.read_text("utf-8", "replace").splitlines()[-lines:] if lines else ():
            _show(name, line, alone=part is not None)
    if follow:
        _follow(chosen, alone=part is not None)


def _show(name: str, line: str, *, alone: bool) -> None:
    click.echo(line if alone else f"{name:>10} | {line}")


def _follow(logs: dict[str, Path], *, alone: bool) -> None:
    ends = {name: path.stat().st_size for name, path in logs.items()}
    try:
        while True:
            for name, path in logs.items():
                size = path.stat().st_size
                if size < ends[name]:  # it was rotated
                    ends[name] = 0
                if size > ends[name]:
                    with path.open("rb") as file:
                        file.seek(ends[name])
                        new = file.read(size - ends[name])
                    whole, newline, _ = new.rpartition(b"\n")
                    ends[name] += len(whole) + len(newline)
                    for line in whole.decode("utf-8", "replace").splitlines():
                        _show(name, line, alone=alone)
            time.sleep(_TURN_S)
    except KeyboardInterrupt:
        return

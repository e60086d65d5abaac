"""`parstock export KIND FILE`: everything of a kind, as a file that imports again unchanged."""

import sys
import tempfile
from pathlib import Path
from typing import cast

import click
import psycopg

from api.exports.schemas import FORMATS, Format
from api.exports.writer import write_export
from api.imports.schemas import KINDS, Kind
from api.problems import Problem
from cli.database import database
from cli.settings import StartError, read_settings


def _format(path: Path) -> Format:
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise click.BadParameter(
            f"{path}: a name that ends in {', '.join(f'.{name}' for name in FORMATS)} is expected.",
            param_hint="FILE",
        )
    return cast(Format, suffix)


@click.command(name="export")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def command(kind: Kind, file: Path) -> None:
    """Write everything of a kind to a CSV, Excel or Parquet file.

    The file imports again unchanged: into an empty database it makes the same, into this one it
    changes nothing.
    """
    format_ = _format(file)
    with database(read_settings(), tell=lambda line: click.echo(line, err=True)) as url:
        try:
            lines = _write(kind, format_, file, url)
        except (Problem, OSError, psycopg.Error) as error:
            reason = error.detail if isinstance(error, Problem) else str(error)
            raise StartError(f"Nothing was exported: {reason}") from error
    click.echo(f"{file}: {lines:,} line{'' if lines == 1 else 's'} of {kind}.", file=sys.stdout)


def _write(kind: Kind, format_: Format, file: Path, url: str) -> int:
    """Beside the file first, so that what is there is replaced whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=".parstock-export-", dir=file.parent) as folder:
        made = Path(folder) / file.name
        lines = write_export(kind, format_, made, database_url=url)
        made.replace(file)
    return lines

"""`parstock import FILE`: sales, stock or master data from a CSV, Excel or Parquet file."""

import asyncio
import gc
import sys
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import click

from api.imports.errors import ImportRefused
from api.imports.schemas import (
    EVENT_KINDS,
    KINDS,
    PROFILES,
    ImportOptions,
    ImportReport,
    Outcome,
    Progress,
)
from api.imports.service import import_file
from api.problems import Problem
from cli.database import database, embedded
from cli.settings import Settings, read_settings
from db.migrate import MigrationError, migrate

_TELL_EVERY_S = 1.0
# Events come and go by the ten thousand and hold no cycles; at Python's own threshold of 700 the
# collector walks them again and again, for two fifths of the time of recording.
_COLLECT_AFTER_OBJECTS = 500_000
_COLUMN_HELP = (
    "Which column holds a field, as in sku=StockCode (docs/import.md lists the fields). May be "
    "repeated; the others are guessed."
)


class _Refused(click.ClickException):
    """The file or an option cannot be used; nothing was written."""

    exit_code = 2

    def show(self, file: object = None) -> None:
        click.echo(self.message, err=True)


class _CutOff(click.ClickException):
    """The database went away or stayed busy; running the import again finishes it."""

    exit_code = 1

    def show(self, file: object = None) -> None:
        click.echo(self.message, err=True)


class _ProgressLine:
    """One line a step that changes in place on a terminal, else a line a second."""

    def __init__(self) -> None:
        self._told_at = 0.0
        self._step = ""
        self._in_place = sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        is_new = progress.step != self._step
        is_done = 0 < progress.total <= progress.done
        if not is_new and not is_done and now - self._told_at < _TELL_EVERY_S:
            return
        text = f"{progress.step} ..."
        if progress.total and progress.done:
            share = progress.done / progress.total
            text = f"{progress.step} {progress.done:,} of {progress.total:,} ({share:.0%})"
        if self._in_place:
            start = "\n" if is_new and self._step else "\r\x1b[K"
            click.echo(start + text, err=True, nl=False)
        else:
            click.echo(text, err=True)
        self._told_at, self._step = now, progress.step

    def end(self) -> None:
        if self._in_place and self._step:
            click.echo("", err=True)


def _pairs(
    context: click.Context, parameter: click.Parameter, said: tuple[str, ...]
) -> dict[str, str]:
    found = {}
    for pair in said:
        name, equals, column = pair.partition("=")
        if not (name and equals and column):
            expected = "FIELD=COLUMN is expected, as in sku=StockCode."
            if parameter.name == "constants":
                expected = "FIELD=VALUE is expected, as in supplier=toys."
            raise click.BadParameter(f"{pair}: {expected}")
        found[name.strip()] = column
    return found


def _kind(context: click.Context, parameter: click.Parameter, said: str | None) -> str | None:
    """A count was called stock in the first release."""
    return "counts" if said == "stock" else said


def _moment(
    context: click.Context, parameter: click.Parameter, said: str | None
) -> datetime | None:
    if said is None:
        return None
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        raise click.BadParameter(
            f"{said}: a time with a zone is expected, as in 2026-01-31T18:00+01:00."
        ) from None


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--kind",
    type=click.Choice((*KINDS, "stock")),
    callback=_kind,
    help="What the file holds; else guessed.",
)
@click.option("--profile", type=click.Choice(PROFILES), help="How lines are read; else guessed.")
@click.option("--column", "columns", multiple=True, callback=_pairs, help=_COLUMN_HELP)
@click.option(
    "--constant",
    "constants",
    multiple=True,
    callback=_pairs,
    help="A field that is the same in every line, as in supplier=toys. May be repeated.",
)
@click.option("--sheet", help="Which sheet of an Excel workbook; else the first that is shown.")
@click.option("--date-format", help='How dates are written, as in "%d/%m/%Y %H:%M".')
@click.option("--decimal-comma", is_flag=True, help="Numbers are written as in 1.234,50.")
@click.option("--product-code", help="What a product's code looks like (a regular expression).")
@click.option("--site", help="Code of the site; else from the file's name. Made if missing.")
@click.option("--location", help="Code of the place for lines that name none.")
@click.option("--time-zone", help="Of a new site and of times without a zone. Default UTC.")
@click.option("--currency", help="Of the prices; else the catalog's, else USD.")
@click.option("--source", help="Name of the source; lines are known again by it.")
@click.option("--counted-at", callback=_moment, help="When stock without dates was counted.")
@click.option("--shift-to-today", is_flag=True, help="Move old history by whole weeks to end now.")
@click.option(
    "--opening-cover-days",
    type=int,
    default=56,
    show_default=True,
    help="Days of average sales assumed to be left at the end, where stock is unknown.",
)
@click.option("--mapping", help="Read the file as the mapping of this name says.")
@click.option("--save-mapping", help="Keep how this file was read under a name.")
@click.option("--dry-run", is_flag=True, help="Check and report everything, write nothing.")
def command(file: Path, **said: Any) -> None:
    """Import sales, stock or master data from a CSV, Excel or Parquet file.

    Lines that were imported before are not recorded again, so the same file, or a longer export of
    the same source, can be imported at any time.
    """
    settings = read_settings()
    options = ImportOptions(path=file, **said)
    began = time.monotonic()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS)
    with ExitStack() as stack:
        url = _database_url(settings, stack, dry_run=options.dry_run)
        tell = _ProgressLine()
        try:
            report = asyncio.run(
                import_file(
                    options,
                    database_url=url,
                    rejected=None
                    if options.dry_run
                    else settings.home / "imports" / f"{file.name}.rejected.csv",
                    tell=tell,
                )
            )
        except ImportRefused as refusal:
            raise _Refused(str(refusal)) from refusal
        except (Problem, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            reason = error.detail if isinstance(error, Problem) else str(error)
            raise _CutOff(
                f"The import was cut off: {reason} Run it again to finish it; no line is recorded "
                "twice."
            ) from error
        finally:
            tell.end()
    for line in describe(report, file.name, seconds=time.monotonic() - began):
        click.echo(line)
    if report.refused:
        raise SystemExit(1)


def _database_url(settings: Settings, stack: ExitStack, *, dry_run: bool) -> str | None:
    """A migrated database; a dry run does without where none runs."""

    def say(line: str) -> None:
        click.echo(line, err=True)

    if dry_run and settings.database_url is None:
        cluster = embedded(settings, tell=say)
        if cluster.pid() is None:
            say("No database runs, so the file is not compared with what is recorded.")
            return None
    url = stack.enter_context(database(settings, tell=say))
    if not dry_run:
        try:
            migrate(url, tell=say)
        except MigrationError as error:
            raise _Refused(str(error)) from error
    return url


def describe(report: ImportReport, file_name: str, *, seconds: float) -> list[str]:
    """The report as lines for a terminal."""
    guessed = ", ".join(f"{field}={column}" for field, column in report.columns.items())
    kind = "invoice lines (sales)" if report.profile == "invoice-lines" else report.kind
    lines = [f"{file_name}: {_many(report.lines, 'line')} read as {kind}: {guessed}.", ""]
    lines += ["Each line has one outcome:"]
    for outcome, count in report.outcomes.items():
        if outcome is Outcome.CANCELLATION and not count and report.profile == "plain":
            continue
        of = (
            f"  of {_many(report.products_sold, 'product')}"
            if outcome is Outcome.SALE
            else f"  ({', '.join(report.codes_without_product)} ...)"
            if outcome is Outcome.NO_PRODUCT and report.codes_without_product
            else ""
        )
        lines.append(f"  {count:>9,}  {outcome}{of}")
    if report.overlaps:
        lines += ["", "Counted over the whole file, each by itself (these overlap):"]
        lines += [f"  {overlap.lines:>9,}  {overlap.name}" for overlap in report.overlaps]
    lines += [*_rejected(report), "", *_what_was_done(report)]
    lines += [f"Note: {note}" for note in report.notes]
    verb = "Read" if report.dry_run else "Imported"
    return [*lines, f"{verb} in {seconds:.1f} s."]


def _rejected(report: ImportReport) -> list[str]:
    lines = ["", "Rejected lines:"] if report.rejections else []
    for found in report.rejections:
        rows = ", ".join(str(row) for row in found.first_rows)
        more = ", ..." if found.lines > len(found.first_rows) else ""
        example = f", such as {found.example!r}" if found.example else ""
        expected = f"; expected {found.expected}" if found.expected else ""
        lines.append(
            f"  {found.lines:>9,}  {found.reason} ({found.field}{example}; rows {rows}{more})"
            f"{expected}"
        )
    if report.rejected_file is not None:
        lines.append(
            f"  all of them: {report.rejected_file} (mend them there and import that file)"
        )
    return lines


def _what_was_done(report: ImportReport) -> list[str]:
    """What went into the ledger and the catalog, and what was assumed."""
    lines = []
    if report.openings:
        lines.append(
            f"Stock was unknown before this history, so it is assumed: "
            f"{_many(report.openings, 'opening balance')} of {_many(report.opening_units, 'unit')} "
            "in all, enough that no level falls below zero, with some days of average sales left "
            "at the end (--opening-cover-days)."
        )
    if report.dry_run:
        lines.append("Dry run: nothing was written.")
    elif report.kind in EVENT_KINDS:
        before = f"{report.already_recorded:,} were recorded before"
        lines.append(f"Recorded {_many(report.recorded, 'event')}; {before}.")
    if report.products_made or report.locations_made:
        would = "would be made" if report.dry_run else "made"
        lines.append(
            f"{_many(report.products_made, 'product')} and "
            f"{_many(report.locations_made, 'location')} {would} at the site {report.site} "
            f"(time zone {report.time_zone})."
        )
    if report.sites_made:
        lines.append(f"{_many(report.sites_made, 'site')} made for them (time zone: --time-zone).")
    return lines


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

"""Where an import's events belong: its source, site, default location, clock and shift."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from api.database import DatabaseConnection
from api.imports.errors import HistoryMoved, OptionUnusable
from api.imports.naming import SITE_WITHOUT_A_NAME, site_of, source_of
from api.imports.schemas import ImportOptions
from db.sql import Query, load_queries

queries = load_queries(__file__)


@dataclass(frozen=True)
class Place:
    """`shifted_days` is None where this source was never imported before."""

    source: str
    site: str
    location: str
    time_zone: str
    makes_site: bool
    shifted_days: int | None
    notes: tuple[str, ...] = ()


async def fetch(
    connection: DatabaseConnection, query: Query, **values: Any
) -> list[dict[str, Any]]:
    """The rows of a named query."""
    records = await connection.fetch(query.positional, *query.arguments(values))
    return [dict(record) for record in records]


async def settle_place(
    connection: DatabaseConnection | None, options: ImportOptions, written_locations: list[str]
) -> Place:
    """What was said, else what the first import of this source did, else what names say."""
    source = options.source or source_of(options.called)
    if connection is None:
        site = options.site or site_of(source) or SITE_WITHOUT_A_NAME
        return _place_of_a_new_source(options, source, site, None, None)
    first = await fetch(connection, queries.find_first_import, source=source)
    if first:
        return _place_of_the_first_import(options, source, first[0])
    site = options.site or await _site_by_content(connection, source, written_locations, options)
    found = await fetch(connection, queries.find_site, site=site)
    selling = await fetch(connection, queries.find_selling_locations, site=site)
    spread = options.site is None and await _are_all_known(connection, written_locations)
    place = _place_of_a_new_source(
        options,
        source,
        site,
        str(found[0]["time_zone"]) if found else None,
        str(selling[0]["code"]) if len(selling) == 1 else None,
    )
    # A file whose places are all there, as an export's are, may speak of several sites.
    elsewhere = [place.location] if spread else [place.location, *written_locations]
    await _refuse_locations_elsewhere(connection, place, elsewhere)
    return place


def shift_for(
    place: Place, options: ImportOptions, *, last_day: date, today: date
) -> tuple[int, list[str]]:
    """By how many days history is moved, in whole weeks, so that it ends yesterday at the latest.

    A source keeps the shift of its first import: by another one its events would stand twice.
    """
    if place.shifted_days is not None:
        if options.shift_to_today and place.shifted_days == 0:
            raise HistoryMoved(
                f"{place.source} was imported at its own dates before, so its history stays there; "
                "import it under another --source and --site to move it."
            )
        if place.shifted_days:
            weeks = place.shifted_days // 7
            return place.shifted_days, [
                f"As at the first import of {place.source}, every date is moved by {weeks} weeks."
            ]
        return 0, []
    age_days = (today - last_day).days - 1
    if not options.shift_to_today:
        late = [
            f"This history ends on {last_day}; a plan is made for the day after. "
            "--shift-to-today at a first import moves it to end yesterday."
        ]
        return 0, late if age_days > 7 else []
    weeks = age_days // 7
    if weeks <= 0:
        return 0, [f"This history ends on {last_day}, so there is nothing to move."]
    return weeks * 7, [
        f"Every date is moved by {weeks} whole weeks: what ended on {last_day} now ends on "
        f"{date.fromordinal(last_day.toordinal() + weeks * 7)}."
    ]


def _place_of_the_first_import(options: ImportOptions, source: str, first: dict[str, Any]) -> Place:
    for name, said, kept in (
        ("--site", options.site, first["site"]),
        ("--location", options.location, first["location"]),
        ("--time-zone", options.time_zone, first["time_zone"]),
    ):
        if said is not None and said != kept:
            raise HistoryMoved(
                f"{name} {said}: {source} was imported with {kept} before, and what was recorded "
                "stays; leave the option out, or give another --source."
            )
    return Place(
        source=source,
        site=str(first["site"]),
        location=str(first["location"]),
        time_zone=str(first["time_zone"]),
        makes_site=False,
        shifted_days=int(first["shifted_days"]),
    )


def _place_of_a_new_source(
    options: ImportOptions,
    source: str,
    site: str,
    zone_of_site: str | None,
    only_selling_location: str | None,
) -> Place:
    if options.time_zone is not None and zone_of_site not in (None, options.time_zone):
        raise OptionUnusable(
            f"--time-zone {options.time_zone}: the site {site} lives by {zone_of_site}."
        )
    zone = options.time_zone or zone_of_site
    notes = [] if zone else ["No time zone was said, so times are taken as UTC (--time-zone)."]
    return Place(
        source=source,
        site=site,
        location=options.location or only_selling_location or f"{site}-shelf",
        time_zone=zone or "UTC",
        makes_site=zone_of_site is None,
        shifted_days=None,
        notes=tuple(notes),
    )


async def _site_by_content(
    connection: DatabaseConnection, source: str, written: list[str], options: ImportOptions
) -> str:
    """That of the places it names, of several the first; else its own name; else the only one."""
    named = [*written, *([options.location] if options.location else [])]
    known = await fetch(connection, queries.find_known_locations, locations=named)
    sites = sorted({str(row["site"]) for row in known})
    if len(sites) == 1 or (sites and len({row["code"] for row in known}) == len(set(named))):
        return sites[0]
    own = site_of(source)
    if own is not None:
        return own
    real = [str(row["code"]) for row in await fetch(connection, queries.find_real_sites)]
    if len(real) > 1:
        raise OptionUnusable(f"Say whose file this is with --site; there are {', '.join(real)}.")
    return real[0] if real else SITE_WITHOUT_A_NAME


async def _refuse_locations_elsewhere(
    connection: DatabaseConnection, place: Place, named: list[str]
) -> None:
    known = await fetch(connection, queries.find_known_locations, locations=named)
    for row in known:
        if row["site"] != place.site:
            raise OptionUnusable(
                f"The location {row['code']} belongs to the site {row['site']}, not to "
                f"{place.site}: say --site {row['site']}, or --location for one of {place.site}."
            )


async def _are_all_known(connection: DatabaseConnection, written: list[str]) -> bool:
    known = await fetch(connection, queries.find_known_locations, locations=written)
    return bool(written) and {row["code"] for row in known} == set(written)

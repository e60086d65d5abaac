"""What the pages of master data show around a form: lists, trees, choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from api.catalog import service
from api.catalog.kinds import Kind
from api.catalog.schemas import KeptCalendarEvent, KeptLocation, KeptProduct, known_time_zones
from api.database import DatabaseConnection
from api.deps import Role, Sites
from api.staff import catalog_fields as fields
from api.staff import service as staff
from api.staff.catalog_fields import Choices, Master, address_of, named
from api.staff.catalog_forms import MasterForm
from api.staff.formats import money
from api.staff.pages import Shell, address, quoted

# More than this are typed, not chosen; a tree of more is told as a list.
_TO_CHOOSE = 250
_IN_A_PART = 30
_IN_A_TREE = 1000
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A row of a list: where it leads, and what it says in small beside its name."""

    name: str
    address: str
    detail: str = ""
    chip: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows that belong to the row of the page, and where another one is made."""

    title: str
    rows: Sequence[ListedRow]
    add: str | None
    empty: str
    more: str | None = None


def may_edit(shell: Shell, master: Master) -> bool:
    """Whether the API would let this actor change a row of the kind."""
    return shell.may(Role.MANAGER, every_site=not master.kind.belongs_to_a_site)


def listed(master: Master, row: Any) -> ListedRow:
    """A row of any kind in a list."""
    where = address_of(master, master.kind.key_of(row))
    match master.path:
        case "products":
            return _product(row, where)
        case "suppliers":
            return ListedRow(row.name, where, f"{row.code} · {row.lead_time_days} days")
        case "sites":
            return ListedRow(row.name, where, f"{row.code} · {row.time_zone}")
        case "places":
            return _place(row, where)
        case "packs":
            return ListedRow(row.pack, where, f"{row.units:,} units of {row.sku}")
        case "barcodes":
            return ListedRow(row.code, where, f"{row.sku}, {row.pack or 'one unit'}")
        case "calendar":
            return _calendar_event(row, where)
        case _:
            levels = f"fill up to {row.par:,}, short below {row.minimum:,}"
            return ListedRow(f"{row.sku} at {row.location}", where, levels)


def _product(row: KeptProduct, where: str) -> ListedRow:
    price = money(row.unit_price, row.currency) if row.unit_price is not None else None
    statuses = fields.PRODUCTS.field("status")
    state = named(row.status, statuses.choices) if statuses and row.status != "active" else ""
    told = [part for part in (row.sku, row.category, price) if part]
    return ListedRow(row.name, where, " · ".join(told), chip=state)


def _place(row: KeptLocation, where: str, depth: int = 0) -> ListedRow:
    told = [row.code, row.kind.replace("_", " ")]
    if row.capacity is not None:
        told.append(f"{row.capacity:,} fit")
    if row.refilled_from is not None:
        told.append(f"from {row.refilled_from}")
    chip = "sells" if row.selling else ""
    return ListedRow(row.name or row.code, where, " · ".join(told), chip, depth)


def _calendar_event(row: KeptCalendarEvent, where: str) -> ListedRow:
    days = str(row.first_day)
    if row.last_day != row.first_day:
        days = f"{days} to {row.last_day}"
    told = [row.site, days, row.sku or row.category or "everything"]
    if row.effect_percent is not None:
        told.append(f"{row.effect_percent:+d} %")
    kinds = fields.CALENDAR_EVENTS.field("kind")
    chip = named(row.kind, kinds.choices) if kinds else ""
    return ListedRow(row.name, where, " · ".join(told), chip)


def tree(places: Sequence[KeptLocation]) -> list[ListedRow]:
    """Places below the ones that they stand in."""
    within: dict[str | None, list[KeptLocation]] = {}
    known = {place.code for place in places}
    for place in places:
        within.setdefault(place.parent if place.parent in known else None, []).append(place)
    rows: list[ListedRow] = []
    to_tell = [(place, 0) for place in reversed(within.get(None, []))]
    while to_tell:
        place, depth = to_tell.pop()
        where = address_of(fields.PLACES, (place.code,))
        rows.append(_place(place, where, min(depth, _DEEPEST)))
        to_tell += [(inner, depth + 1) for inner in reversed(within.get(place.code, []))]
    return rows


async def parts_of(
    connection: DatabaseConnection, shell: Shell, master: Master, row: Any
) -> list[Part]:
    """What belongs to a product, a site or a place."""
    match master.path if row is not None else "":
        case "products":
            asked = {"sku": row.sku}
            return [
                await _part(connection, shell, fields.PACKS, asked, empty="Only single units."),
                await _part(connection, shell, fields.BARCODES, asked, empty="No barcode yet."),
                await _part(connection, shell, fields.PAR_LEVELS, asked, empty="At no place."),
            ]
        case "places":
            asked, within = {"location": row.code}, {"parent": row.code}
            levels = await _part(
                connection, shell, fields.PAR_LEVELS, asked, empty="Of no product."
            )
            inside = await _part(connection, shell, fields.PLACES, within, empty="Nothing.")
            if inside.add is not None:
                add = address("/catalog/new/places", site=row.site, parent=row.code)
                inside = replace(inside, add=add)
            return [levels, replace(inside, title="Places that stand in it")]
        case "sites":
            events = await _part(
                connection,
                shell,
                fields.CALENDAR_EVENTS,
                {"site": row.code},
                empty="Nothing is known of its days.",
            )
            return [await _places_of(connection, shell, row.code), events]
        case _:
            return []


async def _places_of(connection: DatabaseConnection, shell: Shell, site: str) -> Part:
    kind: Kind[KeptLocation] = fields.PLACES.kind
    places = await service.list_kept(
        connection, kind, sites=shell.sites, filters={"site": site}, limit=_IN_A_TREE + 1
    )
    return Part(
        title="Its places",
        rows=tree(places[:_IN_A_TREE]),
        add=_adding(shell, fields.PLACES, {"site": site}),
        empty="It has none yet.",
        more=address("/catalog/places", site=site) if len(places) > _IN_A_TREE else None,
    )


async def _part(
    connection: DatabaseConnection,
    shell: Shell,
    master: Master,
    asked: Mapping[str, str],
    *,
    empty: str,
) -> Part:
    rows = await rows_of(connection, master, asked, sites=shell.sites, limit=_IN_A_PART + 1)
    return Part(
        title=master.plural,
        rows=[listed(master, row) for row in rows[:_IN_A_PART]],
        add=_adding(shell, master, asked),
        empty=empty,
        more=address(f"/catalog/{master.path}", **asked) if len(rows) > _IN_A_PART else None,
    )


def _adding(shell: Shell, master: Master, asked: Mapping[str, str]) -> str | None:
    if not may_edit(shell, master):
        return None
    return address(f"/catalog/new/{master.path}", **asked)


async def rows_of(
    connection: DatabaseConnection,
    master: Master,
    asked: Mapping[str, str],
    *,
    sites: Sites,
    limit: int,
    after: tuple[str, ...] | None = None,
) -> list[Any]:
    """Rows that match; a field of the key is looked for as a list of codes."""
    kind: Kind[Any] = master.kind
    filters = {name: [told] if name in kind.key else told for name, told in asked.items()}
    return await service.list_kept(
        connection, kind, sites=sites, filters=filters, after=after, limit=limit
    )


async def choices_of(
    connection: DatabaseConnection, form: MasterForm, row: BaseModel | None, *, sites: Sites
) -> dict[str, Choices]:
    """What each field is chosen from; a field without is typed."""
    site = getattr(row, "site", None) or form.typed.get("site", "")
    code = form.typed.get("code") if row is not None else None
    known: dict[str, Choices] = {}
    for asked in form.fields:
        match asked.source:
            case "suppliers":
                known[asked.name] = await _few(connection, fields.SUPPLIERS, {}, sites)
            case "sites":
                known[asked.name] = await _few(connection, fields.SITES, {}, sites)
            case "kinds":
                kinds = await staff.list_location_kinds(connection)
                known[asked.name] = tuple((kind["kind"], kind["name"]) for kind in kinds)
            case "places" if site and "\x00" not in site:
                places = await _few(connection, fields.PLACES, {"site": site}, sites)
                known[asked.name] = tuple(place for place in places if place[0] != code)
            case _:
                known[asked.name] = asked.choices
    return known


async def _few(
    connection: DatabaseConnection, master: Master, asked: Mapping[str, str], sites: Sites
) -> Choices:
    rows = await rows_of(connection, master, asked, sites=sites, limit=_TO_CHOOSE + 1)
    if len(rows) > _TO_CHOOSE:
        return ()
    return tuple((row.code, f"{row.name} ({row.code})") for row in rows)


def suggested(form: MasterForm) -> list[str]:
    """What the field with a list of suggestions suggests."""
    if any(asked.source == "time_zones" for asked in form.fields):
        return sorted(known_time_zones())
    return []


def in_words(form: MasterForm, choices: Mapping[str, Choices]) -> list[tuple[str, str]]:
    """The fields with what they say, for who may read and not change."""
    return [
        (asked.label, named(form.typed[asked.name], choices[asked.name] or asked.choices))
        for asked in form.fields
        if form.typed[asked.name]
    ]


def list_address(master: Master, asked: Mapping[str, str], cursor: str | None) -> str | None:
    """The next page of a list."""
    if cursor is None:
        return None
    return address(f"/catalog/{quoted(master.path)}", **asked, cursor=cursor)

"""What lines of master data name: whether it is there, and whether it can be meant.

Asked before anything is written, so that a dry run finds the same. Where lines name one another,
a line that is left out may be missed by the next, so they are looked at again until all fit.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from api.catalog.kinds import Kind
from api.database import DatabaseConnection
from api.imports.masters_kinds import parts
from api.imports.masters_lines import Line, Wrong
from api.imports.place import fetch, queries

_PLACES = {"refilled_from": "refilled from", "parent": "the parent of"}
_Row = Mapping[str, Any]
_NEVER = 2**63
_NAMES = {"sku": "product", "location": "place"}


async def wrong_suppliers(connection: DatabaseConnection, lines: Sequence[Line]) -> list[Wrong]:
    """Lines whose supplier is not there."""
    codes = {line.values["supplier"] for line in lines} - {None}
    there = await fetch(connection, queries.kept_suppliers, codes=list(codes))
    missing = codes - {row["code"] for row in there}
    return [
        Wrong(line.row, "supplier", f"there is no supplier {code}", code)
        for line in lines
        if (code := line.values["supplier"]) in missing
    ]


async def wrong_names(
    connection: DatabaseConnection, of: Kind[Any], lines: Sequence[Line]
) -> list[Wrong]:
    """Lines that name a product, a pack or a place that is not there."""
    if of.wrong is None:
        return []
    rows = [line.model.model_dump(mode="json") for line in lines]
    by_key = {of.key_of(line.model): line for line in lines}
    wrong: dict[int, Wrong] = {}
    for found in await fetch(connection, of.wrong, rows=rows, sites=None):
        line = by_key[tuple(found[name] for name in of.key)]
        name, code = found["field"], found["named"]
        of_product = f" of the product {line.values['sku']}" if name == "pack" else ""
        reason = f"there is no {_NAMES.get(name, name)} {code}{of_product}"
        wrong.setdefault(line.row, Wrong(line.row, name, reason, code))
    return list(wrong.values())


async def wrong_places(connection: DatabaseConnection, lines: Sequence[Line]) -> list[Wrong]:
    """Places of no known kind, or whose sources are not there, at their site, in no circle."""
    kinds = [row["kind"] for row in await fetch(connection, queries.kept_location_kinds)]
    of_kinds = [
        Wrong(
            line.row,
            "kind",
            f"there is no kind {line.values['kind']}; expected one of {', '.join(kinds)}",
            line.values["kind"],
        )
        for line in lines
        if line.values["kind"] not in kinds
    ]
    rows = {wrong.row for wrong in of_kinds}
    every = await fetch(connection, queries.kept_locations, codes=None)
    return of_kinds + _until_all_fit(
        [line for line in lines if line.row not in rows],
        lambda fitting: _misplaced_among(fitting, {row["code"]: row for row in every}),
    )


def _misplaced_among(lines: Sequence[Line], before: Mapping[str, _Row]) -> list[Wrong]:
    places = {**before, **{line.values["code"]: line.values for line in lines}}
    numbers: dict[str, set[str]] = {}
    for place in (*before.values(), *places.values()):
        numbers.setdefault(place["gln"], set()).add(place["code"])
    wrong = []
    for line in lines:
        gln = line.values["gln"]
        if gln is not None and numbers[gln] != {line.values["code"]}:
            wrong.append(Wrong(line.row, "gln", "another place has this number", gln))
        elif (found := _misplaced(line, places)) is not None:
            wrong.append(found)
    return wrong


def _misplaced(line: Line, places: Mapping[str, _Row]) -> Wrong | None:
    code, site = line.values["code"], line.values["site"]
    for name, word in _PLACES.items():
        other = line.values[name]
        if other is None:
            continue
        if other not in places or places[other]["site"] != site:
            return Wrong(line.row, name, f"there is no place {other} at the site {site}", other)
        if _leads_back(code, name, places):
            return Wrong(line.row, name, f"{code} would be {word} itself, over {other}", other)
    return None


def names_another(line: Line) -> bool:
    """Whether a product names a successor or a parent, or did so before."""
    return any(
        held is not None and (held["successor"] is not None or held["variant_of"] is not None)
        for held in (line.values, line.before)
    )


async def wrong_links(
    connection: DatabaseConnection, lines: Sequence[Line], *, others: set[str]
) -> list[Wrong]:
    """Products whose successor or parent is not there or cannot be meant.

    `others`: the products of the same file that name none.
    """
    named = {line.values[name] for line in lines for name in ("successor", "variant_of")} - {None}
    there = others | {
        row["sku"] for row in await fetch(connection, queries.kept_products, codes=list(named))
    }
    linked = {row["sku"]: row for row in await fetch(connection, parts.linked_products)}
    no_parents = {
        row["sku"]: row["reason"]
        for row in await fetch(connection, parts.no_parents, codes=list(named))
    }

    def check(fitting: Sequence[Line]) -> list[Wrong]:
        links = {**linked, **{line.values["sku"]: line.values for line in fitting}}
        skus = there | {line.values["sku"] for line in fitting}
        return _wrong_successors(fitting, links, skus) + _wrong_variants(
            fitting, linked, links, skus, no_parents
        )

    return _until_all_fit(lines, check)


def _wrong_successors(
    lines: Sequence[Line], links: Mapping[str, _Row], skus: set[str]
) -> list[Wrong]:
    wrong = []
    for line in lines:
        sku, successor = line.values["sku"], line.values["successor"]
        if successor is not None and successor not in skus:
            reason = f"there is no product {successor}"
            wrong.append(Wrong(line.row, "successor", reason, successor))
        elif _leads_back(sku, "successor", links):
            reason = f"{sku} would follow itself, over {successor}"
            wrong.append(Wrong(line.row, "successor", reason, successor))
    return wrong


def _wrong_variants(
    lines: Sequence[Line],
    before: Mapping[str, _Row],
    links: Mapping[str, _Row],
    skus: set[str],
    no_parents: Mapping[str, str],
) -> list[Wrong]:
    """Of two lines that cannot both be, the later one is wrong."""
    said_in = {line.values["sku"]: line.row for line in lines if _moves(line)}
    first_child: dict[str, int] = {}
    told: dict[tuple[str, str], set[str]] = {}
    for held in (before, links):
        for sku, row in held.items():
            told.setdefault(_variant(row), set()).add(sku)
    for sku, row in links.items():
        parent = row["variant_of"]
        first_child[parent] = min(said_in.get(sku, 0), first_child.get(parent, _NEVER))
    wrong = []
    for line in lines:
        sku, parent = line.values["sku"], line.values["variant_of"]
        if parent is None:
            continue
        is_variant = links.get(parent, {}).get("variant_of") is not None
        if parent not in skus:
            reason = f"there is no product {parent}"
        elif parent in no_parents:
            reason = f"{parent} cannot be a parent: {no_parents[parent]}"
        elif is_variant and said_in.get(parent, 0) < line.row:
            reason = f"{parent} cannot be a parent: it is a variant itself"
        elif first_child.get(sku, _NEVER) < line.row:
            reason = f"{sku} has variants, so it cannot be one"
        elif told[_variant(line.values)] != {sku}:
            wrong.append(Wrong(line.row, "options", "another variant has these options", None))
            continue
        else:
            continue
        wrong.append(Wrong(line.row, "variant_of", reason, parent))
    return wrong


def _moves(line: Line) -> bool:
    return line.before is None or line.before["variant_of"] != line.values["variant_of"]


def _variant(row: _Row) -> tuple[str, str]:
    return row["variant_of"], json.dumps(row["options"], sort_keys=True)


def _until_all_fit(
    lines: Sequence[Line], check: Callable[[Sequence[Line]], list[Wrong]]
) -> list[Wrong]:
    wrong: dict[int, Wrong] = {}
    while True:
        fitting = [line for line in lines if line.row not in wrong]
        found = check(fitting)
        if not found:
            return list(wrong.values())
        for each in found:
            wrong.setdefault(each.row, each)


def _leads_back(code: str, name: str, rows: Mapping[str, _Row]) -> bool:
    """Whether following a field from a row leads back to that row."""
    seen = set()
    other = rows[code][name]
    while other is not None and other not in seen:
        if other == code:
            return True
        seen.add(other)
        other = rows[other][name] if other in rows else None
    return False

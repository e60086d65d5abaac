"""Rows of master data written, and what is wrong with them said in the words of the API."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from pydantic import BaseModel

from api.catalog.errors import DifferentContent, DoesNotFit, UnknownReference
from api.catalog.kinds import Kept, Key, Kind, queries
from api.database import DatabaseConnection
from api.deps import Sites
from api.problems import Problem
from db.sql import Query

_CONSTRAINTS = {
    "locations_gln_key": ("gln", "Another place has this number"),
    "products_base_unit_stays": ("base_unit", "The product has been counted in the unit it has"),
    "products_options_key": ("options", "Another variant has these options"),
    "barcodes_pack_fkey": ("pack", "The product has no such pack"),
}


class Misfits(Exception):  # noqa: N818 - one problem for each row that does not fit
    """What is wrong with some of the rows that were written; the transaction has to go back."""

    def __init__(self, problems: Mapping[Key, Problem]) -> None:
        super().__init__(len(problems))
        self.problems = problems


async def write_rows(
    connection: DatabaseConnection,
    kind: Kind[Kept],
    rows: Sequence[BaseModel],
    *,
    sites: Sites,
    overwrites: bool = True,
    **values: Any,
) -> bool:
    """Make or change rows, all or none; whether any was made or could be changed."""
    given = [{**row.model_dump(mode="json"), **values} for row in rows]
    written = []
    for query in kind.writes:
        written.append(await fetch(connection, query, rows=given, overwrites=overwrites))
    if kind.wrong is not None:
        wrong = await fetch(connection, kind.wrong, rows=given, sites=listed(sites))
        if wrong:
            raise Misfits(
                {
                    tuple(record[name] for name in kind.key): await _misfit(connection, record)
                    for record in reversed(wrong)
                }
            )
    return bool(written[0])


async def _misfit(connection: DatabaseConnection, wrong: asyncpg.Record) -> Problem:
    field, named = wrong["field"], wrong["named"]
    match wrong["reason"]:
        case "circle":
            return DoesNotFit(field, f"Following {field} from {named} leads back to it")
        case "moved":
            return DifferentContent("location", wrong["code"], [field])
        case "no_parent":
            detail = f"{named} cannot be a parent: it, or this one, is a variant or has stock"
            return DoesNotFit(field, detail)
        case "in_kits":
            return DoesNotFit(field, f"{named} cannot be a parent: it is a kit or part of one")
        case _:
            kinds = await fetch(connection, queries.list_location_kinds) if field == "kind" else ()
            return UnknownReference(field, named, known=[kind["kind"] for kind in kinds] or None)


async def write(
    connection: DatabaseConnection, kind: Kind[Kept], rows: Sequence[BaseModel], **values: Any
) -> bool:
    """As write_rows, with the first problem for what is wrong."""
    values.setdefault("sites", None)
    try:
        return await write_rows(connection, kind, rows, **values)
    except Misfits as misfits:
        raise next(iter(misfits.problems.values())) from misfits
    except asyncpg.IntegrityConstraintViolationError as error:
        raise of_constraint(error) from error


def of_constraint(error: Exception) -> Exception:
    """The problem that a named constraint stands for; the error itself where it stands for none."""
    said = _CONSTRAINTS.get(getattr(error, "constraint_name", None) or "")
    return DoesNotFit(*said) if said is not None else error


def listed(sites: Sites) -> list[str] | None:
    return None if sites is None else sorted(sites)


async def fetch(
    connection: DatabaseConnection, query: Query, **values: Any
) -> list[asyncpg.Record]:
    records: list[asyncpg.Record] = await connection.fetch(
        query.positional, *query.arguments(values)
    )
    return records


async def execute(connection: DatabaseConnection, query: Query, **values: Any) -> None:
    await connection.execute(query.positional, *query.arguments(values))

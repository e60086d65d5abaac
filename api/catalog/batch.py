"""Many rows at once: each is read, kept and answered by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from pydantic import BaseModel, ValidationError

from api.catalog.kinds import Kept, Key, Kind
from api.catalog.schemas import BatchRow
from api.catalog.service import find, lock_and_find, patched
from api.catalog.writing import Misfits, of_constraint, write_rows
from api.database import DatabaseConnection
from api.deps import Sites
from api.problems import Problem, invalid_field, invalid_fields


async def upsert_each(
    connection: DatabaseConnection,
    kind: Kind[Kept],
    rows: Sequence[tuple[int, Any]],
    *,
    taken: set[Key],
    sites: Sites = None,
) -> list[BatchRow]:
    """Make or change rows, given with their places; what one does not say stays as it is.

    `taken` are the keys that earlier rows of the same batch had; those of these are added.
    """
    refused: dict[int, Problem] = {}
    places: dict[Key, int] = {}
    sent: dict[Key, Mapping[str, Any]] = {}
    for place, row in rows:
        try:
            key = _key(kind, row)
            if key in taken:
                raise invalid_field(f"#/{kind.key[0]}", "An earlier row has this code")
            taken.add(key)
            places[key], sent[key] = place, {**row, **dict(zip(kind.key, key, strict=True))}
        except Problem as problem:
            refused[place] = problem
    before = await lock_and_find(connection, kind, list(sent), sites=sites)
    whole: dict[Key, BaseModel] = {}
    for key, row in sent.items():
        try:
            whole[key] = patched(kind, before.get(key), row)
        except Problem as problem:
            refused[places[key]] = problem
    wrong = await _write_what_fits(connection, kind, whole, sites=sites)
    refused |= {places[key]: problem for key, problem in wrong.items()}
    after = await find(connection, kind, list(sent), sites=sites)
    results = [
        BatchRow(row=place, status="refused", problem=problem.body())
        for place, problem in refused.items()
    ]
    for key, place in places.items():
        if place not in refused:
            results.append(_result(place, before.get(key), after[key]))
    return sorted(results, key=lambda result: result.row)


def _key(kind: Kind[Kept], row: Any) -> Key:
    if not isinstance(row, dict):
        raise invalid_field("#", "Expected a JSON object")
    try:
        given = kind.key_alone.model_validate(row)
    except ValidationError as error:
        raise invalid_fields(error.errors(include_input=False)) from error
    return kind.key_of(given)


async def _write_what_fits(
    connection: DatabaseConnection,
    kind: Kind[Kept],
    rows: Mapping[Key, BaseModel],
    *,
    sites: Sites,
) -> dict[Key, Problem]:
    """Write the rows but those that are wrong; answers what is wrong with each of these."""
    refused: dict[Key, Problem] = {}
    fitting = dict(rows)
    while fitting:
        try:
            async with connection.transaction():
                await write_rows(connection, kind, list(fitting.values()), sites=sites)
            break
        except Misfits as misfits:
            refused |= misfits.problems
            fitting = {key: row for key, row in fitting.items() if key not in refused}
        except asyncpg.IntegrityConstraintViolationError as error:
            # It does not say for which row; that is found out one by one.
            if len(fitting) > 1:
                for key, row in fitting.items():
                    refused |= await _write_what_fits(connection, kind, {key: row}, sites=sites)
                break
            problem = of_constraint(error)
            if not isinstance(problem, Problem):
                raise
            return refused | dict.fromkeys(fitting, problem)
    return refused


def _result(place: int, before: BaseModel | None, after: BaseModel) -> BatchRow:
    then, now = getattr(before, "version", None), getattr(after, "version", None)
    status = "created" if then is None else "unchanged" if then == now else "changed"
    return BatchRow.model_validate({"row": place, "status": status, "version": now})

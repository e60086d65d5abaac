"""A batch: each row is validated, recorded or refused on its own, whatever its neighbours are."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from api.deps import Sites
from api.ledger.events import AnyEvent
from api.ledger.reading import event_id_of, read_row, row_json
from api.ledger.schemas import RowResult, recorded_json
from api.ledger.service import Ledger
from api.problems import Problem, clean

_ROWS_AT_A_TIME = 250


async def record_rows(
    ledger: Ledger, rows: Sequence[Any], *, recorded_by: int, sites: Sites = None
) -> list[RowResult]:
    """One result a row, in their order; what is refused is kept whole, but for a 409."""
    read: list[AnyEvent | Problem] = []
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        read += [read_row(row) for row in rows[start : start + _ROWS_AT_A_TIME]]
        await asyncio.sleep(0)  # others have their turn
    events = [event for event in read if not isinstance(event, Problem)]
    recorded = iter(await ledger.write_rows(events, recorded_by=recorded_by, sites=sites))
    results = [
        RowResult("rejected", problem=event) if isinstance(event, Problem) else next(recorded)
        for event in read
    ]
    await ledger.keep_rejected(
        [
            (event_id_of(row), row_json(row), result.problem)
            for row, result in zip(rows, results, strict=True)
            if result.problem is not None
        ],
        received_by=recorded_by,
    )
    return results


def batch_json(rows: Sequence[Any], results: Sequence[RowResult]) -> bytes:
    """The answer to a batch."""
    parts = [_row_json(row, result) for row, result in zip(rows, results, strict=True)]
    return b'{"results":[' + b",".join(parts) + b"]}"


def _row_json(row: Any, result: RowResult) -> bytes:
    if result.recorded is not None:
        return recorded_json.dump_json(result.recorded)
    event_id = row.get("event_id") if isinstance(row, dict) else None
    return json.dumps(
        {
            "event_id": clean(event_id) if isinstance(event_id, str) else None,
            "status": result.status,
            "problem": result.problem.body() if result.problem is not None else None,
        }
    ).encode()

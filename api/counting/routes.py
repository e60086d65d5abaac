"""Count sessions under /v1/count-sessions."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.counting import levels, lines, rounds, service
from api.counting.approval import Approval
from api.counting.schemas import (
    Cancellation,
    CountLevel,
    CountLine,
    CountLineEntry,
    CountSession,
    CountSessionPlan,
    CountSessionQuestion,
    LevelQuestion,
    Recount,
    RoundNamed,
    WholeCountSession,
)
from api.deps import Connection, Manager, Pool, Reader, ReadingConnection, Recorder
from api.ledger.routes import CurrentLedger
from api.pagination import Page, Paging, PagingQuery, page_of

router = APIRouter(prefix="/v1/count-sessions", tags=["count sessions"])

_TAKEN = {"description": "The id is taken by other content, or the session's state forbids it"}
_MADE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The same is there already"},
    409: _TAKEN,
}
_CHANGED: dict[int | str, dict[str, Any]] = {409: _TAKEN}
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {"text/csv": {}}}
}


@router.put("/{count_session_id}", status_code=201, responses=_MADE)
async def open_session(
    count_session_id: UUID,
    plan: CountSessionPlan,
    connection: Connection,
    actor: Manager,
    response: Response,
) -> WholeCountSession:
    """Open a count of a place under an id of the client's; the same again is 200."""
    session, is_new = await service.open_session(connection, count_session_id, plan, actor=actor)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/v1/count-sessions/{count_session_id}"
    return session


@router.get("")
async def list_sessions(
    connection: ReadingConnection, actor: Reader, asked: Annotated[CountSessionQuestion, Query()]
) -> Page[CountSession]:
    """Count sessions, the newest first."""
    after = Paging(asked.limit, asked.cursor).after(int)
    found = await service.list_sessions(
        connection, asked, before=after[0] if after is not None else None, sites=actor.sites
    )
    shown, next_cursor = page_of(found, asked.limit, lambda numbered: (numbered[0],))
    return Page(items=[session for _, session in shown], next_cursor=next_cursor)


@router.get("/{count_session_id}")
async def get_session(
    count_session_id: UUID, connection: ReadingConnection, actor: Reader
) -> WholeCountSession:
    """One count session, with its history and what is to be counted again."""
    return await service.read_session(connection, count_session_id, sites=actor.sites)


@router.put("/{count_session_id}/lines/{line_id}", status_code=201, responses=_MADE)
async def enter_line(
    count_session_id: UUID,
    line_id: UUID,
    entry: CountLineEntry,
    request: Request,
    connection: Connection,
    actor: Recorder,
    response: Response,
) -> CountLine:
    """Enter what was found of a product; lines of one level add up, whoever counted."""
    clock = lines.Clock.now(request.app.state.settings.ledger)
    line, is_new = await lines.enter(
        connection, count_session_id, line_id, entry, actor=actor, clock=clock
    )
    response.status_code = 201 if is_new else 200
    return line


@router.delete("/{count_session_id}/lines/{line_id}", status_code=204, responses=_CHANGED)
async def withdraw_line(
    count_session_id: UUID, line_id: UUID, connection: Connection, actor: Recorder
) -> None:
    """Take a line of this round back; it is kept, and counts no more."""
    await lines.withdraw(connection, count_session_id, line_id, actor=actor)


@router.get("/{count_session_id}/lines")
async def list_lines(
    count_session_id: UUID, connection: ReadingConnection, actor: Reader, paging: PagingQuery
) -> Page[CountLine]:
    """Every line that was entered, in the order in which they came."""
    (after,) = paging.after(int) or (0,)
    found = await lines.list_lines(
        connection, count_session_id, after=after, limit=paging.limit + 1, sites=actor.sites
    )
    shown, next_cursor = page_of(found, paging.limit, lambda numbered: (numbered[0],))
    return Page(items=[line for _, line in shown], next_cursor=next_cursor)


@router.get("/{count_session_id}/levels")
async def list_levels(
    count_session_id: UUID,
    connection: ReadingConnection,
    actor: Reader,
    asked: Annotated[LevelQuestion, Query()],
) -> Page[CountLevel]:
    """What was counted of each level, beside what the book held at the moment of counting."""
    after = Paging(asked.limit, asked.cursor).after(str, str, str)
    found = await levels.list_levels(
        connection,
        count_session_id,
        only=asked.only,
        after=(after[0], after[1], after[2]) if after is not None else None,
        limit=asked.limit + 1,
        actor=actor,
    )
    shown, next_cursor = page_of(found, asked.limit, levels.key_of)
    return Page(items=shown, next_cursor=next_cursor)


@router.get("/{count_session_id}/levels.csv", response_class=Response, responses=_CSV)
async def export_levels(
    count_session_id: UUID, connection: ReadingConnection, actor: Reader
) -> Response:
    """All levels as a file."""
    text = await levels.levels_as_csv(connection, count_session_id, actor=actor)
    name = f'attachment; filename="count-{count_session_id}.csv"'
    return Response(text, media_type="text/csv", headers={"Content-Disposition": name})


@router.post("/{count_session_id}/submit", responses=_CHANGED)
async def submit(
    count_session_id: UUID, asked: RoundNamed, connection: Connection, actor: Recorder
) -> WholeCountSession:
    """End the round: to review, or to a recount of what differs beyond the tolerance."""
    return await rounds.submit(connection, count_session_id, count_round=asked.round, actor=actor)


@router.post("/{count_session_id}/recount", responses=_CHANGED)
async def ask_again(
    count_session_id: UUID, asked: Recount, connection: Connection, actor: Manager
) -> WholeCountSession:
    """Have levels counted again: what is found then replaces what was counted before."""
    return await rounds.ask_again(
        connection, count_session_id, asked.levels, count_round=asked.round, actor=actor
    )


@router.post("/{count_session_id}/approve", responses=_CHANGED)
async def approve(
    count_session_id: UUID, asked: RoundNamed, pool: Pool, actor: Manager, ledger: CurrentLedger
) -> WholeCountSession:
    """Record what was counted, and close the count; again, it counts once."""
    approval = Approval(ledger, pool, actor)
    return await approval.approve(count_session_id, count_round=asked.round)


@router.post("/{count_session_id}/cancel", responses=_CHANGED)
async def cancel(
    count_session_id: UUID, asked: Cancellation, connection: Connection, actor: Manager
) -> WholeCountSession:
    """End the count without an effect on stock."""
    return await rounds.cancel(connection, count_session_id, reason=asked.reason, actor=actor)

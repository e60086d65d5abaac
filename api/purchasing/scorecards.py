"""What suppliers did: how long they took, what was late, short or damaged, and their prices."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.database import DatabaseConnection
from api.deps import Reader, ReadingConnection, Sites
from api.pagination import Page, Paging, PagingQuery, page_of
from api.text import SoughtCode
from db.sql import Queries

router = APIRouter(prefix="/v1", tags=["purchase orders"])
_queries = Queries(Path(__file__).with_name("scorecards.sql"))


class Scorecard(BaseModel):
    """One supplier, from orders that were sent and what came of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    supplier: str
    name: str
    stated_lead_time_days: int
    deliveries: int = Field(description="Receipts of a line, undone ones apart.")
    lead_time_days_p5: int | None
    lead_time_days_median: int | None
    lead_time_days_p95: int | None
    late_deliveries: int = Field(description="After the day on which they were expected.")
    most_days_late: int | None = Field(description="Below 0 where all came early.")
    lines: int
    lines_done: int
    short_lines: int = Field(description="Done, and less came than was ordered.")
    overdue_lines: int
    units_received: int
    units_damaged: int
    price_rises: int = Field(description="From one order to the next, by product and currency.")
    price_cuts: int
    mean_price_change_percent: float | None


async def list_scorecards(
    connection: DatabaseConnection,
    *,
    paging: Paging,
    sites: Sites,
    supplier: str | None = None,
    ordered_only: bool = False,
) -> tuple[list[Scorecard], str | None]:
    """Suppliers in order of their codes; `ordered_only`: those with an order that was sent."""
    (after,) = paging.after(str) or (None,)
    query = _queries.list_scorecards
    values = {
        "sites": sites,
        "supplier": supplier,
        "after": after,
        "ordered_only": ordered_only,
        "limit": paging.limit + 1,
    }
    rows = await connection.fetch(query.positional, *query.arguments(values))
    shown, next_cursor = page_of(rows, paging.limit, lambda row: (row["supplier"],))
    return [Scorecard(**row) for row in shown], next_cursor


@router.get("/supplier-scorecards")
async def get_scorecards(
    connection: ReadingConnection,
    actor: Reader,
    paging: PagingQuery,
    supplier: Annotated[SoughtCode | None, Query(description="only this one")] = None,
) -> Page[Scorecard]:
    """How reliable each supplier was, in order of their codes."""
    cards, next_cursor = await list_scorecards(
        connection, paging=paging, sites=actor.sites, supplier=supplier
    )
    return Page(items=cards, next_cursor=next_cursor)

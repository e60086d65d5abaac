"""Orders that are worth less than their supplier takes, and what is needed next anyway."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.database import DatabaseConnection
from api.deps import Reader, ReadingConnection, Sites
from api.text import SoughtCode
from db.sql import Queries

router = APIRouter(prefix="/v1", tags=["purchase orders"])
_queries = Queries(Path(__file__).with_name("minimums.sql"))


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Candidate(_Model):
    """A product above its reorder point and below its order-up-to level."""

    sku: str
    product: str
    pack_size: int
    minimum_order_quantity: int
    unit_cost: int
    reorder_point: int
    order_up_to_level: int
    inventory_position: int
    days_to_reorder_point: float | None


class Filler(_Model):
    """What could be bought a little earlier than it has to be; cost is in minor units."""

    sku: str
    product: str
    quantity: int = Field(description="In base units and whole packs, at most up to its level.")
    cost: int
    days_to_reorder_point: float | None = Field(
        description="Until it would be bought anyway, at its mean demand; null without demand."
    )


class ShortOrder(_Model):
    """An order below its supplier's minimum; amounts are in minor units of the currency."""

    supplier: str
    supplier_name: str
    site: str
    currency: str
    minimum_order_value: int
    drafted: int = Field(description="In the draft already.")
    proposed: int = Field(description="The open lines of the plan.")
    lines_not_counted: int = Field(description="Without a price in this currency.")
    short_by: int
    fillers: list[Filler] = Field(description="What is needed next, the soonest first.")
    still_short_by: int = Field(description="With the fillers; more would be bought for no need.")


def fill(short_by: int, candidates: Iterable[Candidate]) -> tuple[list[Filler], int]:
    """The fewest packs of the first candidates that make up `short_by`, and what is still short.

    None goes above its order-up-to level, so that no need is invented.
    """
    fillers = []
    for one in candidates:
        if short_by <= 0:
            break
        room = (one.order_up_to_level - one.inventory_position) // one.pack_size
        least = -(-one.minimum_order_quantity // one.pack_size)
        packs = min(room, max(least, -(-short_by // (one.unit_cost * one.pack_size))))
        if packs < least or packs < 1:
            continue
        quantity = packs * one.pack_size
        cost = quantity * one.unit_cost
        short_by -= cost
        fillers.append(
            Filler(
                sku=one.sku,
                product=one.product,
                quantity=quantity,
                cost=cost,
                days_to_reorder_point=one.days_to_reorder_point,
            )
        )
    return fillers, max(0, short_by)


async def list_short_orders(
    connection: DatabaseConnection,
    *,
    sites: Sites,
    supplier: str | None = None,
    site: str | None = None,
    as_drafted: bool = False,
) -> list[ShortOrder]:
    """Orders in the making that are below the minimum, in order of supplier and site.

    `as_drafted`: without the lines of the plan that nobody has approved yet.
    """
    asked = {"supplier": supplier, "site": site, "sites": sites}
    query = _queries.list_order_values
    values = await connection.fetch(query.positional, *query.arguments(asked))
    short = {}
    for row in values:
        worth = row["drafted"] + (0 if as_drafted else row["proposed"])
        if worth < row["minimum_order_value"]:
            short[row["supplier"], row["site"]] = (row, row["minimum_order_value"] - worth)
    query = _queries.list_candidates
    pairs = {
        "supplier_codes": [supplier_code for supplier_code, _ in short],
        "site_codes": [site_code for _, site_code in short],
    }
    candidates = defaultdict(list)
    for row in await connection.fetch(query.positional, *query.arguments(pairs)) if short else ():
        fields = {name: row[name] for name in Candidate.model_fields}
        candidates[row["supplier"], row["site"]].append(Candidate(**fields))
    told = []
    for key, (row, short_by) in short.items():
        fillers, still = fill(short_by, candidates[key])
        told.append(ShortOrder(**row, short_by=short_by, fillers=fillers, still_short_by=still))
    return told


@router.get("/short-orders")
async def get_short_orders(
    connection: ReadingConnection,
    actor: Reader,
    supplier: Annotated[SoughtCode | None, Query(description="only this one")] = None,
    site: Annotated[SoughtCode | None, Query(description="only this site")] = None,
) -> list[ShortOrder]:
    """Orders in the making, as draft and plan have them, that their supplier would not take."""
    return await list_short_orders(connection, sites=actor.sites, supplier=supplier, site=site)

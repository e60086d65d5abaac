"""The site, places and products that a file speaks of, made where they are missing."""

from collections.abc import Mapping
from typing import Any

import duckdb

from api.catalog.schemas import Location, Product, Site
from api.catalog.service import upsert_locations, upsert_products, upsert_sites
from api.currencies import MINOR_UNIT_DIGITS
from api.database import DatabaseConnection
from api.imports.duck import lines, rows
from api.imports.masters_fields import minor_units
from api.imports.naming import title_of
from api.imports.place import Place, fetch, queries
from api.imports.reading import Table

_DEFAULT_CURRENCY = "USD"
_KIND_OF_PLACE = "shelf"


async def settle_currency(
    connection: DatabaseConnection | None, said: str | None
) -> tuple[str, list[str]]:
    """The currency of the prices: what was said, else what the catalog uses, else dollars."""
    if said is not None:
        return said, []
    used = await fetch(connection, queries.find_currency_in_use) if connection else []
    if used:
        return str(used[0]["currency"]), [
            f"Prices are taken as {used[0]['currency']}, as the catalog uses (--currency)."
        ]
    return _DEFAULT_CURRENCY, [
        f"No currency was said, so prices are taken as {_DEFAULT_CURRENCY} (--currency)."
    ]


def read_products(workspace: duckdb.DuckDBPyConnection, currency: str) -> dict[str, Product]:
    """The products that events name, by code in capitals."""
    digits = MINOR_UNIT_DIGITS[currency]
    found = {}
    for row in rows(workspace, lines.find_products):
        price = minor_units(row["price"], digits)
        found[row["sku"]] = Product(
            sku=row["sku"],
            name=row["name"],
            unit_price=price,
            currency=None if price is None else currency,
        )
    return found


async def use_spelling_of_the_catalog(
    table: Table, connection: DatabaseConnection | None, products: Mapping[str, Product]
) -> list[Product]:
    """Point events at the products that there are; answers those that are to be made."""
    workspace = table.connection
    find = queries.find_skus if table.is_exact else queries.find_spellings
    known = await fetch(connection, find, keys=list(products)) if connection else []
    spelled = [(row["key"], row["sku"]) for row in known if row["key"] != row["sku"]]
    if spelled:
        workspace.execute(
            "create table spelling as select unnest($1::varchar[]) as key, "
            "unnest($2::varchar[]) as sku",
            [[key for key, _ in spelled], [sku for _, sku in spelled]],
        )
        workspace.execute(lines.spell_as_in_the_catalog.text)
    there = {row["key"] for row in known}
    return [product for sku, product in products.items() if sku not in there]


async def missing_locations(
    connection: DatabaseConnection | None, workspace: duckdb.DuckDBPyConnection, place: Place
) -> list[Location]:
    """The places that events name and nobody made yet: shelves, which sell."""
    named = [str(row["location"]) for row in rows(workspace, lines.find_locations)]
    known: list[dict[str, Any]] = (
        await fetch(connection, queries.find_known_locations, locations=named) if connection else []
    )
    there = {row["code"] for row in known}
    return [
        Location(code=code, site=place.site, kind=_KIND_OF_PLACE)
        for code in named
        if code not in there
    ]


async def make_masters(
    connection: DatabaseConnection,
    place: Place,
    locations: list[Location],
    products: list[Product],
) -> None:
    """Make what is missing; what is there stays as it is."""
    if place.makes_site:
        name = title_of(place.site) or place.site
        await upsert_sites(
            connection, [Site(code=place.site, name=name, time_zone=place.time_zone)]
        )
    await upsert_locations(connection, locations)
    await upsert_products(connection, products)

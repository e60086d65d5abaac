"""Kits: what one is made of, by version. A kit holds neither itself nor another kit."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.catalog.errors import DoesNotFit, UnknownCode, UnknownReference, VersionRequired
from api.catalog.kinds import PRODUCTS, parts
from api.catalog.schemas import KeptRecipe, KitComponent, Recipe
from api.catalog.service import lock_and_find, require_version
from api.catalog.writing import execute, fetch
from api.database import DatabaseConnection


@dataclass(frozen=True, slots=True)
class Component:
    """So many base units of a product in one kit."""

    product_id: int
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class KitRecipe:
    """What a kit is made of now."""

    version: int
    components: tuple[Component, ...]


async def find_recipes(
    connection: DatabaseConnection, product_ids: Sequence[int]
) -> dict[int, KitRecipe]:
    """The newest recipe by product_id, of those products that are kits."""
    records = await fetch(connection, parts.find_recipes, product_ids=product_ids)
    components: dict[tuple[int, int], list[Component]] = {}
    for record in records:
        kit = (record["product_id"], record["recipe_version"])
        components.setdefault(kit, []).append(
            Component(record["component_product_id"], record["sku"], record["quantity"])
        )
    return {
        product_id: KitRecipe(version, tuple(found))
        for (product_id, version), found in components.items()
    }


async def get_recipe(
    connection: DatabaseConnection, sku: str, *, version: int | None = None
) -> KeptRecipe:
    """A product's recipe, by default the newest."""
    found = await _find(connection, sku, version)
    if found is None:
        raise UnknownCode("recipe of", sku if version is None else f"{sku} version {version}")
    return found


async def _find(
    connection: DatabaseConnection, sku: str, version: int | None = None
) -> KeptRecipe | None:
    records = await fetch(connection, parts.get_recipe, sku=sku, version=version)
    if not records:
        return None
    components = [
        KitComponent(sku=record["component"], quantity=record["quantity"])
        for record in records
        if record["component"] is not None
    ]
    first = records[0]
    return KeptRecipe(
        sku=sku,
        version=first["recipe_version"],
        created_at=first["created_at"],
        components=components,
    )


async def put_recipe(
    connection: DatabaseConnection,
    sku: str,
    recipe: Recipe,
    *,
    versions: frozenset[int] | None,
    names_a_version: bool,
) -> tuple[KeptRecipe, bool]:
    """Keep a recipe as a new version; True where it is the first. The same again is none."""
    given = {component.sku: component.quantity for component in recipe.components}
    # All of them, so that two kits cannot be made of one another at the same moment.
    products = await lock_and_find(connection, PRODUCTS, [(code,) for code in (sku, *given)])
    if (sku,) not in products:
        raise UnknownCode("product", sku)
    before = await _find(connection, sku)
    if before is None and names_a_version:
        raise UnknownCode("recipe of", sku)
    if before is not None:
        is_same = {held.sku: held.quantity for held in before.components} == given
        if is_same and not names_a_version:
            return before, False
        if not names_a_version:
            raise VersionRequired()
        require_version("recipe of", sku, before.version, versions)
        if is_same:
            return before, False
    for number, component in enumerate(recipe.components):
        if (component.sku,) not in products:
            raise UnknownReference(f"components/{number}/sku", component.sku)
    await _refuse_nesting(connection, sku, recipe)
    version = before.version + 1 if before is not None else 1
    await execute(
        connection,
        parts.insert_recipe,
        sku=sku,
        version=version,
        components=list(given),
        quantities=list(given.values()),
    )
    return await get_recipe(connection, sku), before is None


async def _refuse_nesting(connection: DatabaseConnection, sku: str, recipe: Recipe) -> None:
    codes = [component.sku for component in recipe.components]
    if sku in codes:
        raise DoesNotFit(f"components/{codes.index(sku)}/sku", "A kit cannot hold itself")
    if not codes:
        return
    [roles] = await fetch(connection, parts.roles_in_kits, sku=sku, components=codes)
    if roles["is_component"]:
        raise DoesNotFit("components", f"{sku} is part of a kit, so it cannot be one")
    if roles["is_parent"]:
        raise DoesNotFit("components", f"{sku} has variants, so it cannot be a kit")
    for number, code in enumerate(codes):
        if code in roles["not_stocked"]:
            raise DoesNotFit(
                f"components/{number}/sku", f"{code} is a kit or has variants, so it has no stock"
            )

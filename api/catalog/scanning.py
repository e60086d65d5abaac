"""What one scan means here: the product and how many of it, or the place."""

from datetime import date

from api.catalog.barcodes import BarcodeError, Scanned, parse
from api.catalog.errors import NotABarcode, UnknownCode
from api.catalog.kinds import BARCODES, LOCATIONS, PACKS, PRODUCTS
from api.catalog.schemas import KeptLocation, KeptProduct, ScanAnswer, Warned
from api.catalog.service import find, find_products, get, list_kept
from api.database import DatabaseConnection
from api.deps import Sites


async def scan(
    connection: DatabaseConnection, code: str, *, today: date, sites: Sites = None
) -> ScanAnswer:
    """Understand a scan: a barcode first, then a code of ours as it stands."""
    try:
        scanned = parse(code, today=today)
    except BarcodeError as error:
        own = await _of_our_own(connection, code, today=today, sites=sites)
        if own is None:
            raise NotABarcode(str(error)) from error
        return own
    product, pack, units = await _product(connection, scanned)
    location = await _location(connection, scanned, sites=sites)
    if scanned.gtin is not None and product is None:
        own = await _of_our_own(connection, code, today=today, sites=sites)
        if own is None:
            raise UnknownCode("product with the barcode", scanned.gtin)
        return own
    return ScanAnswer(
        product=product,
        location=location,
        gtin=scanned.gtin,
        pack=pack,
        quantity=quantity_of(scanned, product, units) if product is not None else None,
        lot=scanned.lot,
        serial=scanned.serial,
        expires_on=scanned.expires_on,
        best_before=scanned.best_before,
        produced_on=scanned.produced_on,
        net_weight_g=None if scanned.net_weight_mg is None else scanned.net_weight_mg / 1000,
        sscc=scanned.sscc,
        warnings=await _warnings(connection, product, scanned.expires_on, today=today),
    )


async def _product(
    connection: DatabaseConnection, scanned: Scanned
) -> tuple[KeptProduct | None, str | None, int]:
    """The product, the pack that was scanned, and its units."""
    if scanned.sku is not None:
        return await get(connection, PRODUCTS, (scanned.sku,)), None, 1
    if scanned.gtin is None:
        return None, None, 1
    barcode = (await find(connection, BARCODES, [(scanned.gtin,)])).get((scanned.gtin,))
    if barcode is None:
        return None, None, 1
    product = await get(connection, PRODUCTS, (barcode.sku,))
    if barcode.pack is None:
        return product, None, 1
    pack = await get(connection, PACKS, (barcode.sku, barcode.pack))
    return product, pack.pack, pack.units


async def _location(
    connection: DatabaseConnection, scanned: Scanned, *, sites: Sites
) -> KeptLocation | None:
    if scanned.place is not None:
        return await get(connection, LOCATIONS, (scanned.place,), sites=sites)
    if scanned.gln is None:
        return None
    found = await list_kept(connection, LOCATIONS, sites=sites, filters={"gln": scanned.gln})
    if not found and scanned.gtin is None:
        raise UnknownCode("location with the number", scanned.gln)
    return found[0] if found else None


async def _of_our_own(
    connection: DatabaseConnection, code: str, *, today: date, sites: Sites
) -> ScanAnswer | None:
    key = (code.strip(),)
    product = (await find(connection, PRODUCTS, [key])).get(key)
    if product is not None:
        warnings = await _warnings(connection, product, None, today=today)
        return ScanAnswer(product=product, quantity=1, warnings=warnings)
    location = (await find(connection, LOCATIONS, [key], sites=sites)).get(key)
    return ScanAnswer(location=location) if location is not None else None


def quantity_of(scanned: Scanned, product: KeptProduct, units: int) -> int:
    """How many base units a scan stands for: grams as weighed, else packs times their count."""
    if product.base_unit == "g" and scanned.net_weight_mg is not None:
        return round(scanned.net_weight_mg / 1000)
    return units * (scanned.count if scanned.count is not None else 1)


def life_cycle_warnings(product: KeptProduct, *, today: date) -> list[Warned]:
    """What to say of a product that is not, or no longer, what should be used."""
    follows = f"; {product.successor} follows it" if product.successor is not None else ""
    if product.status == "discontinued":
        return [Warned(code="discontinued", detail=f"{product.sku} is discontinued{follows}.")]
    if product.successor_from is not None and product.successor_from <= today:
        since = f"{product.sku} has been succeeded since {product.successor_from}"
        return [Warned(code="succeeded", detail=f"{since}{follows}.")]
    return []


async def _warnings(
    connection: DatabaseConnection,
    product: KeptProduct | None,
    expires_on: date | None,
    *,
    today: date,
) -> list[Warned]:
    if product is None:
        return []
    warnings = life_cycle_warnings(product, today=today)
    known = await find_products(connection, [product.sku])
    if known[product.sku]["is_parent"]:
        detail = f"{product.sku} has variants; say which one."
        warnings.append(Warned(code="not_stocked", detail=detail))
    if expires_on is not None and expires_on < today:
        warnings.append(Warned(code="expired", detail=f"It expired on {expires_on}."))
    return warnings

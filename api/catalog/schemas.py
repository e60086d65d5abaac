"""Master data as the API takes and gives it."""

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from api.catalog.barcodes import BarcodeError, gln, gtin_14
from api.catalog.countries import is_known
from api.text import Name, NewCode, ShortText, SoughtCode

# The greatest whole number that every JSON reader keeps exactly.
_GREATEST = 2**53 - 1
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@lru_cache(maxsize=1)
def known_time_zones() -> frozenset[str]:
    """The names that a site's time zone may have."""
    return frozenset(available_timezones() - {"Factory", "localtime"})


def _known_time_zone(value: str) -> str:
    if value not in known_time_zones():
        raise PydanticCustomError(
            "time_zone", "Expected the name of a time zone, as in Europe/Berlin"
        )
    return value


def _known_country(value: str) -> str:
    if not is_known(value):
        raise PydanticCustomError(
            "country", "Expected a country whose holidays are known, as in DE or DE-BE"
        )
    return value


def _normal_kind(value: Any) -> Any:
    if isinstance(value, str):
        return "_".join(value.strip().lower().replace("-", " ").replace("_", " ").split())
    return value


def _normal_weekdays(value: str) -> str | None:
    """In order of the week and by three letters each; none where nothing is named."""
    said = {word.lower() for word in re.split(r"[\s,;]+", value) if word}
    known = {day for day in _WEEKDAYS if said & {day, day[:3]}}
    if not said <= known | {day[:3] for day in known}:
        raise PydanticCustomError("order_days", "Expected weekdays, as in mon thu")
    return " ".join(day[:3] for day in _WEEKDAYS if day in known) or None


def _gtin_14(value: str) -> str:
    try:
        return gtin_14(value)
    except BarcodeError as error:
        raise PydanticCustomError("gtin", "{reason}", {"reason": str(error)}) from error


def _gln(value: str) -> str:
    try:
        return gln(value)
    except BarcodeError as error:
        raise PydanticCustomError("gln", "{reason}", {"reason": str(error)}) from error


def _sorted_options(value: dict[str, str]) -> dict[str, str]:
    return dict(sorted(value.items()))


Money = Annotated[int, Field(strict=True, ge=0, le=_GREATEST)]
Days = Annotated[int, Field(strict=True, ge=0, le=730)]
PackUnits = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]
Capacity = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
TimeZone = Annotated[str, StringConstraints(max_length=100), AfterValidator(_known_time_zone)]
Country = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$"),
    AfterValidator(_known_country),
]
Kind = Annotated[SoughtCode, BeforeValidator(_normal_kind)]
OrderDays = Annotated[str, StringConstraints(max_length=200), AfterValidator(_normal_weekdays)]
Metering = Literal["metered", "periodic"]
Gtin = Annotated[str, StringConstraints(max_length=14), AfterValidator(_gtin_14)]
Gln = Annotated[str, StringConstraints(max_length=13), AfterValidator(_gln)]
Units = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
Percent = Annotated[int, Field(strict=True, ge=-100, le=1000)]
CalendarKind = Literal["closure", "promotion", "price_change", "event"]
_LONGEST_EVENT = timedelta(days=366)
BaseUnit = Literal["each", "g", "ml"]
Status = Literal["planned", "active", "phasing_out", "discontinued"]
Options = Annotated[
    dict[ShortText, ShortText], Field(max_length=10), AfterValidator(_sorted_options)
]


def _by_quantity(value: dict[str, int]) -> dict[str, int]:
    return {least: value[least] for least in sorted(value, key=int)}


PriceBreaks = Annotated[
    dict[Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,6}$")], Money],
    Field(max_length=10),
    AfterValidator(_by_quantity),
]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Supplier(_Row):
    """Who delivers, how long that takes, and what an order has to be."""

    code: NewCode
    name: Name
    lead_time_days: Days = 7
    minimum_order_value: Money | None = Field(
        default=None, description="Orders below are not taken; in minor units of the currency."
    )
    currency: Currency | None = Field(default=None, validate_default=True)
    order_days: OrderDays | None = Field(
        default=None, description='Weekdays on which orders are taken, as in "mon thu".'
    )

    @field_validator("currency")
    @classmethod
    def _minimum_has_a_currency(cls, value: str | None, given: ValidationInfo) -> str | None:
        if value is None and given.data.get("minimum_order_value") is not None:
            raise PydanticCustomError("currency", "Expected a currency, as in EUR, beside money")
        return value


class Site(_Row):
    """A shop, arcade or warehouse, with its own day."""

    code: NewCode
    name: Name
    time_zone: TimeZone = "UTC"
    country: Country | None = Field(
        default=None, description="ISO 3166, as in DE or DE-BE: whose public holidays it keeps."
    )


class Location(_Row):
    """A place at a site, for good. Whether it sells is by default that of its kind."""

    code: NewCode
    site: SoughtCode
    kind: Kind
    name: Name | None = Field(default=None, description="The code where it is left out.")
    capacity: Capacity | None = None
    metering: Metering = "metered"
    selling: bool | None = Field(default=None, strict=True)
    refilled_from: SoughtCode | None = None
    parent: SoughtCode | None = Field(default=None, description="The place that it stands in.")
    gln: Gln | None = Field(default=None, description="Its GS1 Global Location Number.")

    @field_validator("refilled_from", "parent")
    @classmethod
    def _is_another(cls, value: str | None, given: ValidationInfo) -> str | None:
        if value is not None and value == given.data.get("code"):
            raise PydanticCustomError("another_place", "Expected another place than this one")
        return value


class Product(_Row):
    """What is kept, counted in its base unit. Money is in minor units of the currency."""

    sku: NewCode
    name: Name
    category: ShortText | None = None
    unit_cost: Money | None = None
    unit_price: Money | None = None
    currency: Currency | None = Field(default=None, validate_default=True)
    supplier: SoughtCode | None = None
    pack_size: PackUnits = 1
    minimum_order_quantity: PackUnits = 1
    base_unit: BaseUnit = "each"
    status: Status = "active"
    successor: SoughtCode | None = Field(default=None, description="What follows it.")
    successor_from: date | None = Field(default=None, validate_default=True)
    variant_of: SoughtCode | None = Field(default=None, description="Its parent, never stocked.")
    options: Options = Field(default_factory=dict, description='As in {"colour": "red"}.')
    price_breaks: PriceBreaks = Field(
        default_factory=dict, description='Cost of one by the quantity from on, as in {"50": 240}.'
    )

    @field_validator("currency")
    @classmethod
    def _money_has_a_currency(cls, value: str | None, given: ValidationInfo) -> str | None:
        money = (given.data.get("unit_cost"), given.data.get("unit_price"))
        if value is None and money != (None, None):
            raise PydanticCustomError("currency", "Expected a currency, as in EUR, beside money")
        return value

    @field_validator("price_breaks")
    @classmethod
    def _prices_fall(cls, value: dict[str, int], given: ValidationInfo) -> dict[str, int]:
        unit_cost = given.data.get("unit_cost")
        falls = unit_cost is not None and all(
            less < more for more, less in pairwise([unit_cost, *value.values()])
        )
        if value and not falls:
            raise PydanticCustomError(
                "price_breaks", "Expected a cost of one, and less for each larger quantity"
            )
        return value

    @field_validator("successor", "variant_of")
    @classmethod
    def _is_another(cls, value: str | None, given: ValidationInfo) -> str | None:
        if value is not None and value == given.data.get("sku"):
            raise PydanticCustomError("another_product", "Expected another product than this one")
        return value

    @field_validator("successor_from")
    @classmethod
    def _successor_is_dated(cls, value: date | None, given: ValidationInfo) -> date | None:
        if (value is None) != (given.data.get("successor") is None):
            raise PydanticCustomError("dated_successor", "Expected a successor and its first day")
        return value


class Pack(_Row):
    """So many base units of a product in one pack."""

    sku: SoughtCode
    pack: NewCode
    units: PackUnits


class Barcode(_Row):
    """What a scanner reads on a product: one scan is one pack, or one base unit without."""

    code: Gtin
    sku: SoughtCode
    pack: SoughtCode | None = None


class ParLevel(_Row):
    """What a place is filled up to, of a product, and below what it is short."""

    location: SoughtCode
    sku: SoughtCode
    par: Units
    minimum: Units = 0

    @field_validator("minimum")
    @classmethod
    def _is_within_par(cls, value: int, given: ValidationInfo) -> int:
        if value > given.data.get("par", value):
            raise PydanticCustomError("minimum", "Expected no more than par")
        return value


class CalendarEvent(_Row):
    """What is known beforehand of some days at a site; the last day is one of them."""

    site: SoughtCode
    code: NewCode
    name: Name
    kind: CalendarKind
    first_day: date
    last_day: date
    sku: SoughtCode | None = Field(default=None, description="Only of this product.")
    category: ShortText | None = Field(default=None, description="Only of this category.")
    effect_percent: Percent | None = Field(
        default=None,
        description="How demand differs, 40 for +40 %; left out, its past days teach it.",
    )

    @field_validator("last_day")
    @classmethod
    def _ends_after_it_begins(cls, value: date, given: ValidationInfo) -> date:
        first = given.data.get("first_day", value)
        if not timedelta() <= value - first <= _LONGEST_EVENT:
            raise PydanticCustomError("last_day", "Expected a day within a year of the first day")
        return value

    @field_validator("sku", "category", "effect_percent")
    @classmethod
    def _fits_its_kind(cls, value: Any, given: ValidationInfo) -> Any:
        if value is not None and given.data.get("kind") == "closure":
            raise PydanticCustomError("closure", "A closure is of the whole site, without effect")
        if value is not None and given.field_name == "category" and given.data.get("sku"):
            raise PydanticCustomError("about_one_thing", "Expected a product or a category")
        return value


class KitComponent(_Row):
    """So many base units of a product in one kit."""

    sku: SoughtCode
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class Recipe(_Row):
    """What one kit is made of; without components the product is a kit no longer."""

    components: Annotated[list[KitComponent], Field(max_length=100)]

    @field_validator("components")
    @classmethod
    def _each_once(cls, value: list[KitComponent]) -> list[KitComponent]:
        if len({component.sku for component in value}) < len(value):
            raise PydanticCustomError("component_twice", "Expected each component once")
        return value


# What is answered: the row as it is kept, and the version that If-Match names. They are made by
# model_construct: what was valid when it was written is told, whatever is asked of new rows now.


class KeptSupplier(Supplier):
    version: int


class KeptSite(Site):
    is_simulated: bool
    version: int


class KeptLocation(Location):
    version: int


class KeptProduct(Product):
    version: int


class KeptPack(Pack):
    version: int


class KeptBarcode(Barcode):
    kind: Literal["gtin_8", "gtin_12", "gtin_13", "gtin_14"]
    version: int


class KeptParLevel(ParLevel):
    version: int


class KeptCalendarEvent(CalendarEvent):
    version: int


class StockOfProduct(BaseModel):
    """What one place holds of the product."""

    sku: str
    location: str
    site: str
    on_hand: int
    reserved: int
    available: int
    version: int


class KeptProductWithStock(KeptProduct):
    stock_levels: list[StockOfProduct]


class Batch(_Row):
    """Rows to make or change; each is read by itself, so that one that is wrong harms no other."""

    rows: list[Any]


class BatchRow(BaseModel):
    """What became of one row."""

    row: int = Field(description="Its place in what was sent, from 0.")
    status: Literal["created", "changed", "unchanged", "refused"]
    version: int | None = None
    problem: dict[str, Any] | None = None


class BatchResult(BaseModel):
    rows: list[BatchRow]


class Change(BaseModel):
    """Who changed what from what to what, and when."""

    change_id: int
    entity: str
    code: str
    changed_at: datetime
    actor_id: int | None = Field(description="null: a part of Parstock itself")
    before: dict[str, Any] | None = Field(description="null: it was made")
    after: dict[str, Any] | None = Field(description="null: it was deleted")


class KeptRecipe(BaseModel):
    """A version of a recipe; it is for good, because events were exploded by it."""

    sku: str
    version: int
    created_at: datetime
    components: list[KitComponent]


class Image(BaseModel):
    """One image of a product, as it is served."""

    sku: str
    number: int
    address: str
    media_type: str
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str


class Warned(BaseModel):
    """Why what was scanned deserves a second look."""

    code: Literal["discontinued", "succeeded", "not_stocked", "expired"]
    detail: str


class ScanAnswer(BaseModel):
    """What one scan means here. `quantity` is in base units: packs and counts are worked out."""

    product: KeptProduct | None = None
    location: KeptLocation | None = None
    gtin: str | None = None
    pack: str | None = None
    quantity: int | None = None
    lot: str | None = None
    serial: str | None = None
    expires_on: date | None = None
    best_before: date | None = None
    produced_on: date | None = None
    net_weight_g: float | None = None
    sscc: str | None = None
    warnings: list[Warned] = []

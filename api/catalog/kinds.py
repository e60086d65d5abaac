"""The kinds of master data, each said once: its models, its key, its filters, its statements."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, create_model

from api.catalog.schemas import (
    Barcode,
    CalendarEvent,
    Gtin,
    KeptBarcode,
    KeptCalendarEvent,
    KeptLocation,
    KeptPack,
    KeptParLevel,
    KeptProduct,
    KeptSite,
    KeptSupplier,
    Location,
    Pack,
    ParLevel,
    Product,
    Site,
    Supplier,
)
from api.text import SoughtCode
from db.sql import Queries, Query, load_queries

queries = load_queries(__file__)
parts = Queries(Path(__file__).with_name("parts.sql"))
Kept = TypeVar("Kept", bound=BaseModel)
Key = tuple[str, ...]


@dataclass(frozen=True)
class Kind(Generic[Kept]):
    """One kind of row: `key` are the fields that name it for good, `fixed` others that stay.

    `belongs_to_a_site`: whoever has a role for that site alone may change it, too.
    `key_type`: how a code of the key is looked up.
    """

    name: str
    row: type[BaseModel]
    kept: type[Kept]
    key: tuple[str, ...]
    listing: Query
    lock: Query
    writes: tuple[Query, ...]
    wrong: Query | None = None
    delete: Query | None = None
    filters: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    belongs_to_a_site: bool = False
    key_type: Any = SoughtCode

    @property
    def title(self) -> str:
        """The kind in words, as in "par level"."""
        return self.name.replace("_", " ")

    def key_of(self, row: BaseModel) -> Key:
        return tuple(getattr(row, field) for field in self.key)

    @cached_property
    def key_alone(self) -> type[BaseModel]:
        """What of a row says which one it is, whatever else it holds."""
        fields: dict[str, Any] = dict.fromkeys(self.key, (self.key_type, ...))
        return create_model(f"{self.row.__name__}Key", **fields)

    def replacement(self) -> type[BaseModel]:
        """The body of a PUT: the row without its key, which is in the address."""
        fields: dict[str, Any] = {
            name: (field.annotation, field)
            for name, field in self.row.model_fields.items()
            if name not in self.key
        }
        return create_model(f"{self.row.__name__}Body", __config__=_CLOSED, **fields)

    def patch(self) -> type[BaseModel]:
        """The body of a PATCH (RFC 7396). Only what is sent counts: no default is ever read."""
        fields: dict[str, Any] = {
            name: (Annotated[_without_some(field.annotation), *field.metadata, Field()], None)
            for name, field in self.row.model_fields.items()
            if name not in (*self.key, *self.fixed)
        }
        return create_model(f"{self.row.__name__}Change", __config__=_CLOSED, **fields)


_CLOSED = ConfigDict(extra="forbid", frozen=True)


def _without_some(annotation: Any) -> Any:
    """In a patch null takes an entry out of an object."""
    if get_origin(annotation) is dict:
        name, value = get_args(annotation)
        return dict[name, value | None]  # type: ignore[valid-type]  # made of what the row says
    return annotation


def _statements(
    several: str, *, made_with: tuple[str, ...] = ("upsert",), said_in: Queries = queries
) -> dict[str, Any]:
    """The statements of a kind, by the names that their file gives them."""
    return {
        "listing": getattr(said_in, f"list_{several}"),
        "lock": getattr(said_in, f"lock_{several}"),
        "writes": tuple(getattr(said_in, f"{verb}_{several}") for verb in made_with),
    }


SUPPLIERS = Kind(
    name="supplier",
    row=Supplier,
    kept=KeptSupplier,
    key=("code",),
    filters=("search",),
    **_statements("suppliers"),
)
SITES = Kind(
    name="site",
    row=Site,
    kept=KeptSite,
    key=("code",),
    filters=("search",),
    **_statements("sites"),
)
LOCATIONS = Kind(
    name="location",
    row=Location,
    kept=KeptLocation,
    key=("code",),
    filters=("search", "site", "kind", "parent", "refilled_from", "gln"),
    fixed=("site",),
    belongs_to_a_site=True,
    wrong=queries.wrong_locations,
    **_statements("locations", made_with=("upsert", "link")),
)
PRODUCTS = Kind(
    name="product",
    row=Product,
    kept=KeptProduct,
    key=("sku",),
    filters=("search", "category", "supplier", "status", "variant_of"),
    wrong=queries.wrong_products,
    **_statements("products", made_with=("upsert", "link")),
)
PACKS = Kind(
    name="pack",
    row=Pack,
    kept=KeptPack,
    key=("sku", "pack"),
    wrong=parts.wrong_packs,
    delete=parts.delete_packs,
    **_statements("packs", said_in=parts),
)
BARCODES = Kind(
    name="barcode",
    row=Barcode,
    kept=KeptBarcode,
    key=("code",),
    filters=("sku",),
    key_type=Gtin,
    wrong=parts.wrong_barcodes,
    delete=parts.delete_barcodes,
    **_statements("barcodes", said_in=parts),
)
PAR_LEVELS = Kind(
    name="par_level",
    row=ParLevel,
    kept=KeptParLevel,
    key=("location", "sku"),
    belongs_to_a_site=True,
    wrong=parts.wrong_par_levels,
    delete=parts.delete_par_levels,
    **_statements("par_levels", said_in=parts),
)
CALENDAR_EVENTS = Kind(
    name="calendar_event",
    row=CalendarEvent,
    kept=KeptCalendarEvent,
    key=("site", "code"),
    filters=("search", "kind", "sku", "category"),
    belongs_to_a_site=True,
    wrong=parts.wrong_calendar_events,
    delete=parts.delete_calendar_events,
    **_statements("calendar_events", said_in=parts),
)
